"""The long short-term memory with forget gate, forward beside backward."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.ad_checkpoint import checkpoint_name
from jax.nn import sigmoid
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent.cells.common import (
    check_params,
    check_sizes,
    checked,
    dot,
    outer,
    preactivation,
    projection_gradients,
    zero_state,
)
from recurrent.initializers import Fused, Initializer, draw_bias, draw_blocks, glorot_uniform, orthogonal, zeros
from recurrent.types import Adjoint, Cell


class LSTMParams(NamedTuple):
    """Parameters of the LSTM; the gates lie side by side in the order i, f, g, o."""

    input_kernel: Float[Array, "input 4*hidden"]
    recurrent_kernel: Float[Array, "hidden 4*hidden"]
    bias: Float[Array, "4*hidden"]


class LSTMState(NamedTuple):
    """The cell state c and the hidden state h."""

    c: Float[Array, "*batch hidden"]
    h: Float[Array, "*batch hidden"]


class LSTMGates(NamedTuple):
    """Input gate, forget gate, candidate and output gate, or their deltas."""

    i: Float[Array, "*batch hidden"]
    f: Float[Array, "*batch hidden"]
    g: Float[Array, "*batch hidden"]
    o: Float[Array, "*batch hidden"]


class LSTMTape(NamedTuple):
    """What the backward pass reads of one step."""

    c_tm1: Float[Array, "*batch hidden"]
    h_tm1: Float[Array, "*batch hidden"]
    tanh_c: Float[Array, "*batch hidden"]
    gates: LSTMGates


class LSTMDeltas(NamedTuple):
    """dE/dh_t and dE/dc_t in total, and dE/dz_t at the gates' pre-activations (`split_gates` takes it apart)."""

    h: Float[Array, "*batch hidden"]
    c: Float[Array, "*batch hidden"]
    z: Float[Array, "*batch 4*hidden"]


def split_gates(z: Float[Array, "*batch 4*hidden"]) -> LSTMGates:
    """Takes fused pre-activations or their deltas apart."""
    return LSTMGates(*jnp.split(z, 4, axis=-1))


def lstm(
    input_size: int,
    hidden_size: int,
    *,
    kernel_init: Initializer | Fused = glorot_uniform,
    recurrent_init: Initializer | Fused = orthogonal(),
    bias_init: Initializer = zeros,
    forget_bias: float = 1.0,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell:
    """c_t = f ⊙ c_{t-1} + i ⊙ g, h_t = o ⊙ tanh(c_t), y_t = h_t, with 4h(h + d + 1) parameters.

    i, f, o = σ(·) and g = tanh(·) of x_t U + h_{t-1} W + b.

    Args:
      input_size: features d of x_t.
      hidden_size: units h.
      kernel_init: initialiser of U, called per gate unless `Fused`.
      recurrent_init: initialiser of W, called per gate unless `Fused`.
      bias_init: initialiser of b, called per gate.
      forget_bias: added to the forget gate's bias when it is drawn.
      dtype: dtype of the matrix products; that of the parameters by default. The state is at least float32.
      param_dtype: dtype of the parameters.

    Raises:
      ValueError: a size is not a positive integer.

    Reference: Hochreiter & Schmidhuber (1997), Long short-term memory; Gers, Schmidhuber & Cummins (2000), Learning to forget.
    """
    check_sizes("lstm", input_size=input_size, hidden_size=hidden_size)

    def init(key):
        k_input, k_recurrent, k_bias = jax.random.split(key, 3)
        bias = draw_bias(bias_init, k_bias, hidden_size, 4, param_dtype)
        return LSTMParams(
            input_kernel=draw_blocks(kernel_init, k_input, input_size, hidden_size, 4, param_dtype),
            recurrent_kernel=draw_blocks(recurrent_init, k_recurrent, hidden_size, hidden_size, 4, param_dtype),
            bias=bias.at[hidden_size : 2 * hidden_size].add(forget_bias),
        )

    def initial_state(params, batch_shape=()):
        check_params("lstm", LSTMParams, params)
        shape = (*batch_shape, hidden_size)
        return LSTMState(c=zero_state(shape, params), h=zero_state(shape, params))  # two buffers, so that both can be donated

    equations = lstm_adjoint(dtype)

    def step(params, state, x_t):
        checked("lstm", LSTMParams, params, x_t, input_size, hidden_size)
        return equations.advance(params, state, equations.project(params, x_t))[:2]

    return Cell(init, initial_state, step)


def lstm_adjoint(dtype: DTypeLike | None = None) -> Adjoint:
    """The equations of the LSTM, forward beside backward, gate by gate.

    Args:
      dtype: dtype of the matrix products.

    Reference: Hochreiter & Schmidhuber (1997), appendix A.1, with the whole gradient in the place of the truncated one.
    """

    def project(params, xs):
        return dot(xs, params.input_kernel, dtype)

    def advance(params, state, z_t):
        z = split_gates(checkpoint_name(preactivation(params, z_t, state.h, dtype), "z"))
        i, f, g, o = map(checkpoint_name, (sigmoid(z.i), sigmoid(z.f), jnp.tanh(z.g), sigmoid(z.o)), "ifgo")
        c_t = checkpoint_name(f * state.c + i * g, "c")
        tanh_c = jnp.tanh(c_t)
        h_t = checkpoint_name(o * tanh_c, "h")
        return LSTMState(c_t, h_t), h_t, LSTMTape(state.c, state.h, tanh_c, LSTMGates(i, f, g, o))

    def retreat(params, tape_t, dstate_t, dy_t):
        i, f, g, o = tape_t.gates
        dh_t = dstate_t.h + dy_t
        do = dh_t * tape_t.tanh_c
        dc_t = dstate_t.c + dh_t * o * (1 - tape_t.tanh_c**2)
        di, df, dg = dc_t * g, dc_t * tape_t.c_tm1, dc_t * i
        dz_t = jnp.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], axis=-1)
        dh_tm1 = dot(dz_t, params.recurrent_kernel.T, dtype)
        return LSTMState(c=dc_t * f, h=dh_tm1), LSTMDeltas(h=dh_t, c=dc_t, z=dz_t)

    def collect(params, xs, tape, deltas):
        projected, dxs = projection_gradients(params, xs, deltas.z, dtype)
        dparams = LSTMParams(
            **projected,
            recurrent_kernel=outer(tape.h_tm1, deltas.z, params.recurrent_kernel, dtype),
        )
        return dparams, dxs

    return Adjoint(project, advance, retreat, collect)
