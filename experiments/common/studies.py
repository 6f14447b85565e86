"""How networks learn to classify digits, how their learning rate is chosen, and what chose nothing."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from tqdm import tqdm

from experiments.common.handwritten import read
from experiments.common.networks import Network, logits_of, mean_loss
from experiments.common.splits import Run
from experiments.common.training import fitted
from recurrent import Cell, unroll

TRIALS = 2
"""Runs on whose validation digits a learning rate is chosen."""


class Digits(NamedTuple):
    """Images `[n, 64]` and their labels `[n]`."""

    images: Array
    labels: Array


class Functions(NamedTuple):
    """What is compiled once for all networks of one shape: training on batches, and accuracy."""

    fit: Callable[[Network, Array, Digits, Array], Network]
    accuracy: Callable[[Network, Digits], Array]

    def score(self, network: Network, digits: Digits, chosen: np.ndarray) -> float:
        """Accuracy on some of the digits."""
        return float(self.accuracy(network, jax.tree.map(lambda leaf: leaf[chosen], digits)))


class Study(NamedTuple):
    """What `study` found.

    Attributes:
      validation: accuracies of the trials `[rate, trial]`.
      rate: the one chosen.
      networks: one per run, trained with it.
    """

    validation: np.ndarray
    rate: float
    networks: list[Network]


@functools.cache
def functions(cell: Cell, steps: int, blanks: int) -> Functions:
    """Training and scoring by the last state; the learning rate is an argument, so that no rate is compiled anew.

    Args:
      cell: reads 64 / steps pixels per step.
      steps: in which an image is read.
      blanks: steps after it.
    """

    def last_state(network, images):
        return unroll(cell, network.cell, read(images, steps, blanks), backprop="explicit")[0]

    def loss_of(network, digits, batch):
        return mean_loss(network, last_state(network, digits.images[batch]), digits.labels[batch])

    def accuracy(network, digits):
        return jnp.mean(logits_of(network, last_state(network, digits.images)).argmax(axis=-1) == digits.labels)

    return Functions(jax.jit(functools.partial(fitted, loss_of)), jax.jit(accuracy))


def batches_of(run: Run, updates: int, batch_size: int) -> np.ndarray:
    """Training digits for every update, `[updates, batch]`; the same for all networks of a run."""
    return np.random.default_rng(run.seed).choice(run.split.training, (updates, batch_size))


def study(
    config: Any, init: Callable[[Array], Network], compiled: Functions, digits: Digits, runs: Sequence[Run], label: str
) -> Study:
    """Chooses a learning rate on validation digits of the first runs, then trains every run with it.

    Args:
      config: has `learning_rates`, `updates` and `batch_size`.
      init: draws a network from the key of a run.
      compiled: how it is trained and scored.
      digits: all of them.
      runs: splits and seeds.
      label: for the progress bar.
    """
    rates, trials = config.learning_rates, runs[:TRIALS]
    total = len(rates) * len(trials) + len(runs) - len(trials)
    with tqdm(total=total, desc=f"{label}: compiling", unit="training", leave=False) as progress:

        def trained(run: Run, rate: float) -> Network:
            batches = jnp.asarray(batches_of(run, config.updates, config.batch_size))
            found = jax.block_until_ready(compiled.fit(init(jax.random.key(run.seed)), jnp.float32(rate), digits, batches))
            progress.set_description(label, refresh=False)
            progress.update()
            return found

        tried = [[trained(run, rate) for run in trials] for rate in rates]
        validation = np.array(
            [
                [compiled.score(network, digits, run.split.validation) for network, run in zip(row, trials, strict=True)]
                for row in tried
            ]
        )
        best = int(validation.mean(axis=1).argmax())
        return Study(validation, rates[best], tried[best] + [trained(run, rates[best]) for run in runs[len(trials) :]])
