"""Differences between networks, run by run."""

import numpy as np

from experiments.common.experiment import Results
from experiments.common.intervals import Interval, of_mean
from experiments.digits.trials import Setting

LOGISTIC = "logistic regression"
OLDER = Setting("pixel by pixel", 64, 0)
"""The older setting."""


def scores(results: Results, network: str, setting: Setting | None = None) -> np.ndarray:
    """Test accuracies `[run]` of a network in a setting; without one, of the logistic regression."""
    return results.curves[f"accuracy/{network}" if setting is None else f"accuracy/{setting.name}/{network}"]


def gain(results: Results, setting: Setting, network: str, other: str) -> Interval:
    """How much more one network gets right than another one."""
    return of_mean(scores(results, network, setting) - scores(results, other, setting))


def growth(results: Results, first: Setting, last: Setting, network: str, other: str) -> Interval:
    """How much larger the gain is in the last setting than in the first one."""
    early, late = (scores(results, network, s) - scores(results, other, s) for s in (first, last))
    return of_mean(late - early)
