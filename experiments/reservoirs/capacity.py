"""How many past inputs reservoirs of several kinds remember."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.reservoirs.options import Config
from recurrent import Cell
from recurrent.cells import diagonalized, echo_state, lru
from recurrent.initializers import delay_line
from recurrent.readouts import memory_capacity

RIDGE = 1e-9
"""Of the readouts that name a past input."""
BOUND = 0.8
"""Inputs are U(-0.8, 0.8)."""
F64 = {"param_dtype": jnp.float64}

Reservoir = tuple[Cell, Any]


def tanh(size: int, key: Array, strength: float = 1.0) -> Reservoir:
    """A Gaussian reservoir of spectral radius 0.9; the scaling is data, so that one program serves all."""
    cell = echo_state(1, size, **F64)
    params = cell.init(key)
    return cell, params._replace(input_kernel=strength * params.input_kernel)


def linear(size: int, key: Array) -> Reservoir:
    """The same without an activation."""
    cell = echo_state(1, size, activation="identity", **F64)
    return cell, cell.init(key)


def diagonal(size: int, key: Array) -> Reservoir:
    """The linear reservoir in its diagonal form."""
    return lru(1, size, output_size=size, skip="dense", **F64), diagonalized(linear(size, key)[1])


def line(size: int, key: Array) -> Reservoir:
    """A chain of units, each of which holds what the one before it held; the first one holds the input."""
    cell = echo_state(1, size, spectral_radius=None, activation="identity", recurrent_init=delay_line(), **F64)
    return cell, cell.init(key)._replace(input_kernel=jnp.eye(1, size))


TANH, LINEAR, DIAGONAL, LINE = "tanh", "linear", "linear, diagonal", "delay line"
KINDS: dict[str, Callable[[int, Array], Reservoir]] = {TANH: tanh, LINEAR: linear, DIAGONAL: diagonal, LINE: line}


def by_size(config: Config, kind: str) -> dict[str, np.ndarray]:
    """Memory capacities, `[network]` for every size."""
    return {str(size): _capacities(config, KINDS[kind], size) for size in config.sizes}


def by_strength(config: Config) -> dict[str, np.ndarray]:
    """Memory capacities of tanh reservoirs of the middle size, `[network]` for every input scaling."""
    return {
        str(strength): _capacities(config, functools.partial(tanh, strength=strength), config.middle)
        for strength in config.strengths
    }


def _capacities(config: Config, make: Callable[[int, Array], Reservoir], size: int) -> np.ndarray:
    found = []
    for i in range(config.memory_networks):
        k_inputs, k_network = jax.random.split(jax.random.key(config.seed + i))
        inputs = jax.random.uniform(k_inputs, (config.memory_steps, 1), jnp.float64, -BOUND, BOUND)
        found.append(float(_capacity(*make(size, k_network), inputs, size)))
    return np.array(found)


@functools.partial(jax.jit, static_argnames=("cell", "size"))
def _capacity(cell: Cell, params: Any, inputs: Array, size: int) -> Array:
    found = memory_capacity(cell, params, inputs, max_lag=2 * size, washout=2 * size, ridge=RIDGE, dtype=jnp.float64)
    return jnp.sum(found)
