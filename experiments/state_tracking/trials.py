"""How learning rates are chosen, how a run trains its networks, and their accuracy at every step."""

import functools
from typing import Any

import jax
import numpy as np
from jax import Array

from experiments.common.networks import Network
from experiments.common.solving import Setting, outputs_of, solve
from experiments.state_tracking.networks import make_setting
from recurrent.tasks import Batch

SEQUENCES = 2000
"""Fresh ones on which a network is tested."""
VALIDATION = 900
"""What is added to the seed to choose learning rates."""


def study(config: Any, task: str, network: str) -> dict[str, np.ndarray]:
    """Chooses a learning rate at the trained lengths, trains all networks of all runs with it, and tests them.

    Returns:
      validation: losses at the longest trained length `[rate, trial]`.
      rate: the one chosen.
      loss: the same losses of the networks `[run, network]`.
      accuracy: share of right answers at every step `[run, network, step]`.
    """
    setting, first = make_setting(config, task, network), 1000 * config.seed

    def trained(seed: int, rate: float, label: str) -> tuple[float, Network]:
        course = solve(setting, first + seed, rate, config.updates, f"{task}, {network}, {label}", stop=False)
        return float(np.nan_to_num(course.losses[-1], nan=np.inf)), course.network

    trials = range(VALIDATION, VALIDATION + config.trials)
    validation = np.array([[trained(seed, rate, f"rate {rate:g}")[0] for seed in trials] for rate in config.learning_rates])
    rate = config.learning_rates[int(validation.mean(axis=1).argmin())]
    losses, accuracy = [], []
    for seed in range(config.runs * config.networks):
        loss, found = trained(seed, rate, f"run {1 + seed // config.networks}")
        losses.append(loss)
        accuracy.append(accuracies(setting, config.longest, found, jax.random.key(first + seed)))
    shape = (config.runs, config.networks)
    return {
        "validation": validation,
        "rate": np.array(rate),
        "loss": np.reshape(losses, shape),
        "accuracy": np.reshape(accuracy, (*shape, config.longest)),
    }


@functools.partial(jax.jit, static_argnames=("setting", "length"))
def accuracies(setting: Setting, length: int, network: Network, key: Array) -> Array:
    """Share of right answers at every step, by the rule of the task; step t is the last one of a sequence of t steps."""
    batch = setting.task.sample(jax.random.fold_in(key, length), SEQUENCES, length)

    def wrong(outputs, targets, mask):
        return setting.task.errors(outputs[None], Batch(batch.xs, targets[None], mask[None])).mean()

    return 1 - jax.vmap(wrong)(outputs_of(setting.cell, network, batch), batch.targets, batch.mask)
