"""What one gradient of an LSTM costs: time, tape and temporary memory."""

import functools
import time
from typing import Any

import jax
import numpy as np
from jax import Array
from tqdm import tqdm

from experiments.common.networks import Network, hidden, mean_loss
from recurrent import Cell, unroll
from recurrent.cells import lstm_adjoint

STEPS = 64
"""Pixels of a digit, read one by one."""


def last_window_loss(cell: Cell, window: int, network: Network, xs: Array, labels: Array) -> Array:
    """The last state's loss; its gradient goes back through the last window only."""
    state = jax.lax.stop_gradient(cell.initial_state(network.cell, xs.shape[1:-1]))
    if window < len(xs):
        state, _ = unroll(cell, jax.lax.stop_gradient(network.cell), xs[:-window], state)
    state, _ = unroll(cell, network.cell, xs[-window:], state, backprop="explicit")
    return mean_loss(network, hidden(state), labels)


def cost(
    cell: Cell, network: Network, xs: Array, labels: Array, windows: tuple[int, ...], repeats: int
) -> dict[str, np.ndarray]:
    """Milliseconds per gradient `[repeat, window]`, bytes of the tape, and of temporary memory that XLA plans, `[window]`."""
    programs = [
        jax.jit(jax.value_and_grad(functools.partial(last_window_loss, cell, window))).lower(network, xs, labels).compile()
        for window in tqdm(windows, desc="compiling", unit="window", leave=False)
    ]
    for program in programs:
        jax.block_until_ready(program(network, xs, labels))
    times = np.full((repeats, len(programs)), np.nan)
    for times_i in times:  # the windows in turn, so that a busy moment does not fall on one of them
        for i, program in enumerate(programs):
            start = time.perf_counter()
            jax.block_until_ready(program(network, xs, labels))
            times_i[i] = 1e3 * (time.perf_counter() - start)
    temporary = [getattr(program.memory_analysis(), "temp_size_in_bytes", 0) for program in programs]
    tape = tape_bytes_per_step(cell, network.cell, xs) * np.array(windows)
    return {"milliseconds": times, "tape": tape, "temporary": np.array(temporary)}


def tape_bytes_per_step(cell: Cell, params: Any, xs: Array) -> int:
    """What the backward pass of an LSTM reads of one step; 7 numbers per unit and row for an LSTM."""
    adjoint = lstm_adjoint()

    def one_step(params, xs):
        return adjoint.advance(params, cell.initial_state(params, xs.shape[1:-1]), adjoint.project(params, xs)[0])[2]

    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(jax.eval_shape(one_step, params, xs)))
