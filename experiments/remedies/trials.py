"""How every remedy is trained: rates chosen on a seed of its own, then networks from other seeds."""

import functools

import jax
import numpy as np

from experiments.common.solving import CHOICE, Descent, Setting, own_key, solve, test, untrained
from experiments.remedies import measures
from experiments.remedies.networks import REMEDIES, sized
from experiments.remedies.options import Config
from recurrent import tasks

EVERY, TESTED = 50, 500
"""Updates between two tests, and their fresh sequences."""


def make_setting(config: Config, name: str) -> Setting:
    """A remedy on the task."""
    task = tasks.delayed_recall(config.symbols, shortest_lag=config.length - 1)
    cell, emitted = sized(name, task.features, task.outputs, config.length - 1, config.parameters)
    descent = Descent("adam", clip=1.0)
    objective = REMEDIES[name].objective
    return Setting(cell, task, (config.length,), descent, emitted, config.batch_size, EVERY, TESTED, objective)


def study(config: Config, name: str) -> dict[str, np.ndarray]:
    """Trains a remedy, and measures how it carries gradients before and after.

    Returns:
      rate: the learning rate chosen.
      updates, wrong: until the task was solved, infinite if it was not, and the share of fresh sequences answered wrong then,
        `[seed]`.
      losses: at every test, `[seed, test]`, the last one repeated after the end of a training.
      before/..., after/...: what `flow` measures, leaves `[seed, ...]`.
    """
    setting = make_setting(config, name)
    rate = choose(config, setting, name)
    found = [_one(config, setting, name, rate, config.seed + i) for i in range(config.seeds)]
    return {"rate": np.array(rate)} | {key: np.array([one[key] for one in found]) for key in found[0]}


def choose(config: Config, setting: Setting, name: str) -> float:
    """The learning rate that solves the task in the fewest updates, on a seed that is not reported; else that of least loss."""
    scores = []
    for rate in config.learning_rates:
        course = solve(setting, config.seed + CHOICE, rate, config.updates, f"{name}, rate {rate:g}")
        scores.append((course.solved_after, np.nan_to_num(course.losses.min(), nan=np.inf)))
    return config.learning_rates[min(range(len(scores)), key=lambda i: scores[i])]


def _one(config: Config, setting: Setting, name: str, rate: float, seed: int) -> dict[str, np.ndarray]:
    course = solve(setting, seed, rate, config.updates, f"{name}, rate {rate:g}, seed {seed}")
    tests = -(-config.updates // EVERY)
    k_test, k_flow = jax.random.split(own_key(seed))
    measured = functools.partial(measures.flow, setting._replace(objective=None), config.length)
    before = measured(untrained(setting, seed), k_flow)
    after = measured(course.network, k_flow)
    flows = {f"before/{key}": np.asarray(value) for key, value in before._asdict().items()}
    flows |= {f"after/{key}": np.asarray(value) for key, value in after._asdict().items()}
    losses = np.concatenate([course.losses, np.full(tests - len(course.losses), course.losses[-1])])
    wrong = float(test(setting, config.length, course.network, k_test)[1])
    return {"updates": np.array(course.solved_after), "wrong": np.array(wrong), "losses": losses} | flows
