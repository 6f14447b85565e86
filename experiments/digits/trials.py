"""How a network is trained, how its learning rate is chosen, and what it scores on digits that chose nothing."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from tqdm import tqdm

from experiments.common.networks import Network, draw, logits_of, mean_loss
from experiments.common.splits import Split
from experiments.common.training import fitted
from experiments.digits.cells import CLASSES, Kind, make_cell, width
from recurrent import elman, gru, unroll

TRIALS = 2
"""Runs on whose validation digits a learning rate is chosen."""


class Setting(NamedTuple):
    """How a digit is read: so many steps of equally many pixels, then blank ones."""

    reading: str
    steps: int
    delay: int

    @property
    def features(self) -> int:
        """Pixels per step."""
        return 64 // self.steps

    @property
    def name(self) -> str:
        """The reading with its delay."""
        return f"{self.reading}, delay {self.delay}"


class Run(NamedTuple):
    """What networks that are compared share: a split, and a seed for weights and batches."""

    split: Split
    seed: int


class Digits(NamedTuple):
    """Images `[n, 64]` and their labels `[n]`."""

    images: Array
    labels: Array


class Functions(NamedTuple):
    """What is compiled once for all networks of one shape and setting."""

    fit: Callable[[Network, Array, Digits, Array], Network]
    accuracy: Callable[[Network, Digits], Array]


def sequences(images: Array, setting: Setting) -> Array:
    """Images `[n, 64]` as `[steps + delay, n, features]`, blank, which is 0, during the delay."""
    xs = images.reshape(len(images), setting.steps, setting.features).swapaxes(0, 1)
    return jnp.pad(xs, ((0, setting.delay), (0, 0), (0, 0)))


@functools.cache
def functions(family: str, units: int, setting: Setting) -> Functions:
    """Training and scoring; the learning rate is an argument, so that no rate is compiled anew."""
    cell = elman(setting.features, units) if family == "tanh" else gru(setting.features, units)

    def last_state(network, images):
        return unroll(cell, network.cell, sequences(images, setting), backprop="explicit")[0]

    def loss_of(network, digits, batch):
        return mean_loss(network, last_state(network, digits.images[batch]), digits.labels[batch])

    def accuracy(network, digits):
        return jnp.mean(logits_of(network, last_state(network, digits.images)).argmax(axis=-1) == digits.labels)

    return Functions(jax.jit(functools.partial(fitted, loss_of)), jax.jit(accuracy))


def batches_of(run: Run, updates: int, batch_size: int) -> np.ndarray:
    """Training digits for every update, `[updates, batch]`; the same for all networks of a run."""
    return np.random.default_rng(run.seed).choice(run.split.training, (updates, batch_size))


def study(
    config: Any, kind: Kind, setting: Setting, digits: Digits, runs: Sequence[Run], label: str = ""
) -> dict[str, np.ndarray]:
    """Chooses a learning rate on validation digits of the first runs, then trains every run with it and tests it.

    Returns:
      validation: accuracies of the trials `[rate, trial]`.
      rate: the one chosen.
      training, test: accuracies `[run]` with that rate.
    """
    units = width(kind.family, setting.features, config.hidden_size)
    cell = make_cell(kind, setting.features, units, setting.steps + setting.delay)
    compiled = functions(kind.family, units, setting)
    init = jax.jit(lambda key: draw(cell, key, CLASSES, units))
    rates, trials = config.learning_rates, runs[:TRIALS]
    total = len(rates) * len(trials) + len(runs) - len(trials)
    progress = tqdm(total=total, desc=f"{label}: compiling", unit="training", leave=False)

    def trained(run: Run, rate: float) -> Network:
        batches = jnp.asarray(batches_of(run, config.updates, config.batch_size))
        found = jax.block_until_ready(compiled.fit(init(jax.random.key(run.seed)), jnp.float32(rate), digits, batches))
        progress.set_description(label, refresh=False)
        progress.update()
        return found

    def score(network: Network, chosen: np.ndarray) -> float:
        return float(compiled.accuracy(network, jax.tree.map(lambda leaf: leaf[chosen], digits)))

    with progress:
        tried = [[trained(run, rate) for run in trials] for rate in rates]
        validation = np.array([[score(n, run.split.validation) for n, run in zip(row, trials, strict=True)] for row in tried])
        best = int(validation.mean(axis=1).argmax())
        networks = tried[best] + [trained(run, rates[best]) for run in runs[len(trials) :]]
        pairs = list(zip(networks, runs, strict=True))
        return {
            "validation": validation,
            "rate": np.array(rates[best]),
            "training": np.array([score(network, run.split.training) for network, run in pairs]),
            "test": np.array([score(network, run.split.test) for network, run in pairs]),
        }
