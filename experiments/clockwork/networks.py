"""Targets, networks and training of `clockwork`."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from tqdm import tqdm

from experiments.common.networks import count, draw_all, logits_of
from experiments.common.solving import Descent
from experiments.common.training import descend, start
from recurrent import Cell, elman, lstm, unroll
from recurrent.cells import clockwork

DESCENT = Descent("sgd", clip=1.0)
STRETCH = 50
"""Updates between two reports of progress."""


class Kind(NamedTuple):
    """A cell and its units."""

    cell: Cell
    units: int

    @property
    def parameters(self) -> int:
        """With the readout."""
        return count(self.cell, 1, self.units)


NETWORKS = {
    "clockwork": Kind(clockwork(1, 64, tuple(2**g for g in range(8))), 64),
    "tanh": Kind(elman(1, 48), 48),
    "LSTM": Kind(lstm(1, 24), 24),
}


class Course(NamedTuple):
    """Errors `[seed, update]`, and what the first network answers in the end, `[step]`."""

    losses: np.ndarray
    answer: np.ndarray


def draw_targets(config: Any, seed: int, number: int) -> np.ndarray:
    """Sums of sines with phases of their own, `[seed, step]`, of mean square 1."""
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, (number, 1, len(config.periods)))
    angles = 2 * np.pi * np.arange(config.steps)[:, None] / np.array(config.periods)
    waves = np.sin(angles + phases).sum(axis=-1)
    return (waves / np.sqrt(np.mean(waves**2, axis=1, keepdims=True))).astype(np.float32)


def answer(cell: Cell, network: Any, steps: int) -> Array:
    """What a network says at every step of a constant input."""
    _, ys = unroll(cell, network.cell, jnp.ones((steps, 1, 1)), backprop="explicit")
    return logits_of(network, ys)[:, 0, 0]


def train_all(config: Any, name: str, rate: float, targets: np.ndarray) -> Course:
    """Trains one network per target."""
    cell, units = NETWORKS[name]
    keys = jax.random.split(jax.random.key(config.seed), len(targets))
    states = jax.vmap(lambda n: start(n, DESCENT.optimizer(rate)))(draw_all(cell, keys, 1, units))
    losses = []
    with tqdm(total=config.updates, desc=f"{name}, rate {rate:g}: compiling", unit="update", leave=False) as progress:
        for stretch in np.array_split(np.arange(config.updates), -(-config.updates // STRETCH)):
            states, found = _advance(cell, states, jnp.asarray(targets), jnp.float32(rate), len(stretch))
            losses.append(np.asarray(found))
            progress.set_description(f"{name}, rate {rate:g}", refresh=False)
            progress.set_postfix(error=f"{losses[-1][:, -1].mean():.4g}")
            progress.update(len(stretch))
    first = jax.tree.map(lambda leaf: leaf[0], states.params)
    return Course(np.concatenate(losses, axis=1), np.asarray(answer(cell, first, config.steps)))


@functools.partial(jax.jit, static_argnames=("cell", "updates"))
def _advance(cell: Cell, states: Any, targets: Array, rate: Array, updates: int) -> Any:
    def loss(network, target, batch):
        del batch
        return jnp.mean((answer(cell, network, len(target)) - target) ** 2)

    def one(pair):
        return descend(loss, DESCENT.optimizer(rate), pair[0], pair[1], jnp.arange(updates))

    return jax.vmap(one)((states, targets))  # a step of one sequence costs what its overhead costs, on a CPU, too
