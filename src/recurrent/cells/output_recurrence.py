"""The network of Jordan (1986): its output, not its hidden state, comes back at the next step."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from recurrent.activations import get_activation
from recurrent.cells.common import (
    add_bias,
    check_params,
    check_sizes,
    dot,
    input_projection,
    outer,
    preactivation,
    projection_gradients,
    state_dtype,
    sum_rows,
    zero_state,
)
from recurrent.initializers import Initializer, draw_bias, draw_blocks, glorot_uniform, zeros
from recurrent.types import Adjoint, Cell, step_from


class OutputRecurrenceParams(NamedTuple):
    """Parameters U, R, b of the hidden layer and V, c of the output."""

    input_kernel: Float[Array, "input hidden"]
    recurrent_kernel: Float[Array, "output hidden"]
    bias: Float[Array, "hidden"]
    output_kernel: Float[Array, "hidden output"]
    output_bias: Float[Array, "output"]


class OutputRecurrenceTape(NamedTuple):
    """What the backward pass reads of one step."""

    o_tm1: Float[Array, "*batch output"]
    h_t: Float[Array, "*batch hidden"]


class OutputRecurrenceDeltas(NamedTuple):
    """dE/do_t in total, and dE/da_t at the hidden pre-activation."""

    o: Float[Array, "*batch output"]
    a: Float[Array, "*batch hidden"]


def output_recurrence(
    input_size: int,
    hidden_size: int,
    output_size: int,
    *,
    activation: str = "tanh",
    kernel_init: Initializer = glorot_uniform,
    recurrent_init: Initializer = glorot_uniform,
    output_init: Initializer = glorot_uniform,
    bias_init: Initializer = zeros,
    param_dtype=jnp.float32,
) -> Cell:
    """h_t = φ(x_t U + o_{t-1} R + b), y_t = o_t = h_t V + c; the state is o_t.

    Weaker than a hidden recurrence: all it knows of the past is its last output. In exchange, `teacher_forced` trains all
    steps in parallel, without backpropagation through time.

    Args:
      input_size: features of x_t.
      hidden_size: units of h_t.
      output_size: features of o_t.
      activation: φ, one of "tanh", "sigmoid", "relu", "identity".
      kernel_init: initialiser of U.
      recurrent_init: initialiser of R.
      output_init: initialiser of V.
      bias_init: initialiser of b and c.
      param_dtype: dtype of the parameters.

    Raises:
      ValueError: a size is not a positive integer, or the activation is unknown.

    Reference: Jordan (1986), Serial order; Goodfellow, Bengio & Courville (2016), Deep learning, section 10.2.1.
    """
    name = "output_recurrence"
    check_sizes(name, input_size=input_size, hidden_size=hidden_size, output_size=output_size)
    phi = get_activation(activation)

    def init(key):
        k_input, k_recurrent, k_bias, k_output, k_offset = jax.random.split(key, 5)
        return OutputRecurrenceParams(
            input_kernel=draw_blocks(kernel_init, k_input, input_size, hidden_size, 1, param_dtype),
            recurrent_kernel=draw_blocks(recurrent_init, k_recurrent, output_size, hidden_size, 1, param_dtype),
            bias=draw_bias(bias_init, k_bias, hidden_size, 1, param_dtype),
            output_kernel=draw_blocks(output_init, k_output, hidden_size, output_size, 1, param_dtype),
            output_bias=draw_bias(bias_init, k_offset, output_size, 1, param_dtype),
        )

    def initial_state(params, batch_shape=()):
        check_params(name, OutputRecurrenceParams, params)
        return zero_state((*batch_shape, output_size), params)

    project = input_projection(name, OutputRecurrenceParams, input_size, output_size, None)

    def advance(params, o_tm1, z_t):
        h_t, o_t = _equations(params, phi.apply, z_t, o_tm1)
        return o_t, o_t, OutputRecurrenceTape(o_tm1, h_t)

    def retreat(params, tape_t, do_t, dy_t):
        do_t = do_t + dy_t
        da_t = dot(do_t, params.output_kernel.T, None) * phi.slope(tape_t.h_t)
        return dot(da_t, params.recurrent_kernel.T, None), OutputRecurrenceDeltas(o=do_t, a=da_t)

    def collect(params, xs, tape, deltas):
        projected, dxs = projection_gradients(params, xs, deltas.a, None)
        dparams = OutputRecurrenceParams(
            **projected,
            recurrent_kernel=outer(tape.o_tm1, deltas.a, params.recurrent_kernel, None),
            output_kernel=outer(tape.h_t, deltas.o, params.output_kernel, None),
            output_bias=sum_rows(deltas.o, params.output_bias),
        )
        return dparams, dxs

    adjoint = Adjoint(project, advance, retreat, collect)
    return Cell(init, initial_state, step_from(adjoint), adjoint)


def teacher_forced(
    params: OutputRecurrenceParams,
    xs: Float[Array, "T *batch input"],
    targets: Float[Array, "T *batch output"],
    *,
    activation: str = "tanh",
) -> Float[Array, "T *batch output"]:
    """o_t = φ(x_t U + y_{t-1} R + b) V + c for all t at once: the target y_{t-1} stands in the previous output's place.

    Args:
      params: of `output_recurrence`.
      xs: inputs.
      targets: y_1 ... y_T; the first step sees 0 before it.
      activation: φ, the cell's.

    Returns:
      The outputs. No step depends on another, so there is no loop over time.

    Raises:
      ValueError: targets that do not match the inputs in time and batch.

    Reference: Williams & Zipser (1989), A learning algorithm for continually running fully recurrent neural networks.
    """
    check_params("teacher_forced", OutputRecurrenceParams, params)
    expected = (*xs.shape[:-1], params.output_bias.shape[0])
    if targets.shape != expected:
        raise ValueError(f"teacher_forced: targets must have shape [T, *batch, output] = {expected}; got {targets.shape}")
    wide = targets.astype(state_dtype(params.bias.dtype))
    before = jnp.concatenate([jnp.zeros_like(wide[:1]), wide[:-1]])
    zs = dot(xs, params.input_kernel, None)
    return _equations(params, get_activation(activation).apply, zs, before)[1]


def _equations(params, phi, z, o_before):
    h = phi(preactivation(params, z, o_before, None))
    return h, add_bias(dot(h, params.output_kernel, None), params.output_bias)
