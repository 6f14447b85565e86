"""The long short-term memory with forget gate, forward beside backward."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.ad_checkpoint import checkpoint_name
from jax.nn import sigmoid
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent.dense import dot, outer, preactivation, projection_gradients
from recurrent.factories import checked_cell, draw_kernels
from recurrent.initializers import Fused, Initializer, PerGate, glorot_uniform, orthogonal, zeros
from recurrent.made import remembered
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
    """dE/dh_t and dE/dc_t in total, and dE/dz_t at the gates' pre-activations (`split_lstm_gates` takes it apart)."""

    h: Float[Array, "*batch hidden"]
    c: Float[Array, "*batch hidden"]
    z: Float[Array, "*batch 4*hidden"]


@remembered
def lstm(
    input_size: int,
    hidden_size: int,
    *,
    kernel_init: Initializer | Fused = glorot_uniform,
    recurrent_init: Initializer | Fused = orthogonal(),
    bias_init: Initializer | PerGate = zeros,
    forget_bias: float = 1.0,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[LSTMParams, LSTMState]:
    """c_t = f ⊙ c_{t-1} + i ⊙ g, h_t = o ⊙ tanh(c_t), y_t = h_t, with 4h(h + d + 1) parameters.

    i, f, o = σ(·) and g = tanh(·) of x_t U + h_{t-1} W + b. `forget_bias` is added to the forget gate's bias when it is drawn;
    the other options are those of all cells, see `recurrent.cells`.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import recurrent
    >>> cell = recurrent.lstm(3, 8)
    >>> params = cell.init(jax.random.key(0))
    >>> state, y_t = cell.step(params, cell.initial_state(params, (2,)), jnp.ones((2, 3)))
    >>> state.c.shape, y_t.shape
    ((2, 8), (2, 8))

    Reference: Hochreiter & Schmidhuber (1997), Long short-term memory; Gers, Schmidhuber & Cummins (2000), Learning to forget.
    """
    inits = (kernel_init, recurrent_init, bias_init)

    def init(key):
        keys = jax.random.split(key, 3)
        params = LSTMParams(*draw_kernels(keys, (input_size, hidden_size), hidden_size, 4, inits, param_dtype))
        return params._replace(bias=params.bias.at[hidden_size : 2 * hidden_size].add(forget_bias))

    sizes = {"input": input_size, "hidden": hidden_size}
    step = functools.partial(lstm_step, dtype=dtype)
    return checked_cell("lstm", LSTMParams, sizes, init, lambda zeros: LSTMState(zeros(hidden_size), zeros(hidden_size)), step)


def lstm_adjoint(dtype: DTypeLike | None = None) -> Adjoint:
    """The equations of the LSTM, forward beside backward, gate by gate; products are computed in `dtype`.

    Reference: Hochreiter & Schmidhuber (1997), appendix A.1, with the whole gradient in the place of the truncated one.
    """
    return Adjoint(lstm_project, lstm_advance, lstm_retreat, lstm_collect).bound(dtype=dtype)


def lstm_step(params: LSTMParams, state: LSTMState, x_t: Array, dtype: DTypeLike | None = None) -> tuple[LSTMState, Array]:
    """s_t, y_t of the LSTM."""
    return lstm_advance(params, state, lstm_project(params, x_t, dtype), dtype)[:2]


def lstm_project(params: LSTMParams, xs: Array, dtype: DTypeLike | None = None) -> Array:
    """z_t = x_t U."""
    return dot(xs, params.input_kernel, dtype)


def lstm_advance(
    params: LSTMParams, state: LSTMState, z_t: Array, dtype: DTypeLike | None = None
) -> tuple[LSTMState, Array, LSTMTape]:
    """c_t = f ⊙ c_{t-1} + i ⊙ g, h_t = o ⊙ tanh(c_t)."""
    z = split_lstm_gates(checkpoint_name(preactivation(params, z_t, state.h, dtype), "z"))
    i, f, g, o = map(checkpoint_name, (sigmoid(z.i), sigmoid(z.f), jnp.tanh(z.g), sigmoid(z.o)), "ifgo")
    c_t = checkpoint_name(f * state.c + i * g, "c")
    tanh_c = jnp.tanh(c_t)
    h_t = checkpoint_name(o * tanh_c, "h")
    return LSTMState(c_t, h_t), h_t, LSTMTape(state.c, state.h, tanh_c, LSTMGates(i, f, g, o))


def lstm_retreat(
    params: LSTMParams, tape_t: LSTMTape, dstate_t: LSTMState, dy_t: Array, dtype: DTypeLike | None = None
) -> tuple[LSTMState, LSTMDeltas]:
    """dc_t += dh_t ⊙ o ⊙ (1 - tanh² c_t), then gate by gate; dc_{t-1} = dc_t ⊙ f, dh_{t-1} = dz_t W'."""
    i, f, g, o = tape_t.gates
    dh_t = dstate_t.h + dy_t
    do = dh_t * tape_t.tanh_c
    dc_t = dstate_t.c + dh_t * o * (1 - tape_t.tanh_c**2)
    di, df, dg = dc_t * g, dc_t * tape_t.c_tm1, dc_t * i
    dz_t = jnp.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], axis=-1)
    dh_tm1 = dot(dz_t, params.recurrent_kernel.T, dtype)
    return LSTMState(c=dc_t * f, h=dh_tm1), LSTMDeltas(h=dh_t, c=dc_t, z=dz_t)


def lstm_collect(
    params: LSTMParams, xs: Array, tape: LSTMTape, deltas: LSTMDeltas, dtype: DTypeLike | None = None
) -> tuple[LSTMParams, Array]:
    """dW = Σ h_{t-1}' dz_t, dU = Σ x_t' dz_t, db = Σ dz_t, dx_t = dz_t U'."""
    projected, dxs = projection_gradients(params, xs, deltas.z, dtype)
    return LSTMParams(**projected, recurrent_kernel=outer(tape.h_tm1, deltas.z, params.recurrent_kernel, dtype)), dxs


def split_lstm_gates(z: Float[Array, "*batch 4*hidden"]) -> LSTMGates:
    """Takes fused pre-activations or their deltas apart."""
    return LSTMGates(*jnp.split(z, 4, axis=-1))
