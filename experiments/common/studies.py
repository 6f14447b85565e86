"""How networks learn to classify digits, how their learning rate is chosen, and what chose nothing."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from tqdm import tqdm

from experiments.common import handwritten
from experiments.common.handwritten import read
from experiments.common.networks import Network, logits_of, mean_loss
from experiments.common.splits import Run, draw_runs
from experiments.common.training import fitted
from recurrent import Cell, unroll

CLASSES, STEPS = 10, 64
"""Kinds of digits; steps in which one is read pixel by pixel."""
TRIALS = 2
"""Runs on whose validation digits a learning rate is chosen."""


class Digits(NamedTuple):
    """Images `[n, 64]` and their labels `[n]`."""

    images: Array
    labels: Array


def digits_and_runs(config: Any) -> tuple[Digits, list[Run]]:
    """All digits, and the runs of `config.folds`, `config.seeds` and `config.seed`."""
    images, labels = handwritten.load()
    return Digits(jnp.asarray(images.reshape(-1, 64)), jnp.asarray(labels)), draw_runs(config, labels)


class Functions(NamedTuple):
    """What is compiled once for all networks of one shape: training on batches, accuracy, and which digits are told right."""

    fit: Callable[[Network, Array, Digits, Array], Network]
    accuracy: Callable[[Network, Digits], Array]
    right: Callable[[Network, Digits], Array]

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


def itself(state: Any) -> Any:
    """The state of a cell that keeps nothing but h."""
    return state


@functools.cache
def functions(cell: Cell, steps: int, blanks: int, h: Callable[[Any], Array] = itself) -> Functions:
    """Training and scoring by the last state; the learning rate is an argument, so that no rate is compiled anew.

    Args:
      cell: reads 64 / steps pixels per step.
      steps: in which an image is read.
      blanks: steps after it.
      h: what is read out of a state.
    """

    def last_h(network, images):
        return h(unroll(cell, network.cell, read(images, steps, blanks), backprop="explicit")[0])

    def loss_of(network, digits, batch):
        return mean_loss(network, last_h(network, digits.images[batch]), digits.labels[batch])

    def right(network, digits):
        return logits_of(network, last_h(network, digits.images)).argmax(axis=-1) == digits.labels

    def accuracy(network, digits):
        return jnp.mean(right(network, digits))

    return Functions(jax.jit(functools.partial(fitted, loss_of)), jax.jit(accuracy), jax.jit(right))


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
