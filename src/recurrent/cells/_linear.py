"""The real diagonal recurrence, and how the decay of a linear recurrence is drawn.

A cell whose step is linear in the state, s_t = a_t · s_{t-1} + b_t, runs in parallel over time (`recurrent.parallel`). Its
products of |a| ≤ 1 shrink towards 0 and cannot overflow, which is why nothing here is computed in log-space: over 10,000 steps
float32 stays as close to float64 as in the loop.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent.dense import add_bias, dot
from recurrent.factories import linear_cell, states_as_outputs
from recurrent.initializers import Initializer, draw_bias, draw_blocks, glorot_uniform, zeros
from recurrent.made import remembered
from recurrent.pytrees import at_least_float32, wide
from recurrent.types import REAL, Cell, LinearForm


class DiagonalParams(NamedTuple):
    """Parameters of the real diagonal recurrence: ν with a = exp(-exp(ν)), or None for a fixed decay; U and b."""

    nu_log: Float[Array, "hidden"] | None
    input_kernel: Float[Array, "input hidden"]
    bias: Float[Array, "hidden"]


@remembered
def diagonal(
    input_size: int,
    hidden_size: int,
    *,
    decay: float | None = None,
    r_min: float = 0.0,
    r_max: float = 1.0,
    kernel_init: Initializer = glorot_uniform,
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[DiagonalParams, Array]:
    """h_t = a ⊙ h_{t-1} + x_t U + b, y_t = h_t, with a = exp(-exp(ν)) in (0, 1) for every unit.

    Args:
      input_size: features of x_t.
      hidden_size: units of h_t.
      decay: a, fixed and the same for all units; learned by default. 1 sums up, 0 forgets at once.
      r_min: smallest a drawn, where it is learned.
      r_max: largest a drawn; a² is uniform.
      kernel_init, bias_init, dtype, param_dtype: as for all cells.

    Raises:
      ValueError: a decay outside [-1, 1], or not 0 <= r_min < r_max <= 1.

    Reference: Mozer (1992), Induction of multiscale temporal structure (fixed); Martin & Cundy (2018), Parallelizing linear
    recurrent neural nets over sequence length.
    """
    check_ring("diagonal", r_min, r_max)
    if decay is not None and not -1 <= decay <= 1:
        raise ValueError(f"diagonal: a decay must lie in [-1, 1], or the state explodes; got {decay}")

    def init(key):
        k_decay, k_input, k_bias = jax.random.split(key, 3)
        rate = None if decay is not None else log_decay_rate(k_decay, hidden_size, r_min, r_max, at_least_float32(param_dtype))
        return DiagonalParams(
            nu_log=None if rate is None else rate.astype(param_dtype),
            input_kernel=draw_blocks(kernel_init, k_input, input_size, hidden_size, 1, param_dtype),
            bias=draw_bias(bias_init, k_bias, hidden_size, 1, param_dtype),
        )

    form = LinearForm(functools.partial(diagonal_coefficients, decay=decay, dtype=dtype), states_as_outputs, REAL)
    return linear_cell(
        "diagonal", DiagonalParams, {"input": input_size, "hidden": hidden_size}, init, lambda zeros: zeros(hidden_size), form
    )


def diagonal_coefficients(
    params: DiagonalParams, xs: Array, decay: float | None = None, dtype: DTypeLike | None = None
) -> tuple[Array, Array]:
    """a = exp(-exp(ν)), or the fixed decay, and b_t = x_t U + b."""
    b = add_bias(dot(xs, params.input_kernel, dtype), params.bias)
    a = jnp.asarray(decay, b.dtype) if params.nu_log is None else jnp.exp(-jnp.exp(wide(params.nu_log)))
    return jnp.broadcast_to(a, b.shape), b


def log_decay_rate(key: Array, size: int, r_min: float, r_max: float, dtype: Any) -> Array:
    """ν_log with |a| = exp(-exp(ν_log)): |a|² uniform in [r_min², r_max²], so that complex a fill the ring evenly."""
    u, limits = jax.random.uniform(key, (size,), dtype), jnp.finfo(dtype)
    squared = jnp.clip(u * (r_max**2 - r_min**2) + r_min**2, limits.tiny, 1 - limits.eps)  # 0 and 1 have no finite ν_log
    return jnp.log(-0.5 * jnp.log(squared))


def check_ring(name: str, r_min: float, r_max: float) -> None:
    """Raises ValueError unless the two are moduli in order."""
    if not 0 <= r_min < r_max <= 1:
        raise ValueError(f"{name}: the ring needs 0 <= r_min < r_max <= 1; got r_min={r_min} and r_max={r_max}")
