"""Intervals over folds, and the comparisons that the criteria are about."""

from collections.abc import Mapping

import numpy as np

from experiments.common.intervals import Interval, of_mean

NGRAMS, CHOSEN, MAJORITY = "letter n-grams", "network chosen on validation", "most frequent language"
FIRST = 0.03
"""How far the n-grams may be ahead of the network by the first criterion of this experiment."""


def over_folds(values: np.ndarray) -> Interval:
    """Student's 95 % interval of the mean of test results `[fold]`, wider than for independent ones.

    Training parts overlap, so that the variance is multiplied by 1 + n test / training, n folds:
    1 + n / (n - 1).

    Reference: Nadeau & Bengio (2003), Inference for the generalization error, section 3.
    """
    low, middle, high = of_mean(values)
    wider = (1 + len(values) / (len(values) - 1)) ** 0.5
    return Interval(middle - wider * (middle - low), middle, middle + wider * (high - middle))


def ahead(curves: Mapping[str, np.ndarray]) -> Interval:
    """How much better the n-grams are than the network chosen on validation names."""
    return over_folds(curves[f"test/{NGRAMS}"] - curves[f"test/{CHOSEN}"])


def gain(curves: Mapping[str, np.ndarray], kind: str) -> Interval:
    """How much better one kind of network does with its last state than with the mean of its states."""
    return over_folds(curves[f"test/{kind}, last"] - curves[f"test/{kind}, mean"])
