"""The criteria of `temporal_order`, and what they read off the trainings."""

import numpy as np

from experiments.common.checks import Check, at_least, at_most
from experiments.common.experiment import Results
from experiments.common.intervals import Interval, of_difference, of_share
from experiments.common.options import is_default
from experiments.temporal_order.methods import CLIPPED, CONFIRMED, REGULARIZED, SGD
from experiments.temporal_order.options import FULL, Config

GAP, WRONG = 0.4, 0.01
"""How much more often Ω must succeed than plain SGD at the longest length, and the share of errors that is allowed."""
BEYOND = 10
"""Times the longest trained length at which the models of many lengths are judged."""
OPEN = ("init", "form", "exact")
"""Options that the criteria leave open, beside the seed."""


def success(results: Results, method: str) -> list[Interval]:
    """Share of networks that solved the task, at every length, with Wilson's interval over seeds."""
    return [of_share(int(row.sum()), row.size) for row in results.curves[f"solved/{method}"]]


def least_lead(results: Results, method: str, other: str) -> float:
    """By how much a method succeeds more often than another one, at the length where that is least."""
    shares = (np.array([found.middle for found in success(results, name)]) for name in (method, other))
    return float(np.min(np.subtract(*shares)))


def gap(results: Results) -> Interval:
    """How much more often Ω succeeds than plain SGD at the longest length, with Newcombe's interval over seeds."""
    return of_difference(success(results, REGULARIZED)[-1], success(results, SGD)[-1])


def wrong_beyond(results: Results) -> Interval:
    """Errors far beyond the trained lengths, of the model that makes most, with Wilson's interval over sequences."""
    factors, errors = results.curves["many/factors"], results.curves["many/errors"]
    return of_share(round(CONFIRMED * float(errors[:, factors == BEYOND].max())), CONFIRMED)


def check(config: Config, results: Results) -> list[Check]:
    """Judges the default size and the published one, with any initial weights, any form of Omega and any seed."""
    if not is_default(config, FULL, *OPEN):
        return []
    longest, trained = int(results.curves["lengths"][-1]), int(results.curves["many/longest"])
    pairs = ((REGULARIZED, CLIPPED), (CLIPPED, SGD))
    return [
        *(
            at_least(
                f"(1) {method} minus {other}: share that succeed, least over lengths", least_lead(results, method, other), 0
            )
            for method, other in pairs
        ),
        at_least(f"(2) {REGULARIZED} minus {SGD}: share that succeed, length {longest}", gap(results), GAP),
        at_most(f"(3) many lengths: share of errors at {BEYOND * trained}, worst model", wrong_beyond(results), WRONG),
    ]
