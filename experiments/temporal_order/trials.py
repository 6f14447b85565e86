"""How rates are chosen, networks trained and measured, and what the models of many lengths are."""

from typing import Any

import jax
import numpy as np

from experiments.common import solving
from experiments.common.solving import Course, Setting, own_key, solve
from experiments.temporal_order.criteria import BEYOND
from experiments.temporal_order.methods import CONFIRMED, REGULARIZED, Measured, make_setting, measure
from experiments.temporal_order.options import Config
from experiments.temporal_order.varied import varied

EVERY = 250
"""Updates between two tests."""
FACTORS = (1, 2, 5, BEYOND)
"""Times the longest trained length at which the models of many lengths are tested."""
CHUNK = 1000
"""Sequences that are tested at once at such lengths."""
CHOICE, MANY = 10_000, 20_000
"""What is added to the seed for networks that choose rates, and for those of many lengths."""

Arrays = dict[str, Any]


def choose(config: Config, method: str, length: int) -> Arrays:
    """Trains networks at every rate, on seeds that are used for nothing else; none if there is one rate.

    Returns:
      solved, updates, losses: whether a network succeeded, updates made, and loss at the end, `[rate, network]`.
      rate: the one at which most networks succeeded, among equals after the fewest updates, and then with the least loss.
    """
    rates, seeds = config.learning_rates, range(config.seed + CHOICE, config.seed + CHOICE + config.trials)
    if len(rates) == 1:
        return {"rate": rates[0]}
    solved, updates, losses = np.zeros((3, len(rates), len(seeds)))
    setting = make_setting(config, method, length, min(EVERY, config.updates))
    for i, rate in enumerate(rates):
        for j, seed in enumerate(seeds):
            course = solve(setting, seed, rate, config.updates, f"{method}, {length}, rate {rate:g}")
            solved[i, j], updates[i, j], losses[i, j] = course.solved[-1], course.updates[-1], course.losses[-1]
    return {"solved": solved, "updates": updates, "losses": losses, "rate": rates[best(solved, updates, losses)]}


def best(solved: np.ndarray, updates: np.ndarray, losses: np.ndarray) -> int:
    """The place of the rate that solves most, among equals of the fastest, and then of the one with the least loss."""
    means = np.nan_to_num(losses.mean(axis=1), nan=np.inf)
    return min(range(len(solved)), key=lambda i: (-solved[i].sum(), updates[i].mean(), means[i]))


def train(config: Config, method: str, length: int, rate: float) -> Arrays:
    """Trains a network per seed; what is found of each is `[seed]`."""
    setting, found = make_setting(config, method, length, min(EVERY, config.updates)), []
    for seed in range(config.seed, config.seed + config.seeds):
        course = solve(setting, seed, rate, config.updates, f"{method}, {length}, seed {seed}")
        found.append(_summary(setting, length, course, seed))
    return {name: np.array([one[name] for one in found]) for name in found[0]}


def _summary(setting: Setting, length: int, course: Course, seed: int) -> Arrays:
    measured = measure(setting.cell, length, course.network, own_key(seed))
    return {
        "solved": bool(course.solved[-1]),
        "updates": course.solved_after,
        "errors": course.errors[-1],
        **{name: float(value) for name, value in measured._asdict().items()},
    }


def untrained(config: Config, length: int) -> Arrays:
    """Measures as many networks that were never trained."""
    setting, found = make_setting(config, REGULARIZED, length, min(EVERY, config.updates)), []
    for seed in range(config.seed, config.seed + config.seeds):
        network = solving.untrained(setting, seed)
        found.append(measure(setting.cell, length, network, own_key(seed)))
    return {name: np.array([getattr(one, name) for one in found], np.float64) for name in Measured._fields}


def many_lengths(config: Config, rate: float) -> Arrays:
    """Trains models with Ω on sequences of many lengths, to the end of the updates, and tests them far beyond.

    Returns:
      errors: shares of `CONFIRMED` fresh sequences, `[model, factor]`.
    """
    shortest, longest = config.span
    setting = make_setting(config, REGULARIZED, longest, min(EVERY, config.span_updates))
    trained = setting._replace(task=varied(shortest))
    errors = []
    for seed in range(config.seed + MANY, config.seed + MANY + config.models):
        course = solve(trained, seed, rate, config.span_updates, f"{shortest} to {longest}, seed {seed}", stop=False)
        keys = jax.random.split(own_key(seed), len(FACTORS))
        errors.append(
            [_errors(setting, factor * longest, course.network, key) for factor, key in zip(FACTORS, keys, strict=True)]
        )
    return {"errors": np.array(errors)}


def _errors(setting: Setting, length: int, network: Any, key: jax.Array) -> float:
    """In parts, for the states of 10,000 long sequences need gigabytes."""
    parts = [
        solving.test(setting._replace(tested=CHUNK), length, network, k)[1] for k in jax.random.split(key, CONFIRMED // CHUNK)
    ]
    return float(np.mean(parts))
