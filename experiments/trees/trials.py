"""Training: how a rate is chosen, and what the networks score and pass back."""

from typing import Any

import jax
import numpy as np

from experiments.common.networks import Network, draw
from experiments.common.training import train_one
from experiments.trees.compositions import inputs, loss_of, make_cell, right_of, width
from experiments.trees.gradients import by_distance, distances, first_over_last, norms
from experiments.trees.problems import LISTS, LONGER, LONGEST, Problem

TRIALS = 2
"""Networks by whose validation examples a rate is chosen."""
SAMPLE = 300
"""Examples whose gradients are measured."""


def study(config: Any, problem_name: str, problem: Problem, name: str) -> dict[str, np.ndarray]:
    """Chooses a learning rate on validation examples, trains every network with it, and tests each once.

    Returns:
      trials: validation accuracies `[rate, trial]`.
      rate: the one chosen.
      right/TEST: whether each tested example is answered right, `[network, example]`.
      decay/STAGE, thirds/STAGE: of list operations, gradients by distance `[network, distance]`, and at the first over those at
        the last digits, `[network]`, before training and after it.
    """
    units = width(name, problem.symbols, problem.classes, config.hidden_size)
    cell = make_cell(name, problem.symbols, units)
    updates = config.list_updates if problem_name == LISTS else config.syntax_updates
    given, checked = inputs(name, problem.training), inputs(name, problem.validation)
    loss, right = loss_of(name, cell, problem.symbols), right_of(name, cell, problem.symbols)

    def first(run: int) -> Network:
        return draw(cell, jax.random.key(1000 * config.seed + run), problem.classes, units)  # pyright: ignore

    def trained(run: int, rate: float) -> Network:
        rng = np.random.default_rng([config.seed, run])
        batches = rng.integers(0, len(problem.training.answers), (updates, config.batch_size))
        return train_one(loss, first(run), batches, rate, f"{problem_name}, {name}, {rate:g}", given=given)[0]

    runs, rates = range(config.seeds), config.learning_rates
    tried = [[trained(run, rate) for run in runs[:TRIALS]] for rate in rates]
    validation = np.array([[np.asarray(right(network, checked)).mean() for network in row] for row in tried])
    best = int(validation.mean(axis=1).argmax())
    networks = tried[best] + [trained(run, rates[best]) for run in runs[TRIALS:]]
    made = {"trials": validation, "rate": np.array(rates[best]), "units": np.array(units)}
    for test, examples in problem.tests.items():
        read = inputs(name, examples)
        made[f"right/{test}"] = np.stack([np.asarray(right(network, read)) for network in networks])
    if problem_name == LISTS:
        sample = problem.tests[LONGER].first(SAMPLE)
        for stage, measured in (("untrained", map(first, runs)), ("trained", networks)):
            found = [norms(name, cell, network, sample, problem.symbols) for network in measured]
            away = distances(name, sample)
            made[f"decay/{stage}"] = np.stack([by_distance(one, away, LONGEST) for one in found])
            made[f"thirds/{stage}"] = np.array([first_over_last(one) for one in found])
    return made
