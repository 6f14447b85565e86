"""A readout whose answer comes back as an input."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.dense import DenseParams, dense, draw_dense
from recurrent.initializers import Initializer, glorot_uniform, zeros
from recurrent.made import remembered
from recurrent.pytrees import at_least_float32
from recurrent.types import Cell, Params, State


class ClosedLoopParams(NamedTuple):
    """Parameters of the cell, and of the readout behind it."""

    cell: Params
    readout: DenseParams


class ClosedLoopState(NamedTuple):
    """State of the cell, and y_{t-1}."""

    cell: State
    y_tm1: Float[Array, "*batch output"]


@remembered
def closed_loop(
    cell: Cell,
    hidden_size: int,
    output_size: int,
    *,
    kernel_init: Initializer = glorot_uniform,
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell:
    """u_t = cell([x_t, y_{t-1}]), y_t = u_t V + c: the readout of a cell comes back as its input. y_0 = 0.

    Teacher forcing is the cell alone: `unroll(cell, params.cell, jnp.concatenate([xs, targets_tm1], axis=-1))`. From the state
    it leads to, the loop goes on freely: `ClosedLoopState(state, target)`. Without inputs of its own, xs is `[T, *batch, 0]`.

    Args:
      cell: reads the features of x_t and `output_size` more behind them.
      hidden_size: features of what it emits.
      output_size: features of y_t.
      kernel_init, bias_init, dtype, param_dtype: of the readout, as for all cells.

    Raises:
      ValueError: a size that is not a positive integer; when run, a cell that emits other features.

    Reference: Jaeger (2001), The "echo state" approach to analysing and training recurrent neural networks, section 1.
    """
    checks.sizes("closed_loop", hidden_size=hidden_size, output_size=output_size)

    def init(key):
        k_cell, k_readout = jax.random.split(key)
        readout = draw_dense(k_readout, hidden_size, output_size, kernel_init, bias_init, param_dtype)
        return ClosedLoopParams(cell.init(k_cell), readout)

    def initial_state(params, batch_shape=()):
        dtype = at_least_float32(params.readout.kernel.dtype)
        return ClosedLoopState(cell.initial_state(params.cell, batch_shape), jnp.zeros((*batch_shape, output_size), dtype))

    def step(params, state, x_t):
        checks.params("closed_loop", params, ClosedLoopParams)
        checks.params("closed_loop", params.readout, DenseParams, input=hidden_size, output=output_size)
        checks.array("closed_loop", "the input", x_t)
        read = jnp.concatenate([x_t.astype(state.y_tm1.dtype), state.y_tm1], axis=-1)
        after, u_t = cell.step(params.cell, state.cell, read)
        checks.array("closed_loop", "the output of the cell", u_t)
        if u_t.shape[-1] != hidden_size:
            raise ValueError(f"closed_loop: hidden_size is {hidden_size}, but the cell emits {u_t.shape[-1]} features")
        y_t = dense(params.readout, u_t, dtype)
        return ClosedLoopState(after, y_t), y_t

    return Cell(init, initial_state, step)
