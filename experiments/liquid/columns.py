"""Columns of spiking neurons as published, their synapses dynamic, static or none, and their states."""

import functools
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from recurrent import Cell, unroll
from recurrent.cells import LiquidState, LiquidStateParams, liquid_state
from recurrent.wrappers import emit_state

RESET_MV, THRESHOLD_MV = 13.5, 15.0
"""Potentials as published, between which neurons start."""
TRACE_MS = 30.0
"""Time constant of what the readout sees of spikes."""
ROWS = 250
"""Sequences that run side by side: their states fit into a core's memory."""
HALVINGS = 10
"""Of the range 0.001 to 1 of a factor, which leaves 0.7 %."""


def column(neurons: int, synapses: Literal["static", "dynamic"] = "dynamic") -> Cell:
    """A liquid of the published neurons that hears one spike train."""
    return liquid_state(1, neurons, reset_mv=RESET_MV, threshold_mv=THRESHOLD_MV, trace_ms=TRACE_MS, synapses=synapses)


@functools.partial(jax.jit, static_argnames="cell")
def draw(cell: Cell, key: Array) -> LiquidStateParams:
    """A column as published: the input reaches inhibitory neurons with half the strength."""
    params = cell.init(key)
    inhibitory = jnp.arange(params.input_kernel.shape[1]) >= len(params.excitatory_kernel)
    return params._replace(input_kernel=jnp.where(inhibitory, 0.5, 1.0) * params.input_kernel)


def scaled(params: LiquidStateParams, factor: float) -> LiquidStateParams:
    """The same column with all synapses among its neurons made stronger or weaker; without them, if the factor is 0."""
    kernels = factor * params.excitatory_kernel, factor * params.inhibitory_kernel
    return params._replace(excitatory_kernel=kernels[0], inhibitory_kernel=kernels[1])


def as_active(static: Cell, dynamic: Cell, params: LiquidStateParams, v: np.ndarray, trains: np.ndarray) -> float:
    """The factor with which a column's static synapses let its neurons fire as often as its dynamic ones do, by bisection."""

    def activity(cell: Cell, factor: float) -> float:
        return float(spikes(cell, scaled(params, factor), v, trains).mean())

    wanted, low, high = activity(dynamic, 1.0), -3.0, 0.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if activity(static, 10**middle) < wanted else (low, middle)
    return 10 ** ((low + high) / 2)


def start(rng: np.random.Generator, rows: int, neurons: int) -> np.ndarray:
    """Membrane potentials between reset and threshold `[row, neuron]`."""
    return rng.uniform(RESET_MV, THRESHOLD_MV, (rows, neurons)).astype(np.float32)


@functools.partial(jax.jit, static_argnames="cell")
def traces(cell: Cell, params: LiquidStateParams, v: Array, trains: Array) -> Array:
    """Filtered spikes after every step `[step, row, neuron]`."""
    return unroll(cell, params, trains, _state(cell, params, v))[1]


@functools.partial(jax.jit, static_argnames="cell")
def spikes(cell: Cell, params: LiquidStateParams, v: Array, trains: Array) -> Array:
    """Spikes of every step `[step, row, neuron]`."""
    return unroll(emit_state(cell), params, trains, _state(cell, params, v))[1].spikes


def last_traces(cell: Cell, params: LiquidStateParams, v: np.ndarray, trains: np.ndarray) -> np.ndarray:
    """Filtered spikes after the last step `[row, neuron]`, in parts of at most `ROWS`."""
    parts = np.array_split(np.arange(len(v)), -(-len(v) // ROWS))
    return np.concatenate([_last(cell, params, jnp.asarray(v[rows]), jnp.asarray(trains[:, rows])) for rows in parts])


@functools.partial(jax.jit, static_argnames="cell")
def _last(cell: Cell, params: LiquidStateParams, v: Array, trains: Array) -> Array:
    return unroll(cell, params, trains, _state(cell, params, v))[0].trace


def _state(cell: Cell, params: LiquidStateParams, v: Array) -> LiquidState:
    return cell.initial_state(params, v.shape[:1])._replace(v=v)
