"""Cells whose step is linear in the state, s_t = a_t · s_{t-1} + b_t: their builder, and the real diagonal.

Such a cell runs in parallel over time (`recurrent.parallel`). Its products of |a| ≤ 1 shrink towards 0 and cannot overflow,
which is why nothing here is computed in log-space: over 10,000 steps float32 stays as close to float64 as in the loop.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import pytrees
from recurrent.cells.common import add_bias, check_features, check_params, check_sizes, dot, state_dtype
from recurrent.initializers import Initializer, draw_bias, draw_blocks, glorot_uniform, zeros
from recurrent.types import REAL, Cell, InitFn, InitialStateFn, LinearForm


def linear_cell(init: InitFn, initial_state: InitialStateFn, form: LinearForm) -> Cell:
    """s_t = a_t · s_{t-1} + b_t, y_t = output(s_t, x_t): the cell of a linear form.

    Args:
      init: draws the parameters.
      initial_state: the state before the first step.
      form: the recurrence.
    """

    def step(params, s_tm1, x_t):
        a_t, b_t = form.coefficients(params, x_t)
        s_t = pytrees.add(form.algebra.product(a_t, s_tm1), b_t)
        return s_t, form.output(params, s_t, x_t)

    return Cell(init, initial_state, step, linear=form)


def checked_inputs(name: str, params_type: type, params: Any, xs: Any, input_size: int, width: int) -> None:
    """Raises ValueError unless params and inputs are those of a cell with an `[input_size, width]` input kernel."""
    check_params(name, params_type, params)
    if params.input_kernel.shape != (input_size, width):
        raise ValueError(
            f"{name}: this cell has an input kernel of shape {(input_size, width)}, but the params were drawn for one of shape "
            f"{params.input_kernel.shape}; draw them with the init of this very cell"
        )
    check_features(name, xs, input_size)


def log_decay_rate(key: Array, size: int, r_min: float, r_max: float, dtype: Any) -> Array:
    """ν_log with |a| = exp(-exp(ν_log)): |a|² uniform in [r_min², r_max²], so that complex a fill the ring evenly."""
    u, limits = jax.random.uniform(key, (size,), dtype), jnp.finfo(dtype)
    squared = jnp.clip(u * (r_max**2 - r_min**2) + r_min**2, limits.tiny, 1 - limits.eps)  # 0 and 1 have no finite ν_log
    return jnp.log(-0.5 * jnp.log(squared))


def check_ring(name: str, r_min: float, r_max: float) -> None:
    """Raises ValueError unless the two are moduli in order."""
    if not 0 <= r_min < r_max <= 1:
        raise ValueError(f"{name}: the ring needs 0 <= r_min < r_max <= 1; got r_min={r_min} and r_max={r_max}")


def wide(array: Array) -> Array:
    """Decay rates near 1 are exponentiated in the state dtype: half precision cannot tell 0.999 from 1."""
    return array.astype(state_dtype(array.dtype))


class DiagonalParams(NamedTuple):
    """Parameters of the real diagonal recurrence: ν with a = exp(-exp(ν)), or None for a fixed decay; U and b."""

    nu_log: Float[Array, "hidden"] | None
    input_kernel: Float[Array, "input hidden"]
    bias: Float[Array, "hidden"]


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
) -> Cell:
    """h_t = a ⊙ h_{t-1} + x_t U + b, y_t = h_t, with a = exp(-exp(ν)) in (0, 1) for every unit.

    Args:
      input_size: features of x_t.
      hidden_size: units of h_t.
      decay: a, fixed and the same for all units; learned by default. 1 sums up, 0 forgets at once.
      r_min: smallest a drawn, where it is learned.
      r_max: largest a drawn; a² is uniform.
      kernel_init: initialiser of U.
      bias_init: initialiser of b.
      dtype: dtype of the matrix products; that of the parameters by default. The state is at least float32.
      param_dtype: dtype of the parameters.

    Raises:
      ValueError: a size is not a positive integer, a decay outside [-1, 1], or not 0 <= r_min < r_max <= 1.

    Reference: Mozer (1992), Induction of multiscale temporal structure (fixed); Martin & Cundy (2018), Parallelizing linear
    recurrent neural nets over sequence length.
    """
    check_sizes("diagonal", input_size=input_size, hidden_size=hidden_size)
    check_ring("diagonal", r_min, r_max)
    if decay is not None and not -1 <= decay <= 1:
        raise ValueError(f"diagonal: a decay must lie in [-1, 1], or the state explodes; got {decay}")

    def init(key):
        k_decay, k_input, k_bias = jax.random.split(key, 3)
        rate = None if decay is not None else log_decay_rate(k_decay, hidden_size, r_min, r_max, state_dtype(param_dtype))
        return DiagonalParams(
            nu_log=None if rate is None else rate.astype(param_dtype),
            input_kernel=draw_blocks(kernel_init, k_input, input_size, hidden_size, 1, param_dtype),
            bias=draw_bias(bias_init, k_bias, hidden_size, 1, param_dtype),
        )

    def initial_state(params, batch_shape=()):
        check_params("diagonal", DiagonalParams, params)
        return jnp.zeros((*batch_shape, hidden_size), state_dtype(params.bias.dtype))

    def coefficients(params, xs):
        checked_inputs("diagonal", DiagonalParams, params, xs, input_size, hidden_size)
        b = add_bias(dot(xs, params.input_kernel, dtype), params.bias)
        a = jnp.asarray(decay, b.dtype) if params.nu_log is None else jnp.exp(-jnp.exp(wide(params.nu_log)))
        return jnp.broadcast_to(a, b.shape), b

    return linear_cell(init, initial_state, LinearForm(coefficients, lambda params, states, xs: states, REAL))
