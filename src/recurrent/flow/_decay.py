"""How fast a gradient decays or grows on its way into the past, and what theory says about it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from recurrent import pytrees
from recurrent.activations import get_activation
from recurrent.bptt import record, sweep
from recurrent.sequences import in_run_order, prepare
from recurrent.types import Cell, Params, PyTree, State


class Decay(NamedTuple):
    """Norms of dL/ds_t for t = 0 ... T, as log10: index T is the final state, index 0 the initial one; the lag is T - t.

    Attributes:
      total: over all leaves of the state, `[T + 1, *batch]`.
      leaves: per leaf of the state, a tree of `[T + 1, *batch]`.
    """

    total: Array
    leaves: State


def gradient_decay(
    cell: Cell,
    params: Params,
    xs: PyTree,
    loss: Callable[[State], Array],
    state: State | None = None,
    *,
    lengths: Array | None = None,
    mask: Array | None = None,
    resets: Array | None = None,
    reverse: bool = False,
) -> Decay:
    """log10 ‖dL/ds_t‖ for every t, where L is a function of the final state.

    The gradient is kept as mantissa times a power of two per row, renewed at every step, so that 1e-300 is still a number
    in float32, where a plain norm reads 0 below about 1e-19 and inf above about 1.8e19. Costs about one gradient.

    Args:
      loss: maps the final state, leaves `[*batch, ...]`, to a scalar.

    Returns:
      The curves, per row of the batch.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import recurrent
    >>> cell = recurrent.elman(3, 8, activation="identity", recurrent_init=recurrent.initializers.identity(0.1))
    >>> params, xs = cell.init(jax.random.key(0)), jnp.ones((5, 2, 3))
    >>> decay = recurrent.gradient_decay(cell, params, xs, lambda final_state: final_state[:, 0].sum())
    >>> decay.total[:, 0].round().tolist()  # a tenth per step
    [-5.0, -4.0, -3.0, -2.0, -1.0, 0.0]

    Reference: Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks, equation 5.
    """
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    recorded = record(cell, params, in_run_order(sequence, reverse))
    swept = sweep(recorded, jax.grad(loss, allow_int=True)(recorded.final_state))
    lead = swept.exponents.ndim

    def leaf(value, gradients):
        if not pytrees.is_inexact(value):
            return jnp.full(swept.exponents.shape, -jnp.inf, swept.dstates[0].real.dtype)
        return pytrees.log10_norm(next(gradients), lead, swept.exponents)

    remaining = iter(swept.dstates)
    leaves = jax.tree.map(lambda value: leaf(value, remaining), recorded.final_state)
    return Decay(pytrees.log10_norm(swept.dstates, lead, swept.exponents), leaves)


def decay_rate(log10_norms: Float[Array, "T+1 *batch"], min_lag: int = 0, max_lag: int | None = None) -> Float[Array, "*batch"]:
    """Fits the slope of ln ‖dL/ds_t‖ against the lag by least squares: natural log per step, negative for decay.

    Args:
      log10_norms: `Decay.total` or one of its leaves.
      min_lag: the smallest lag that counts.
      max_lag: the largest lag that counts; all by default.

    Raises:
      ValueError: fewer than two lags are left.
    """
    by_lag = log10_norms[::-1]
    if len(by_lag) < 2:
        raise ValueError("decay_rate needs the norms of a run of at least one step, at two lags or more; got one lag")
    max_lag = len(by_lag) - 1 if max_lag is None else max_lag
    if not 0 <= min_lag < max_lag < len(by_lag):
        raise ValueError(f"lags {min_lag}..{max_lag} do not lie within 0..{len(by_lag) - 1} with min_lag < max_lag")
    values = by_lag[min_lag : max_lag + 1] * jnp.log(10.0).astype(by_lag.dtype)
    lags = jnp.arange(min_lag, max_lag + 1, dtype=values.dtype)
    centred = lags - lags.mean()
    return jnp.tensordot(centred, values, axes=1) / jnp.sum(centred**2)


class VanishingBound(NamedTuple):
    """A sufficient condition for gradients to vanish.

    Attributes:
      sigma_max: the largest singular value of the recurrent matrix.
      gamma: the largest slope of the activation.
      eta: γ σ_max; ‖dL/dh_k‖ <= η^(t-k) ‖dL/dh_t‖, so the gradient vanishes if η < 1.
    """

    sigma_max: Array
    gamma: float
    eta: Array


def vanishing_bound(recurrent_kernel: Float[Array, "*lead n n"], activation: str) -> VanishingBound:
    """Computes η = γ σ_max(W) for a vanilla cell.

    Raises:
      ValueError: the activation is unknown.

    Reference: Pascanu, Mikolov & Bengio (2013), section 2.1, equation 7.
    """
    gamma = get_activation(activation).max_slope
    sigma_max = jnp.linalg.norm(recurrent_kernel, ord=2, axis=(-2, -1))
    return VanishingBound(sigma_max, gamma, gamma * sigma_max)
