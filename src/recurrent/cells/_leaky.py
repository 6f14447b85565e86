"""Leaky integration: a share of every new state is new, the rest is the old state."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.activations import elementwise
from recurrent.dense import dot, preactivation, spread
from recurrent.factories import checked_cell, draw_kernels
from recurrent.initializers import Initializer, glorot_uniform, orthogonal, zeros
from recurrent.made import remembered
from recurrent.pytrees import wide
from recurrent.types import Cell


class LeakyParams(NamedTuple):
    """Parameters of the leaky cell: U, W and b; λ with α = σ(λ), or None for fixed leaks."""

    input_kernel: Float[Array, "input hidden"]
    recurrent_kernel: Float[Array, "hidden hidden"]
    bias: Float[Array, "hidden"]
    leak_logit: Float[Array, "hidden"] | None


@remembered
def leaky(
    input_size: int,
    hidden_size: int,
    *,
    leak: float | Sequence[float] = 0.5,
    learned: bool = False,
    activation: str | Callable[[Array], Array] = "tanh",
    kernel_init: Initializer = glorot_uniform,
    recurrent_init: Initializer = orthogonal(),
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[LeakyParams, Array]:
    """h_t = (1 - α) ⊙ h_{t-1} + α ⊙ φ(x_t U + h_{t-1} W + b), y_t = h_t.

    Beside every path through W one leads straight on, which decays as (1 - α)^lag: a time constant of about 1/α steps. With
    α = 1 this is `elman`.

    Args:
      input_size: features of x_t.
      hidden_size: units of h_t.
      leak: α in (0, 1], of all units, or one for each.
      learned: make α a parameter that starts at `leak` and stays in (0, 1), as α = σ(λ).
      activation: φ, as for `elman`.
      kernel_init, recurrent_init, bias_init, dtype, param_dtype: as for all cells.

    Raises:
      ValueError: a leak outside (0, 1], or of 1 where it is learned; leaks that are not one for each unit.

    Reference: Jaeger, Lukoševičius, Popovici & Siewert (2007), Optimization and applications of echo state networks with
    leaky-integrator neurons.
    """
    checks.choice("leaky: learned", learned, (True, False))
    leaks = _checked_leaks(leak, hidden_size, learned)
    inits = (kernel_init, recurrent_init, bias_init)

    def init(key):
        keys = jax.random.split(key, 3)
        kernels = draw_kernels(keys, (input_size, hidden_size), hidden_size, 1, inits, param_dtype)
        logit = jnp.full(hidden_size, np.log(leaks) - np.log1p(-leaks), param_dtype) if learned else None
        return LeakyParams(*kernels, logit)

    sizes = {"input": input_size, "hidden": hidden_size}
    step = functools.partial(leaky_step, leak=leaks, phi=elementwise(activation), dtype=dtype)
    return checked_cell("leaky", LeakyParams, sizes, init, lambda zeros: zeros(hidden_size), step)


def leaky_step(
    params: LeakyParams,
    h_tm1: Array,
    x_t: Array,
    leak: float | np.ndarray = 1.0,
    phi: Callable[[Array], Array] = jnp.tanh,
    dtype: DTypeLike | None = None,
) -> tuple[Array, Array]:
    """h_t, y_t of the leaky cell; `leak` is α where it is no parameter."""
    a_t = preactivation(params, dot(x_t, params.input_kernel, dtype), h_tm1, dtype)
    logit = params.leak_logit
    alpha = spread(jnp.asarray(leak) if logit is None else jax.nn.sigmoid(wide(logit)), a_t)
    h_t = (1 - alpha) * h_tm1 + alpha * phi(a_t)
    return h_t, h_t


def _checked_leaks(leak: float | Sequence[float], hidden_size: int, learned: bool) -> np.ndarray:
    leaks = np.array(leak, float)
    if leaks.shape not in ((), (hidden_size,)):
        raise ValueError(f"leaky: leak must be one number, or one for each of {hidden_size} units; got shape {leaks.shape}")
    if not np.all((leaks > 0) & (leaks <= 1)):
        raise ValueError(f"leaky: a leak must lie in (0, 1], where 1 holds nothing; got {leak}")
    if learned and np.any(leaks == 1):
        raise ValueError(f"leaky: a learned leak is α = σ(λ) and must start below 1; got {leak}")
    return leaks
