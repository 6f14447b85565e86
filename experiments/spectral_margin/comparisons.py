"""Differences between networks, run by run, and the margin that validation digits prefer."""

import numpy as np

from experiments.common.experiment import Results
from experiments.common.intervals import Interval, of_mean
from experiments.spectral_margin.networks import GLOROT, INTERIOR, KINDS, Kind


def scores(results: Results, kind: Kind, part: str = "test") -> np.ndarray:
    """Accuracies `[run]` of a network on "training", "validation" or "test" digits."""
    return results.curves[f"{part}/{kind.name}"]


def best_interior(results: Results) -> Kind:
    """The margin between 0 and 1 with the best mean accuracy on validation digits."""
    return max(INTERIOR, key=lambda kind: scores(results, kind, "validation").mean())


def gain(results: Results, kind: Kind, other: Kind) -> Interval:
    """How much more test digits one network gets right than another one."""
    return of_mean(scores(results, kind) - scores(results, other))


def behind_all(results: Results) -> Interval:
    """How far the network with Glorot's start is behind the others: of all differences the one with the lowest bound."""
    return min((gain(results, kind, GLOROT) for kind in KINDS if kind != GLOROT), key=lambda found: found.low)
