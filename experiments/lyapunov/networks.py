"""The networks whose exponents are measured, all computed in float64 but the orthogonal ones."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import Cell
from recurrent.cells import ElmanParams
from recurrent.initializers import gaussian

AMPLITUDE, FREQUENCIES = 0.2, (0.5, 3.0)
"""Largest amplitude of a unit's input, and the bounds of its frequency in radians per step."""


class Network(NamedTuple):
    """A tanh network of gain 1, what it reads and where it starts."""

    matrix: Array
    xs: Array
    start: Array


def product_cell(size: int) -> Cell:
    """h_t = h_{t-1} X_t: its input, the entries of X_t in a row, is the transpose of its Jacobian."""

    def step(params, h_tm1, x_t):
        del params
        h_t = h_tm1 @ x_t.reshape(size, size)
        return h_t, h_t

    return Cell(init=lambda key: (), initial_state=lambda params, batch_shape=(): jnp.zeros((*batch_shape, size)), step=step)


def draw_free(key: Array, size: int, num_steps: int) -> Network:
    """W ~ N(0, 1/n), but 0 on the diagonal; inputs of 0; a start in [-1, 1]."""
    k_matrix, k_start = jax.random.split(key)
    return Network(_matrix(k_matrix, size), jnp.zeros((num_steps, 1)), _start(k_start, size))


def draw_driven(key: Array, size: int, num_steps: int) -> Network:
    """The same, but unit i reads a_i sin(ω_i t + φ_i), t = 0, 1, ...

    Reference: Gonzalez et al. (2025), Predictability enables parallelization of nonlinear state space models.
    """
    k_matrix, k_start, k_amplitude, k_frequency, k_phase = jax.random.split(key, 5)
    amplitude = jax.random.uniform(k_amplitude, (size,), maxval=AMPLITUDE)
    frequency = jax.random.uniform(k_frequency, (size,), minval=FREQUENCIES[0], maxval=FREQUENCIES[1])
    phase = jax.random.uniform(k_phase, (size,), maxval=2 * jnp.pi)
    xs = amplitude * jnp.sin(frequency * jnp.arange(num_steps)[:, None] + phase)
    return Network(_matrix(k_matrix, size), xs, _start(k_start, size))


def params_of(network: Network, gain: float | Array) -> ElmanParams:
    """h_t = tanh(x_t + gain h_{t-1} W): every unit reads its own input."""
    size = len(network.matrix)
    return ElmanParams(jnp.eye(network.xs.shape[-1], size), gain * network.matrix, jnp.zeros(size))


def _matrix(key: Array, size: int) -> Array:
    return gaussian()(key, (size, size), jnp.float64) * (1 - jnp.eye(size))


def _start(key: Array, size: int) -> Array:
    return jax.random.uniform(key, (size,), minval=-1.0)
