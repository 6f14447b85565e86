"""The LSTM and the GRU with layer normalisation of their pre-activations.

LN(a; α) = α ⊙ (a - mean a) / √(var a + ε), over the units of one row. What the inputs and the state contribute is normalised
apart, so that neither drowns the other. The shifts of the two only ever appear as a sum: one bias stands for them.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import sigmoid
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.cells._lstm import LSTMState
from recurrent.dense import add_bias, dot, spread
from recurrent.factories import checked_cell, draw_kernels
from recurrent.initializers import Fused, Initializer, PerGate, draw_bias, glorot_uniform, orthogonal, zeros
from recurrent.made import remembered
from recurrent.types import Cell


class LayerNormLSTMParams(NamedTuple):
    """Parameters of the normalised LSTM; gates in the order i, f, g, o; `cell_*` normalise c_t on its way out."""

    input_kernel: Float[Array, "input 4*hidden"]
    input_gain: Float[Array, "4*hidden"]
    recurrent_kernel: Float[Array, "hidden 4*hidden"]
    recurrent_gain: Float[Array, "4*hidden"]
    bias: Float[Array, "4*hidden"]
    cell_gain: Float[Array, "hidden"]
    cell_bias: Float[Array, "hidden"]


class LayerNormGRUParams(NamedTuple):
    """Parameters of the normalised GRU; gates in the order r, z, n; `recurrent_bias` is the candidate's, inside the reset."""

    input_kernel: Float[Array, "input 3*hidden"]
    input_gain: Float[Array, "3*hidden"]
    recurrent_kernel: Float[Array, "hidden 3*hidden"]
    recurrent_gain: Float[Array, "3*hidden"]
    bias: Float[Array, "3*hidden"]
    recurrent_bias: Float[Array, "hidden"]


