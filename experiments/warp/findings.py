"""What is read off a run of `warp`."""

import numpy as np

from experiments.common.experiment import Results
from experiments.warp.networks import UNIFORM

ANSWERED, DONE = 0.05, 0.02
"""Losses: below the first a network answers, below the second its training ends."""


def losses(results: Results, name: str, form: str) -> dict[int, np.ndarray]:
    """Losses `[seed]` by warp; a warp of 1 is uniform in either form."""
    warps = results.curves["warps"].tolist()
    return {warp: results.curves[f"loss/{name}/{form if warp > 1 else UNIFORM}/{warp}"] for warp in warps}


def farthest(results: Results, name: str, form: str) -> int:
    """The largest warp up to which the loss is low in every seed; 0 if it is not at the first."""
    reached = 0
    for warp, found in losses(results, name, form).items():
        if not found.max() < ANSWERED:
            break
        reached = warp
    return reached
