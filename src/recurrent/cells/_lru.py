"""The linear recurrent unit: a complex diagonal recurrence between two real maps."""

import functools
import math
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.cells._linear import check_ring, log_decay_rate
from recurrent.dense import dot, spread
from recurrent.factories import linear_cell
from recurrent.made import remembered
from recurrent.pytrees import at_least_float32, wide
from recurrent.types import COMPLEX, Cell, LinearForm

Skip = Literal["elementwise", "dense"]


class LRUParams(NamedTuple):
    """Parameters of the linear recurrent unit: Λ = exp(-exp(ν) + i exp(θ)), γ, B, C and D.

    `input_kernel` is [Re B, Im B]; `output_kernel` is Re C above -Im C, so that y = [Re s, Im s] @ output_kernel; `skip` is D,
    a vector or a matrix.
    """

    nu_log: Float[Array, "hidden"]
    theta_log: Float[Array, "hidden"]
    gamma_log: Float[Array, "hidden"]
    input_kernel: Float[Array, "input 2*hidden"]
    output_kernel: Float[Array, "2*hidden output"]
    skip: Float[Array, "input"] | Float[Array, "input output"]


class LRUState(NamedTuple):
    """Real and imaginary part; real leaves, for every tool that takes a state takes real ones.

    (Complex associative scans also compile slowly on CPU: jax issue 18221.)
    """

    re: Float[Array, "*batch hidden"]
    im: Float[Array, "*batch hidden"]


@remembered
def lru(
    input_size: int,
    hidden_size: int,
    *,
    output_size: int | None = None,
    skip: Skip = "elementwise",
    r_min: float = 0.0,
    r_max: float = 1.0,
    max_phase: float = 2 * math.pi,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[LRUParams, LRUState]:
    """s_t = Λ ⊙ s_{t-1} + exp(γ) ⊙ (x_t B), y_t = Re(s_t C) + x_t D, with complex Λ = exp(-exp(ν) + i exp(θ)).

    The modulus of every eigenvalue stays below 1 whatever ν is learned, up to rounding; γ starts at ln √(1 - |Λ|²), so that
    white noise keeps its variance.

    Args:
      input_size: features of x_t.
      hidden_size: complex units of s_t.
      output_size: features of y_t; those of x_t by default.
      skip: D is a vector, x_t ⊙ D (as in the published code), or a matrix (as in equation 1).
      r_min: smallest modulus drawn.
      r_max: largest modulus drawn; eigenvalues are uniform on the ring between the two.
      max_phase: phases are uniform in [0, max_phase], in radians per step.
      dtype, param_dtype: as for all cells.

    Raises:
      ValueError: not 0 <= r_min < r_max <= 1, a phase that is not positive, an unknown skip, or an elementwise one between
        different sizes.

    Reference: Orvieto et al. (2023), Resurrecting recurrent neural networks for long sequences, sections 3.2-3.4.
    """
    output_size = input_size if output_size is None else output_size
    check_ring("lru", r_min, r_max)
    checks.positive(max_phase=max_phase)
    checks.choice("lru: skip", skip, ("elementwise", "dense"))
    if skip == "elementwise" and output_size != input_size:
        raise ValueError(
            f"lru: an elementwise skip needs equal sizes; got input_size={input_size} and output_size={output_size}: "
            f'use skip="dense"'
        )
    drawn_dtype = at_least_float32(param_dtype)

    def init(key):
        k_decay, k_phase, k_input, k_output, k_skip = jax.random.split(key, 5)

        def normal(key, shape, variance):
            return (math.sqrt(variance) * jax.random.normal(key, shape, drawn_dtype)).astype(param_dtype)

        nu_log = log_decay_rate(k_decay, hidden_size, r_min, r_max, drawn_dtype)
        skip_draw = ((input_size,), 1.0) if skip == "elementwise" else ((input_size, output_size), 1 / input_size)
        return LRUParams(
            nu_log=nu_log.astype(param_dtype),
            theta_log=jnp.log(max_phase * jax.random.uniform(k_phase, (hidden_size,), drawn_dtype)).astype(param_dtype),
            gamma_log=(0.5 * jnp.log(-jnp.expm1(-2 * jnp.exp(nu_log)))).astype(param_dtype),
            input_kernel=normal(k_input, (input_size, 2 * hidden_size), 0.5 / input_size),
            output_kernel=normal(k_output, (2 * hidden_size, output_size), 1 / hidden_size),
            skip=normal(k_skip, *skip_draw),
        )

    form = LinearForm(functools.partial(lru_coefficients, dtype=dtype), functools.partial(lru_output, dtype=dtype), COMPLEX)
    sizes = {"input": input_size, "hidden": hidden_size, "output": output_size}
    return linear_cell("lru", LRUParams, sizes, init, lambda zeros: LRUState(zeros(hidden_size), zeros(hidden_size)), form)


def lru_coefficients(params: LRUParams, xs: Array, dtype: DTypeLike | None = None) -> tuple[LRUState, LRUState]:
    """a = Λ and b_t = exp(γ) ⊙ (x_t B), as real and imaginary parts."""
    re, im = jnp.split(dot(xs, params.input_kernel, dtype), 2, axis=-1)
    modulus, phase = jnp.exp(-jnp.exp(wide(params.nu_log))), jnp.exp(wide(params.theta_log))
    a = LRUState(spread(modulus * jnp.cos(phase), re), spread(modulus * jnp.sin(phase), re))
    gamma = spread(jnp.exp(wide(params.gamma_log)), re)
    return a, LRUState(gamma * re, gamma * im)


def lru_output(params: LRUParams, states: LRUState, xs: Array, dtype: DTypeLike | None = None) -> Array:
    """y_t = Re(s_t C) + x_t D."""
    read = dot(jnp.concatenate(states, axis=-1), params.output_kernel, dtype)
    through = dot(xs, params.skip, dtype) if params.skip.ndim == 2 else xs * spread(params.skip, xs)
    return read + through.astype(read.dtype)
