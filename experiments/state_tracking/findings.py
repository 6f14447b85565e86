"""What is read off the accuracies of a run."""

import numpy as np

from experiments.common.experiment import Results
from experiments.common.intervals import Interval, of_mean
from experiments.state_tracking.networks import PARITY

SOLVED = 0.99
"""Accuracy from which a network counts as one that tracks the state."""


def lengths_at(task: str, length: int) -> tuple[int, ...]:
    """The lengths that are scored as one: for permutations, of which every other transposition is even, two in a row."""
    return (length,) if task == PARITY else (length - 1, length)


def of_all(results: Results, task: str, network: str, length: int) -> np.ndarray:
    """Accuracies of all networks at the last step of sequences of a length, `[run, network]`."""
    steps = np.array(lengths_at(task, length)) - 1
    return results.curves[f"accuracy/{task}/{network}"][..., steps].mean(axis=-1)


def of_runs(results: Results, task: str, network: str, length: int) -> np.ndarray:
    """The same of the network that each run keeps: that with the lowest loss at the longest trained length, `[run]`."""
    best = results.curves[f"loss/{task}/{network}"].argmin(axis=1)
    return np.take_along_axis(of_all(results, task, network, length), best[:, None], axis=1)[:, 0]


def accuracy(results: Results, task: str, network: str, length: int) -> Interval:
    """The mean over runs."""
    return of_mean(of_runs(results, task, network, length))


def share_solved(results: Results, task: str, network: str, length: int) -> float:
    """Share of all networks, kept or not, that reach `SOLVED`."""
    return float((of_all(results, task, network, length) >= SOLVED).mean())
