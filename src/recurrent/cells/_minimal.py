"""The gated cells whose gates do not read the state: minGRU and minLSTM, linear in the state."""

import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import log_sigmoid, sigmoid
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.dense import add_bias, dot
from recurrent.factories import linear_cell, states_as_outputs
from recurrent.initializers import Fused, Initializer, PerGate, draw_bias, draw_blocks, glorot_uniform, zeros
from recurrent.made import remembered
from recurrent.types import REAL, Cell, LinearForm

Candidate = Literal["identity", "positive"]


class MinGRUParams(NamedTuple):
    """Parameters of the minGRU; gates in the order z, n."""

    input_kernel: Float[Array, "input 2*hidden"]
    bias: Float[Array, "2*hidden"]


class MinLSTMParams(NamedTuple):
    """Parameters of the minLSTM; gates in the order i, f, n."""

    input_kernel: Float[Array, "input 3*hidden"]
    bias: Float[Array, "3*hidden"]


@remembered
def min_gru(
    input_size: int,
    hidden_size: int,
    *,
    candidate: Candidate = "identity",
    negative_eigenvalues: bool = False,
    kernel_init: Initializer | Fused = glorot_uniform,
    bias_init: Initializer | PerGate = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[MinGRUParams, Array]:
    """h_t = (1 - z_t) ⊙ h_{t-1} + z_t ⊙ n_t, y_t = h_t, with z_t = σ(x_t U_z + b_z) and n_t = g(x_t U_n + b_n).

    2h(d + 1) parameters. The candidate's g is the "identity" or "positive", k + 1/2 above 0 and σ(k) below, which the published
    log-space recurrence needs; this form gives the same values, and takes any h_0. With `negative_eigenvalues` the factor of
    h_{t-1} is 1 - 2z_t, in (-1, 1) instead of (0, 1), so that a unit can change its sign, which parity takes: h_t is no mean of
    h_{t-1} and n_t any more. The other options are those of all cells.

    Reference: Feng et al. (2024), Were RNNs all we needed?, section 3.1 and appendix B; Grazzi et al. (2025), Unlocking
    state-tracking in linear RNNs through negative eigenvalues (1 - 2z).
    """
    checks.choice("min_gru: negative_eigenvalues", negative_eigenvalues, (True, False))
    options = (candidate, kernel_init, bias_init, dtype, param_dtype)
    coefficients = functools.partial(min_gru_coefficients, negative_eigenvalues=negative_eigenvalues)
    return _gated("min_gru", MinGRUParams, 2, input_size, hidden_size, coefficients, *options)


@remembered
def min_lstm(
    input_size: int,
    hidden_size: int,
    *,
    candidate: Candidate = "identity",
    kernel_init: Initializer | Fused = glorot_uniform,
    bias_init: Initializer | PerGate = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[MinLSTMParams, Array]:
    """h_t = f/(f+i) ⊙ h_{t-1} + i/(f+i) ⊙ n_t, y_t = h_t, with i, f = σ(x_t U + b) and n_t = g(x_t U_n + b_n).

    3h(d + 1) parameters; options as for `min_gru`.

    Reference: Feng et al. (2024), Were RNNs all we needed?, section 3.2 and appendix B.
    """
    options = (candidate, kernel_init, bias_init, dtype, param_dtype)
    return _gated("min_lstm", MinLSTMParams, 3, input_size, hidden_size, min_lstm_coefficients, *options)


def min_gru_coefficients(
    params: MinGRUParams,
    xs: Array,
    candidate: Candidate = "identity",
    dtype: DTypeLike | None = None,
    negative_eigenvalues: bool = False,
) -> tuple[Array, Array]:
    """a_t = 1 - z_t, or 1 - 2z_t with negative eigenvalues; b_t = z_t ⊙ n_t."""
    z, n = jnp.split(add_bias(dot(xs, params.input_kernel, dtype), params.bias), 2, axis=-1)
    # 1 - z as σ(-·) and 1 - 2z as tanh(-·/2): a subtraction would lose the small ones
    kept = jnp.tanh(-z / 2) if negative_eigenvalues else sigmoid(-z)
    return kept, sigmoid(z) * CANDIDATES[candidate](n)


def min_lstm_coefficients(
    params: MinLSTMParams, xs: Array, candidate: Candidate = "identity", dtype: DTypeLike | None = None
) -> tuple[Array, Array]:
    """a_t = f/(f+i) = σ(ln f - ln i), which stays exact where both gates close; b_t = i/(f+i) ⊙ n_t."""
    i, f, n = jnp.split(add_bias(dot(xs, params.input_kernel, dtype), params.bias), 3, axis=-1)
    odds = log_sigmoid(f) - log_sigmoid(i)
    return sigmoid(odds), sigmoid(-odds) * CANDIDATES[candidate](n)


def positive(k: Array) -> Array:
    """g(k) = k + 1/2 for k ≥ 0, σ(k) below: positive, continuous, and monotone."""
    return jnp.where(k >= 0, k + 0.5, sigmoid(k))


CANDIDATES: dict[str, Callable[[Array], Array]] = {"identity": lambda k: k, "positive": positive}


def _gated(
    name: str,
    params_type: Any,
    gates: int,
    input_size: int,
    hidden_size: int,
    coefficients: Any,
    candidate: Candidate,
    kernel_init: Initializer | Fused,
    bias_init: Initializer | PerGate,
    dtype: DTypeLike | None,
    param_dtype: DTypeLike,
) -> Cell[Any, Array]:
    checks.choice(f"{name}: candidate", candidate, tuple(CANDIDATES))

    def init(key):
        k_input, k_bias = jax.random.split(key)
        return params_type(
            input_kernel=draw_blocks(kernel_init, k_input, input_size, hidden_size, gates, param_dtype),
            bias=draw_bias(bias_init, k_bias, hidden_size, gates, param_dtype),
        )

    form = LinearForm(functools.partial(coefficients, candidate=candidate, dtype=dtype), states_as_outputs, REAL)
    return linear_cell(
        name, params_type, {"input": input_size, "hidden": hidden_size}, init, lambda zeros: zeros(hidden_size), form
    )
