"""What is read off a run."""

import numpy as np

from experiments.common.experiment import Results
from experiments.common.intervals import Interval, of_mean
from experiments.reber.trials import FORGET, NONE

KNOWS, GUESSES = 0.98, 0.70
"""Outer accuracies from which a network counts as one that remembers, and up to which it counts as one that guesses."""


def knowing(results: Results, network: str, test: int = 0) -> int:
    """How many networks of a kind remember, after the first round of updates or a later one."""
    return int(np.sum(results.curves[f"accuracy/{network}"][test] >= KNOWS))


def guessing(results: Results, network: str, test: int = 0) -> int:
    """How many guess."""
    return int(np.sum(results.curves[f"accuracy/{network}"][test] <= GUESSES))


def ratio(results: Results) -> Interval:
    """How many times as large c is without a forget gate as with one: the geometric mean over streams, each read by both."""
    sizes = (results.curves[f"size/{network}"][0] for network in (NONE, FORGET))
    return Interval(*np.exp(of_mean(np.subtract(*map(np.log, sizes)))))


def online(results: Results, network: str, windows: int) -> np.ndarray:
    """Outer accuracies before each window was learned, means over so many windows, `[windows, network]`."""
    right, due = (results.curves[f"{name}/{network}"] for name in ("right", "due"))
    count = len(right) // windows
    summed = (values[: count * windows].reshape(count, windows, -1).sum(axis=1) for values in (right, due))
    return np.divide(*summed)
