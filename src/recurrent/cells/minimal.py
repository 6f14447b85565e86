"""The gated cells whose gates do not read the state: minGRU and minLSTM, linear in the state."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent.cells.common import add_bias, check_params, check_sizes, dot, zero_state
from recurrent.cells.linear import checked_inputs, linear_cell
from recurrent.initializers import Fused, Initializer, draw_bias, draw_blocks, glorot_uniform, zeros
from recurrent.types import REAL, Cell, LinearForm

Candidate = Literal["identity", "positive"]


def _positive(k: Array) -> Array:
    """g(k) = k + 1/2 for k ≥ 0, σ(k) below: positive, continuous, and monotone."""
    return jnp.where(k >= 0, k + 0.5, jax.nn.sigmoid(k))


CANDIDATES: dict[str, Callable[[Array], Array]] = {"identity": lambda k: k, "positive": _positive}


class MinGRUParams(NamedTuple):
    """Parameters of the minGRU; gates in the order z, n."""

    input_kernel: Float[Array, "input 2*hidden"]
    bias: Float[Array, "2*hidden"]


class MinLSTMParams(NamedTuple):
    """Parameters of the minLSTM; gates in the order i, f, n."""

    input_kernel: Float[Array, "input 3*hidden"]
    bias: Float[Array, "3*hidden"]


def min_gru(
    input_size: int,
    hidden_size: int,
    *,
    candidate: Candidate = "identity",
    kernel_init: Initializer | Fused = glorot_uniform,
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell:
    """h_t = (1 - z_t) ⊙ h_{t-1} + z_t ⊙ n_t, y_t = h_t, with z_t = σ(x_t U_z + b_z) and n_t = g(x_t U_n + b_n).

    2h(d + 1) parameters. The published log-space recurrence gives the same values; it needs h_0 > 0, this form does not.

    Args:
      input_size: features d of x_t.
      hidden_size: units h.
      candidate: g, "identity" or "positive" (k + 1/2 above 0, σ(k) below), which the log-space recurrence needs.
      kernel_init: initialiser of U, called per gate unless `Fused`.
      bias_init: initialiser of b, called per gate.
      dtype: dtype of the matrix products; that of the parameters by default. The state is at least float32.
      param_dtype: dtype of the parameters.

    Raises:
      ValueError: a size is not a positive integer, or the candidate is unknown.

    Reference: Feng et al. (2024), Were RNNs all we needed?, section 3.1 and appendix B.
    """

    def coefficients(pre_z, pre_n):
        # 1 - z as σ(-·): a subtraction would lose the small ones
        return jax.nn.sigmoid(-pre_z), jax.nn.sigmoid(pre_z) * CANDIDATES[candidate](pre_n)

    inits = kernel_init, bias_init
    return _gated("min_gru", MinGRUParams, 2, input_size, hidden_size, candidate, coefficients, inits, dtype, param_dtype)


def min_lstm(
    input_size: int,
    hidden_size: int,
    *,
    candidate: Candidate = "identity",
    kernel_init: Initializer | Fused = glorot_uniform,
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell:
    """h_t = f/(f+i) ⊙ h_{t-1} + i/(f+i) ⊙ n_t, y_t = h_t, with i, f = σ(x_t U + b) and n_t = g(x_t U_n + b_n).

    3h(d + 1) parameters. f/(f+i) = σ(ln f - ln i), which stays exact where both gates close.

    Args:
      input_size: features d of x_t.
      hidden_size: units h.
      candidate: g; see `min_gru`.
      kernel_init: initialiser of U, called per gate unless `Fused`.
      bias_init: initialiser of b, called per gate.
      dtype: dtype of the matrix products; that of the parameters by default. The state is at least float32.
      param_dtype: dtype of the parameters.

    Raises:
      ValueError: a size is not a positive integer, or the candidate is unknown.

    Reference: Feng et al. (2024), Were RNNs all we needed?, section 3.2 and appendix B.
    """

    def coefficients(pre_i, pre_f, pre_n):
        odds = jax.nn.log_sigmoid(pre_f) - jax.nn.log_sigmoid(pre_i)
        return jax.nn.sigmoid(odds), jax.nn.sigmoid(-odds) * CANDIDATES[candidate](pre_n)

    inits = kernel_init, bias_init
    return _gated("min_lstm", MinLSTMParams, 3, input_size, hidden_size, candidate, coefficients, inits, dtype, param_dtype)


def _gated(name, params_type, gates, input_size, hidden_size, candidate, equation, inits, dtype, param_dtype) -> Cell:
    """The cell whose coefficients are `equation(*pre-activations of the gates)`."""
    check_sizes(name, input_size=input_size, hidden_size=hidden_size)
    if candidate not in CANDIDATES:
        raise ValueError(f"{name}: candidate must be one of {sorted(CANDIDATES)}; got {candidate!r}")
    kernel_init, bias_init = inits

    def init(key):
        k_input, k_bias = jax.random.split(key)
        return params_type(
            input_kernel=draw_blocks(kernel_init, k_input, input_size, hidden_size, gates, param_dtype),
            bias=draw_bias(bias_init, k_bias, hidden_size, gates, param_dtype),
        )

    def initial_state(params, batch_shape=()):
        check_params(name, params_type, params)
        return zero_state((*batch_shape, hidden_size), params)

    def coefficients(params, xs):
        checked_inputs(name, params_type, params, xs, input_size, gates * hidden_size)
        pre = add_bias(dot(xs, params.input_kernel, dtype), params.bias)
        return equation(*jnp.split(pre, gates, axis=-1))

    return linear_cell(init, initial_state, LinearForm(coefficients, lambda params, states, xs: states, REAL))
