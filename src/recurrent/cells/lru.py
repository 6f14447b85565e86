"""The linear recurrent unit: a complex diagonal recurrence between two real maps."""

import math
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent.cells.common import check_params, check_sizes, dot, state_dtype
from recurrent.cells.linear import check_ring, checked_inputs, linear_cell, log_decay_rate, wide
from recurrent.types import COMPLEX, Cell, LinearForm


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


def lru(
    input_size: int,
    hidden_size: int,
    *,
    output_size: int | None = None,
    skip: Literal["elementwise", "dense"] = "elementwise",
    r_min: float = 0.0,
    r_max: float = 1.0,
    max_phase: float = 2 * math.pi,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell:
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
      dtype: dtype of the matrix products; that of the parameters by default. The state is at least float32.
      param_dtype: dtype of the parameters.

    Raises:
      ValueError: a size is not a positive integer, not 0 <= r_min < r_max <= 1, a phase that is not positive, an unknown skip,
        or an elementwise one between different sizes.

    Reference: Orvieto et al. (2023), Resurrecting recurrent neural networks for long sequences, sections 3.2-3.4.
    """
    output_size = input_size if output_size is None else output_size
    check_sizes("lru", input_size=input_size, hidden_size=hidden_size, output_size=output_size)
    check_ring("lru", r_min, r_max)
    if not max_phase > 0:
        raise ValueError(f"lru: max_phase must be positive; got {max_phase}")
    if skip not in ("elementwise", "dense"):
        raise ValueError(f'lru: skip must be "elementwise" or "dense"; got {skip!r}')
    if skip == "elementwise" and output_size != input_size:
        raise ValueError(
            f"lru: an elementwise skip needs equal sizes; got input_size={input_size} and output_size={output_size}: "
            f'use skip="dense"'
        )
    skip_draw = ((input_size,), 1.0) if skip == "elementwise" else ((input_size, output_size), 1 / input_size)
    dtype_drawn = state_dtype(param_dtype)

    def init(key):
        k_decay, k_phase, k_input, k_output, k_skip = jax.random.split(key, 5)

        def normal(key, shape, variance):
            return (math.sqrt(variance) * jax.random.normal(key, shape, dtype_drawn)).astype(param_dtype)

        nu_log = log_decay_rate(k_decay, hidden_size, r_min, r_max, dtype_drawn)
        return LRUParams(
            nu_log=nu_log.astype(param_dtype),
            theta_log=jnp.log(max_phase * jax.random.uniform(k_phase, (hidden_size,), dtype_drawn)).astype(param_dtype),
            gamma_log=(0.5 * jnp.log(-jnp.expm1(-2 * jnp.exp(nu_log)))).astype(param_dtype),
            input_kernel=normal(k_input, (input_size, 2 * hidden_size), 0.5 / input_size),
            output_kernel=normal(k_output, (2 * hidden_size, output_size), 1 / hidden_size),
            skip=normal(k_skip, *skip_draw),
        )

    def initial_state(params, batch_shape=()):
        check_params("lru", LRUParams, params)
        shape, dtype = (*batch_shape, hidden_size), state_dtype(params.nu_log.dtype)
        return LRUState(jnp.zeros(shape, dtype), jnp.zeros(shape, dtype))  # two buffers, so that both can be donated

    def coefficients(params, xs):
        checked_inputs("lru", LRUParams, params, xs, input_size, 2 * hidden_size)
        re, im = jnp.split(dot(xs, params.input_kernel, dtype), 2, axis=-1)
        modulus, phase = jnp.exp(-jnp.exp(wide(params.nu_log))), jnp.exp(wide(params.theta_log))
        spread = lambda leaf: jnp.broadcast_to(leaf, re.shape)  # noqa: E731
        a = LRUState(spread(modulus * jnp.cos(phase)), spread(modulus * jnp.sin(phase)))
        gamma = spread(jnp.exp(wide(params.gamma_log)))
        return a, LRUState(gamma * re, gamma * im)

    def output(params, states, xs):
        read = dot(jnp.concatenate(states, axis=-1), params.output_kernel, dtype)
        if skip == "dense":
            return read + dot(xs, params.skip, dtype)
        return read + (xs * jnp.broadcast_to(params.skip.astype(xs.dtype), xs.shape)).astype(read.dtype)

    return linear_cell(init, initial_state, LinearForm(coefficients, output, COMPLEX))
