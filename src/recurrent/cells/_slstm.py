"""The LSTM with exponential gates, and the stabiliser that keeps exponentials in range."""

import functools
import math
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import log_sigmoid, sigmoid
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.dense import dot, preactivation
from recurrent.factories import checked_cell, draw_kernels
from recurrent.initializers import Fused, Initializer, PerGate, glorot_uniform, orthogonal, zeros
from recurrent.made import remembered
from recurrent.types import Cell

Forget = Literal["sigmoid", "exp"]


class SLSTMParams(NamedTuple):
    """Parameters of the sLSTM; the gates lie side by side in the order i, f, z, o."""

    input_kernel: Float[Array, "input 4*hidden"]
    recurrent_kernel: Float[Array, "hidden 4*hidden"]
    bias: Float[Array, "4*hidden"]


class SLSTMState(NamedTuple):
    """Memory c and normaliser n, both divided by e^m; the stabiliser m; the hidden state h.

    Gradients and Jacobians are those of c and n as they are kept. A step forgets their scale wherever its input gate sets m: in
    that direction the Lyapunov exponents are -inf, or those of rounding.
    """

    c: Float[Array, "*batch hidden"]
    n: Float[Array, "*batch hidden"]
    m: Float[Array, "*batch hidden"]
    h: Float[Array, "*batch hidden"]


@remembered
def slstm(
    input_size: int,
    hidden_size: int,
    *,
    forget: Forget = "sigmoid",
    forget_bias: float | None = None,
    kernel_init: Initializer | Fused = glorot_uniform,
    recurrent_init: Initializer | Fused = orthogonal(),
    bias_init: Initializer | PerGate = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[SLSTMParams, SLSTMState]:
    """c_t = f ⊙ c_{t-1} + i ⊙ z, n_t = f ⊙ n_{t-1} + i, h_t = o ⊙ c_t / n_t, y_t = h_t, with 4h(h + d + 1) parameters.

    i = exp(·), f = σ(·) or exp(·), z = tanh(·) and o = σ(·) of x_t U + h_{t-1} W + b: c/n is a mean of all z so far, and a gate
    that opens late outweighs them. c and n are kept divided by e^m with m_t = max(ln f + m_{t-1}, ln i), so that no exponential
    exceeds 1. Where n = 0 the past is empty and has no weight, whatever m_{t-1}: then m_t = ln i and n_t = 1, and n stays above
    0 for ever.

    Args:
      input_size: features of x_t.
      hidden_size: units of h_t.
      forget: "sigmoid", or "exp", which lets the weight of the past grow.
      forget_bias: added to the forget gate's bias when it is drawn; by default 1 for "sigmoid", and 0 for "exp", which weighs
        all steps alike.
      kernel_init, recurrent_init, bias_init, dtype, param_dtype: as for all cells.

    Raises:
      ValueError: an unknown forget gate, or a forget bias that is not finite.

    Reference: Beck et al. (2024), xLSTM: extended long short-term memory, section 2.2 and equations 15-17 (stabiliser).
    """
    checks.choice("slstm: forget", forget, ("sigmoid", "exp"))
    added = float(forget == "sigmoid") if forget_bias is None else forget_bias
    check_forget_bias("slstm", added)
    inits = (kernel_init, recurrent_init, bias_init)

    def init(key):
        keys = jax.random.split(key, 3)
        params = SLSTMParams(*draw_kernels(keys, (input_size, hidden_size), hidden_size, 4, inits, param_dtype))
        return params._replace(bias=params.bias.at[hidden_size : 2 * hidden_size].add(added))

    sizes = {"input": input_size, "hidden": hidden_size}
    step = functools.partial(slstm_step, forget=forget, dtype=dtype)
    return checked_cell(
        "slstm", SLSTMParams, sizes, init, lambda zeros: SLSTMState(*(zeros(hidden_size) for _ in SLSTMState._fields)), step
    )


def slstm_step(
    params: SLSTMParams, state: SLSTMState, x_t: Array, forget: Forget = "sigmoid", dtype: DTypeLike | None = None
) -> tuple[SLSTMState, Array]:
    """s_t, y_t of the sLSTM."""
    ln_i, f, z, o = jnp.split(preactivation(params, dot(x_t, params.input_kernel, dtype), state.h, dtype), 4, axis=-1)
    ln_f = log_sigmoid(f) if forget == "sigmoid" else f
    # m_{t-1} of an empty past means nothing: kept, it could underflow the first input gate, and c / n with it
    m_t, f, i = stabilised(jnp.where(state.n > 0, ln_f + state.m, -jnp.inf), ln_i)
    c_t, n_t = f * state.c + i * jnp.tanh(z), f * state.n + i
    h_t = sigmoid(o) * c_t / n_t
    return SLSTMState(c_t, n_t, m_t, h_t), h_t


def stabilised(ln_past: Array, ln_i: Array) -> tuple[Array, Array, Array]:
    """m_t = max(ln f + m_{t-1}, ln i), and the gates divided by it: f e^(m_{t-1} - m_t) and i e^(-m_t), one of which is 1."""
    m_t = jnp.maximum(ln_past, ln_i)
    return m_t, jnp.exp(ln_past - m_t), jnp.exp(ln_i - m_t)


def check_forget_bias(name: str, bias: float) -> None:
    """Raises ValueError unless the bias is a number."""
    if not math.isfinite(bias):
        raise ValueError(f"{name}: forget_bias must be finite; got {bias}: a sigmoid is 1 within rounding at 40")