@remembered
def layer_norm_lstm(
    input_size: int,
    hidden_size: int,
    *,
    epsilon: float = 1e-5,
    kernel_init: Initializer | Fused = glorot_uniform,
    recurrent_init: Initializer | Fused = orthogonal(),
    bias_init: Initializer | PerGate = zeros,
    forget_bias: float = 1.0,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[LayerNormLSTMParams, LSTMState]:
    """c_t = f ⊙ c_{t-1} + i ⊙ g, h_t = o ⊙ tanh(LN(c_t; α_c) + b_c), y_t = h_t.

    i, f, o = σ(·) and g = tanh(·) of LN(x_t U; α_x) + LN(h_{t-1} W; α_h) + b, each normalised over all 4h of them together.
    There are 4h(h + d + 3) + 2h parameters; the gains are drawn as 1. `epsilon` is added to the variances, `forget_bias` to the
    forget gate's bias when it is drawn; the other options are those of all cells, see `recurrent.cells`.

    Reference: Ba, Kiros & Hinton (2016), Layer normalization, supplementary material.
    """
    checks.positive(epsilon=epsilon)

    def init(key):
        *keys, k_cell = jax.random.split(key, 4)
        gain, inits = jnp.ones(4 * hidden_size, param_dtype), (kernel_init, recurrent_init, bias_init)
        input_kernel, recurrent_kernel, bias = draw_kernels(keys, (input_size, hidden_size), hidden_size, 4, inits, param_dtype)
        bias = bias.at[hidden_size : 2 * hidden_size].add(forget_bias)
        cell_bias = draw_bias(bias_init, k_cell, hidden_size, 1, param_dtype)
        return LayerNormLSTMParams(input_kernel, gain, recurrent_kernel, gain, bias, gain[:hidden_size], cell_bias)

    sizes = {"input": input_size, "hidden": hidden_size}
    step = functools.partial(layer_norm_lstm_step, epsilon=epsilon, dtype=dtype)
    return checked_cell(
        "layer_norm_lstm",
        LayerNormLSTMParams,
        sizes,
        init,
        lambda zeros: LSTMState(zeros(hidden_size), zeros(hidden_size)),
        step,
    )


def layer_norm_lstm_step(
    params: LayerNormLSTMParams, state: LSTMState, x_t: Array, epsilon: float = 1e-5, dtype: DTypeLike | None = None
) -> tuple[LSTMState, Array]:
    """s_t, y_t of the normalised LSTM."""
    z_t = add_bias(layer_norm(dot(x_t, params.input_kernel, dtype), params.input_gain, epsilon), params.bias)
    z_t = z_t + layer_norm(dot(state.h, params.recurrent_kernel, dtype), params.recurrent_gain, epsilon)
    z_i, z_f, z_g, z_o = jnp.split(z_t, 4, axis=-1)
    c_t = sigmoid(z_f) * state.c + sigmoid(z_i) * jnp.tanh(z_g)
    h_t = sigmoid(z_o) * jnp.tanh(add_bias(layer_norm(c_t, params.cell_gain, epsilon), params.cell_bias))
    return LSTMState(c_t, h_t), h_t


@remembered
def layer_norm_gru(
    input_size: int,
    hidden_size: int,
    *,
    epsilon: float = 1e-5,
    kernel_init: Initializer | Fused = glorot_uniform,
    recurrent_init: Initializer | Fused = orthogonal(),
    bias_init: Initializer | PerGate = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[LayerNormGRUParams, Array]:
    """h_t = (1 - z) ⊙ h_{t-1} + z ⊙ n, y_t = h_t, with r, z = σ(LN(x_t U; α_x) + LN(h_{t-1} W; α_h) + b).

    n = tanh(LN(x_t U_n; α_xn) + b_n + r ⊙ (LN(h_{t-1} W_n; α_hn) + b_hn)). The gates r, z are normalised together, and n apart.
    There are 3h(h + d + 3) + h parameters; the gains are drawn as 1. `epsilon` is added to the variances; the other options are
    those of all cells, see `recurrent.cells`.

    Reference: Ba, Kiros & Hinton (2016), Layer normalization, supplementary material.
    """
    checks.positive(epsilon=epsilon)

    def init(key):
        *keys, k_recurrent_bias = jax.random.split(key, 4)
        gain, inits = jnp.ones(3 * hidden_size, param_dtype), (kernel_init, recurrent_init, bias_init)
        input_kernel, recurrent_kernel, bias = draw_kernels(keys, (input_size, hidden_size), hidden_size, 3, inits, param_dtype)
        recurrent_bias = draw_bias(bias_init, k_recurrent_bias, hidden_size, 1, param_dtype)
        return LayerNormGRUParams(input_kernel, gain, recurrent_kernel, gain, bias, recurrent_bias)

    sizes = {"input": input_size, "hidden": hidden_size}
    step = functools.partial(layer_norm_gru_step, epsilon=epsilon, dtype=dtype)
    return checked_cell("layer_norm_gru", LayerNormGRUParams, sizes, init, lambda zeros: zeros(hidden_size), step)


def layer_norm_gru_step(
    params: LayerNormGRUParams, h_tm1: Array, x_t: Array, epsilon: float = 1e-5, dtype: DTypeLike | None = None
) -> tuple[Array, Array]:
    """h_t, y_t of the normalised GRU."""
    normalize = functools.partial(_layer_norm_gates_and_candidate, epsilon=epsilon)
    z_t = add_bias(normalize(dot(x_t, params.input_kernel, dtype), params.input_gain), params.bias)
    z_r, z_z, z_n = jnp.split(z_t, 3, axis=-1)
    s_r, s_z, s_n = jnp.split(normalize(dot(h_tm1, params.recurrent_kernel, dtype), params.recurrent_gain), 3, axis=-1)
    r, z = sigmoid(z_r + s_r), sigmoid(z_z + s_z)
    n = jnp.tanh(z_n + r * add_bias(s_n, params.recurrent_bias))
    h_t = h_tm1 + z * (n - h_tm1)
    return h_t, h_t


def layer_norm(a: Float[Array, "*batch units"], gain: Float[Array, "units"], epsilon: float) -> Float[Array, "*batch units"]:
    """LN(a; α) = α ⊙ (a - mean a) / √(var a + ε), over the last axis; 0 for an all-equal row."""
    centered = a - a.mean(axis=-1, keepdims=True)
    variance = jnp.mean(centered**2, axis=-1, keepdims=True)
    return centered * jax.lax.rsqrt(variance + epsilon) * spread(gain, a)


def _layer_norm_gates_and_candidate(a: Array, gain: Array, epsilon: float) -> Array:
    """r, z normalised together, n apart."""
    pairs = zip(*(jnp.split(x, [2 * a.shape[-1] // 3], axis=-1) for x in (a, gain)), strict=True)
    return jnp.concatenate([layer_norm(part, part_gain, epsilon) for part, part_gain in pairs], axis=-1)
