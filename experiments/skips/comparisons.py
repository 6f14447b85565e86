"""Differences between networks, run by run, and whether accuracy is in the order of the skip coefficient."""

from collections.abc import Sequence

import numpy as np

from experiments.common.experiment import Results
from experiments.common.intervals import Interval, of_mean
from experiments.common.ranks import rank_correlations
from experiments.skips.networks import PLAIN, Kind, kinds


def networks_of(results: Results) -> list[Kind]:
    """The networks of a run, the plain one first."""
    return kinds([int(skip) for skip in results.curves["skips"]])


def delays_of(results: Results) -> list[int]:
    """The numbers of blank steps, the smallest first."""
    return [int(blanks) for blanks in results.curves["blanks"]]


def measured(results: Results, kind: Kind) -> float:
    """The skip coefficient that was read from a network's graph."""
    return float(results.curves[f"coefficient/{kind.name}"])


def scores(results: Results, blanks: int, kind: Kind) -> np.ndarray:
    """Accuracies `[run]` of a network on test digits."""
    return results.curves[f"test/{blanks}/{kind.name}"]


def gain(results: Results, blanks: int, kind: Kind, other: Kind) -> Interval:
    """How much more test digits one network gets right than another one."""
    return of_mean(scores(results, blanks, kind) - scores(results, blanks, other))


def growth(results: Results, kind: Kind) -> Interval:
    """How much larger the gain over the plain network is with the most blank steps than with the fewest."""
    delays = delays_of(results)
    few, many = (scores(results, blanks, kind) - scores(results, blanks, PLAIN) for blanks in (delays[0], delays[-1]))
    return of_mean(many - few)


def order(results: Results, blanks: int, compared: Sequence[Kind]) -> Interval:
    """Spearman's rank correlation, in each run, of test accuracy with the measured skip coefficient."""
    accuracies = np.stack([scores(results, blanks, kind) for kind in compared], axis=1)
    return of_mean(rank_correlations(accuracies, np.array([measured(results, kind) for kind in compared])))
