"""The network of Jordan (1986): its output, not its hidden state, comes back at the next step."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.activations import elementwise
from recurrent.dense import add_bias, dot, preactivation
from recurrent.factories import checked_cell, draw_kernels
from recurrent.initializers import Initializer, draw_bias, draw_blocks, glorot_uniform, zeros
from recurrent.made import remembered
from recurrent.types import Cell


class OutputRecurrenceParams(NamedTuple):
    """Parameters U, R, b of the hidden layer and V, c of the output."""

    input_kernel: Float[Array, "input hidden"]
    recurrent_kernel: Float[Array, "output hidden"]
    bias: Float[Array, "hidden"]
    output_kernel: Float[Array, "hidden output"]
    output_bias: Float[Array, "output"]


@remembered
def output_recurrence(
    input_size: int,
    hidden_size: int,
    output_size: int,
    *,
    activation: str | Callable[[Array], Array] = "tanh",
    kernel_init: Initializer = glorot_uniform,
    recurrent_init: Initializer = glorot_uniform,
    output_init: Initializer = glorot_uniform,
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[OutputRecurrenceParams, Array]:
    """h_t = φ(x_t U + o_{t-1} R + b), y_t = o_t = h_t V + c; the state is o_t.

    Weaker than a hidden recurrence: all it knows of the past is its last output. In exchange, `teacher_forced` trains all
    steps in parallel, without backpropagation through time. φ is as for `elman`; `output_init` draws V; the other options are
    those of all cells, see `recurrent.cells`.

    Reference: Jordan (1986), Serial order; Goodfellow, Bengio & Courville (2016), Deep learning, section 10.2.1.
    """
    inits = (kernel_init, recurrent_init, bias_init)

    def init(key):
        *keys, k_output, k_offset = jax.random.split(key, 5)
        return OutputRecurrenceParams(
            *draw_kernels(keys, (input_size, output_size), hidden_size, 1, inits, param_dtype),
            output_kernel=draw_blocks(output_init, k_output, hidden_size, output_size, 1, param_dtype),
            output_bias=draw_bias(bias_init, k_offset, output_size, 1, param_dtype),
        )

    sizes = {"input": input_size, "hidden": hidden_size, "output": output_size}
    step = functools.partial(output_recurrence_step, phi=elementwise(activation), dtype=dtype)
    return checked_cell("output_recurrence", OutputRecurrenceParams, sizes, init, lambda zeros: zeros(output_size), step)


def output_recurrence_step(
    params: OutputRecurrenceParams,
    o_tm1: Array,
    x_t: Array,
    phi: Callable[[Array], Array] = jnp.tanh,
    dtype: DTypeLike | None = None,
) -> tuple[Array, Array]:
    """o_t = φ(x_t U + o_{t-1} R + b) V + c."""
    h_t = phi(preactivation(params, dot(x_t, params.input_kernel, dtype), o_tm1, dtype))
    o_t = add_bias(dot(h_t, params.output_kernel, dtype), params.output_bias)
    return o_t, o_t


def teacher_forced(
    cell: Cell,
    params: OutputRecurrenceParams,
    xs: Float[Array, "T *batch input"],
    targets: Float[Array, "T *batch output"],
    state: Float[Array, "*batch output"] | None = None,
) -> Float[Array, "T *batch output"]:
    """o_t = φ(x_t U + y_{t-1} R + b) V + c for all t at once: the target y_{t-1} stands in the previous output's place.

    Args:
      cell: from `output_recurrence`.
      params: of the cell.
      xs: inputs.
      targets: y_1 ... y_T.
      state: the output before the first step; 0 by default.

    Returns:
      The outputs. No step depends on another, so there is no loop over time. Rows of different lengths need no mask here: leave
      padded steps out of the loss.

    Raises:
      ValueError: params of another cell, targets that do not match the inputs in time and batch.

    Reference: Williams & Zipser (1989), A learning algorithm for continually running fully recurrent neural networks.
    """
    checks.params("teacher_forced", params, OutputRecurrenceParams)
    expected = (*xs.shape[:-1], params.output_bias.shape[0])
    if targets.shape != expected:
        raise ValueError(f"teacher_forced: targets must have shape [T, *batch, output] = {expected}; got {targets.shape}")
    first = cell.initial_state(params, xs.shape[1:-1]) if state is None else state
    before = jnp.concatenate([first[None], targets[:-1].astype(first.dtype)])
    return cell.step(params, before, xs)[1]
