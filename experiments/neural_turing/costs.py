"""What a trained network pays for sequences of one length, and where the heads of a machine stand."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.common.networks import Network
from experiments.common.solving import outputs_of
from recurrent import Cell, emit_state, tasks, unroll
from recurrent.tasks import Batch, Task

MEASURED = 500
"""Fresh sequences of each length."""


def lengths(longest: int) -> np.ndarray:
    """Lengths from 1 to four times the longest trained one, the once, twice and four times among them."""
    return np.unique(np.maximum(1, longest * np.array([0, 2, 4, 6, 8, 10, 12, 16, 20, 24, 28, 32]) // 8))


def bits_at(cell: Cell, network: Network, bits: int, of: np.ndarray, key: Array) -> dict[str, np.ndarray]:
    """Bits per sequence, and the share of sequences with a wrong bit, at each length."""
    task, found = tasks.vector_copy(bits, fewest=None), []
    for length in map(int, of):
        batch = padded(task.sample(jax.random.fold_in(key, length), MEASURED, length), 2 * int(of[-1]) + 1)
        loss, wrong = _measure(cell, task, network, batch)
        found.append((length * float(loss) / math.log(2), float(wrong)))
    cost, wrong = np.array(found).T
    return {"cost": cost, "wrong": wrong}


def padded(batch: Batch, steps: int) -> Batch:
    """The same sequences with steps behind them that do not count, so that one program serves all lengths."""
    return jax.tree.map(lambda leaf: jnp.pad(leaf, [(0, steps - len(leaf)), *[(0, 0)] * (leaf.ndim - 1)]), batch)


@functools.partial(jax.jit, static_argnames=("cell", "task"))
def _measure(cell: Cell, task: Task, network: Network, batch: Batch) -> tuple[Array, Array]:
    outputs = outputs_of(cell, network, batch)
    return task.loss(outputs, batch), task.errors(outputs, batch).mean()


def addressing(cell: Cell, network: Network, bits: int, length: int, key: Array) -> dict[str, Any]:
    """Weights of a machine's first read and write head at every step of one sequence, `[step, slot]`."""
    xs = tasks.vector_copy(bits, fewest=None).sample(key, 1, length).xs
    _, states = jax.jit(functools.partial(unroll, emit_state(cell)))(network.cell, xs)
    return {name: np.asarray(getattr(states, name)[:, 0, 0]) for name in ("read_weights", "write_weights")}
