"""The LSTM and the GRU with layer normalisation of their pre-activations.

LN(a; α) = α ⊙ (a - mean a) / √(var a + ε), over the units of one row. What the inputs and the state contribute is normalised
apart, so that neither drowns the other. The shifts of the two only ever appear as a sum: one bias stands for them.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent.cells.common import add_bias, check_params, check_sizes, checked, dot, zero_state
from recurrent.cells.lstm import LSTMState
from recurrent.initializers import Fused, Initializer, draw_bias, draw_blocks, glorot_uniform, orthogonal, zeros
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


def layer_norm(a: Float[Array, "*batch units"], gain: Float[Array, "units"], epsilon: float) -> Float[Array, "*batch units"]:
    """LN(a; α) = α ⊙ (a - mean a) / √(var a + ε), over the last axis; 0 for an all-equal row."""
    centered = a - a.mean(axis=-1, keepdims=True)
    variance = jnp.mean(centered**2, axis=-1, keepdims=True)
    return centered * jax.lax.rsqrt(variance + epsilon) * jnp.broadcast_to(gain.astype(a.dtype), a.shape)


def layer_norm_lstm(
    input_size: int,
    hidden_size: int,
    *,
    epsilon: float = 1e-5,
    kernel_init: Initializer | Fused = glorot_uniform,
    recurrent_init: Initializer | Fused = orthogonal(),
    bias_init: Initializer = zeros,
    forget_bias: float = 1.0,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell:
    """c_t = f ⊙ c_{t-1} + i ⊙ g, h_t = o ⊙ tanh(LN(c_t; α_c) + b_c), y_t = h_t.

    i, f, o = σ(·) and g = tanh(·) of LN(x_t U; α_x) + LN(h_{t-1} W; α_h) + b, each normalised over all 4h of them together.
    There are 4h(h + d + 3) + 2h parameters.

    Args:
      input_size: features d of x_t.
      hidden_size: units h.
      epsilon: added to the variances.
      kernel_init: initialiser of U, called per gate unless `Fused`.
      recurrent_init: initialiser of W, called per gate unless `Fused`.
      bias_init: initialiser of b and b_c, called per gate; the gains are drawn as 1.
      forget_bias: added to the forget gate's bias when it is drawn.
      dtype: dtype of the matrix products; that of the parameters by default. The state is at least float32.
      param_dtype: dtype of the parameters.

    Raises:
      ValueError: a size is not a positive integer, or `epsilon` is not positive.

    Reference: Ba, Kiros & Hinton (2016), Layer normalization, supplementary material.
    """
    name = "layer_norm_lstm"
    _check(name, input_size, hidden_size, epsilon)

    def init(key):
        k_input, k_recurrent, k_bias, k_cell = jax.random.split(key, 4)
        gain = jnp.ones(4 * hidden_size, param_dtype)
        bias = draw_bias(bias_init, k_bias, hidden_size, 4, param_dtype)
        return LayerNormLSTMParams(
            input_kernel=draw_blocks(kernel_init, k_input, input_size, hidden_size, 4, param_dtype),
            input_gain=gain,
            recurrent_kernel=draw_blocks(recurrent_init, k_recurrent, hidden_size, hidden_size, 4, param_dtype),
            recurrent_gain=gain,
            bias=bias.at[hidden_size : 2 * hidden_size].add(forget_bias),
            cell_gain=gain[:hidden_size],
            cell_bias=draw_bias(bias_init, k_cell, hidden_size, 1, param_dtype),
        )

    def initial_state(params, batch_shape=()):
        check_params(name, LayerNormLSTMParams, params)
        shape = (*batch_shape, hidden_size)
        return LSTMState(c=zero_state(shape, params), h=zero_state(shape, params))

    def project(params, xs):
        checked(name, LayerNormLSTMParams, params, xs, input_size, hidden_size)
        return add_bias(layer_norm(dot(xs, params.input_kernel, dtype), params.input_gain, epsilon), params.bias)

    def step(params, state, x_t):
        z_t = project(params, x_t)
        recurrent = layer_norm(dot(state.h, params.recurrent_kernel, dtype), params.recurrent_gain, epsilon)
        i, f, g, o = jnp.split(z_t + recurrent, 4, axis=-1)
        c_t = jax.nn.sigmoid(f) * state.c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h_t = jax.nn.sigmoid(o) * jnp.tanh(add_bias(layer_norm(c_t, params.cell_gain, epsilon), params.cell_bias))
        return LSTMState(c_t, h_t), h_t

    return Cell(init, initial_state, step)


def layer_norm_gru(
    input_size: int,
    hidden_size: int,
    *,
    epsilon: float = 1e-5,
    kernel_init: Initializer | Fused = glorot_uniform,
    recurrent_init: Initializer | Fused = orthogonal(),
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell:
    """h_t = (1 - z) ⊙ h_{t-1} + z ⊙ n, y_t = h_t, with r, z = σ(LN(x_t U; α_x) + LN(h_{t-1} W; α_h) + b).

    n = tanh(LN(x_t U_n; α_xn) + b_n + r ⊙ (LN(h_{t-1} W_n; α_hn) + b_hn)). The gates r, z are normalised together, and n apart.
    There are 3h(h + d + 3) + h parameters.

    Args:
      input_size: features d of x_t.
      hidden_size: units h.
      epsilon: added to the variances.
      kernel_init: initialiser of U, called per gate unless `Fused`.
      recurrent_init: initialiser of W, called per gate unless `Fused`.
      bias_init: initialiser of b and b_hn, called per gate; the gains are drawn as 1.
      dtype: dtype of the matrix products; that of the parameters by default. The state is at least float32.
      param_dtype: dtype of the parameters.

    Raises:
      ValueError: a size is not a positive integer, or `epsilon` is not positive.

    Reference: Ba, Kiros & Hinton (2016), Layer normalization, supplementary material.
    """
    name = "layer_norm_gru"
    _check(name, input_size, hidden_size, epsilon)

    def init(key):
        k_input, k_recurrent, k_bias, k_recurrent_bias = jax.random.split(key, 4)
        gain = jnp.ones(3 * hidden_size, param_dtype)
        return LayerNormGRUParams(
            input_kernel=draw_blocks(kernel_init, k_input, input_size, hidden_size, 3, param_dtype),
            input_gain=gain,
            recurrent_kernel=draw_blocks(recurrent_init, k_recurrent, hidden_size, hidden_size, 3, param_dtype),
            recurrent_gain=gain,
            bias=draw_bias(bias_init, k_bias, hidden_size, 3, param_dtype),
            recurrent_bias=draw_bias(bias_init, k_recurrent_bias, hidden_size, 1, param_dtype),
        )

    def initial_state(params, batch_shape=()):
        check_params(name, LayerNormGRUParams, params)
        return zero_state((*batch_shape, hidden_size), params)

    def normalize(a, gain):
        gates, candidate = a[..., : 2 * hidden_size], a[..., 2 * hidden_size :]
        parts = (layer_norm(gates, gain[: 2 * hidden_size], epsilon), layer_norm(candidate, gain[2 * hidden_size :], epsilon))
        return jnp.concatenate(parts, axis=-1)

    def project(params, xs):
        checked(name, LayerNormGRUParams, params, xs, input_size, hidden_size)
        return add_bias(normalize(dot(xs, params.input_kernel, dtype), params.input_gain), params.bias)

    def step(params, h_tm1, x_t):
        z_r, z_z, z_n = jnp.split(project(params, x_t), 3, axis=-1)
        s_r, s_z, s_n = jnp.split(normalize(dot(h_tm1, params.recurrent_kernel, dtype), params.recurrent_gain), 3, axis=-1)
        r, z = jax.nn.sigmoid(z_r + s_r), jax.nn.sigmoid(z_z + s_z)
        n = jnp.tanh(z_n + r * add_bias(s_n, params.recurrent_bias))
        h_t = h_tm1 + z * (n - h_tm1)
        return h_t, h_t

    return Cell(init, initial_state, step)


def _check(name: str, input_size: int, hidden_size: int, epsilon: float) -> None:
    check_sizes(name, input_size=input_size, hidden_size=hidden_size)
    if not epsilon > 0:
        raise ValueError(f"{name}: epsilon must be positive; got {epsilon}")
