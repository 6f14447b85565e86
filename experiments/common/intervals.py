"""Intervals: what seeds, splits and test items leave open about a mean."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

LEVEL = 0.95


class Interval(NamedTuple):
    """An estimate between its bounds."""

    low: float
    middle: float
    high: float


def of_mean(values: np.ndarray) -> Interval:
    """Student's 95 % interval of the mean of independent values `[n]`; infinite for a single one.

    For two networks that share seeds and splits give their differences.
    """
    values = np.asarray(values, np.float64).reshape(-1)
    middle = float(values.mean())
    if len(values) < 2:
        return Interval(-np.inf, middle, np.inf)
    half = float(stdtrit(len(values) - 1, (1 + LEVEL) / 2) * values.std(ddof=1) / len(values) ** 0.5)
    return Interval(middle - half, middle, middle + half)


def of_items(values: np.ndarray, groups: np.ndarray | None = None, seed: int = 0, draws: int = 2000) -> Interval:
    """The 95 % percentile bootstrap of the mean of test items `[n]`, which are drawn with all others of their group.

    Args:
      values: right or wrong, or a loss; for two models on the same items, their differences.
      groups: which items belong together, `[n]`; every item is its own group if None.
      seed: of the draws.
      draws: how many.
    """
    values = np.asarray(values, np.float64).reshape(-1)
    _, places = np.unique(np.arange(len(values)) if groups is None else groups, return_inverse=True)
    sums, counts = np.bincount(places, values), np.bincount(places)
    rng = np.random.default_rng(seed)
    chosen = (rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums))) for _ in range(draws))
    means = [times @ sums / (times @ counts) for times in chosen]
    low, high = np.quantile(means, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Interval(float(low), float(values.mean()), float(high))


def of_share(successes: int, trials: int) -> Interval:
    """Wilson's 95 % interval of the chance of success in independent trials; the middle is the share that succeeded.

    Reference: Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    share, square = successes / trials, float(ndtri((1 + LEVEL) / 2)) ** 2 / trials
    centre = (share + square / 2) / (1 + square)
    half = (square * share * (1 - share) + square**2 / 4) ** 0.5 / (1 + square)
    return Interval(max(centre - half, 0.0), share, min(centre + half, 1.0))


def of_difference(first: Interval, second: Interval) -> Interval:
    """Newcombe's 95 % interval of the first chance minus the second one, from those of `of_share`, of independent trials.

    Reference: Newcombe (1998), Interval estimation for the difference between independent proportions, method 10.
    """
    middle = first.middle - second.middle
    below = np.hypot(first.middle - first.low, second.high - second.middle)
    above = np.hypot(first.high - first.middle, second.middle - second.low)
    return Interval(float(middle - below), middle, float(middle + above))
