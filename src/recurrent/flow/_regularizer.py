"""The regulariser that asks backpropagated gradients to keep their norm."""

import functools
import math

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import pytrees
from recurrent.bptt import filled, inexact_cotangents
from recurrent.flow._states import Loss, scaled_state_gradients, states_before
from recurrent.losses import masked_mean
from recurrent.sequences import in_run_order, prepare
from recurrent.types import Cell, Params, PyTree, State

_NEGLIGIBLE = 1e-20
"""Steps whose squared gradient norm lies below this do not count, as in the authors' code."""


def flow_regularizer(
    cell: Cell,
    params: Params,
    xs: PyTree,
    loss: Loss,
    state: State | None = None,
    *,
    squared: bool = True,
    exact: bool = False,
    lengths: Array | None = None,
    mask: Array | None = None,
    resets: Array | None = None,
    reverse: bool = False,
) -> Array:
    """Ω = mean_t ( ‖dL/ds_t · ∂s_t/∂s_{t-1}‖² / ‖dL/ds_t‖² - 1 )², over steps and batch.

    Args:
      loss: maps a `Run` to a scalar. Let it read `run.states` where outputs are states: an output y_T comes from s_{T-1} and
        x_T, so that of a loss of `run.ys` nothing reaches s_T, and the last step does not count.
      squared: compare squared norms (the paper's equation 10 and the authors' code) or norms (equation 9).
      exact: False holds s_{t-1} and dL/ds_t constant, so that only the explicit use of the parameters in ∂s_t/∂s_{t-1}
        counts (the authors' approximation, but that their program holds the slopes of activations constant, too); True
        differentiates through everything.

    Returns:
      A scalar; 0 if every step preserves the norm. Masked steps and steps whose ‖dL/ds_t‖² lies below 1e-20 do not count.

    Reference: Pascanu, Mikolov & Bengio (2013), section 3.3, equations 9 and 10.
    """
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    sequence = in_run_order(sequence, reverse)
    # as mantissas: the ratio is that of the gradients, however large or small they are
    dstates, exponents = scaled_state_gradients(cell, params, sequence, loss, reverse)
    dstates, exponents = [d[1:] for d in dstates], exponents[1:]
    states = states_before(cell, params, sequence)
    if not exact:
        states, dstates = jax.lax.stop_gradient((states, dstates))

    def transported(state_tm1, x_t, dstate_t):
        state_t, pull = jax.vjp(lambda s: cell.step(params, s, x_t)[0], state_tm1)
        return inexact_cotangents(pull(filled(dstate_t, state_t, float0=True))[0], state_tm1)

    lead = exponents.ndim
    after = _squared_norm(dstates, lead)
    before = _squared_norm(jax.vmap(transported)(states, sequence.xs, dstates), lead)
    counts = pytrees.log10_norm(jax.lax.stop_gradient(dstates), lead, exponents) > 0.5 * math.log10(_NEGLIGIBLE)
    if sequence.flags.mask is not None:
        counts &= sequence.flags.mask
    if sequence.flags.resets is not None:
        counts &= ~sequence.flags.resets
    ratio = jnp.where(counts, before, 1) / jnp.where(counts, after, 1)
    if not squared:
        ratio = jnp.sqrt(ratio)
    return masked_mean((ratio - 1) ** 2, counts)


def _squared_norm(leaves: list[Array], num_lead: int) -> Array:
    return functools.reduce(jnp.add, [jnp.sum(leaf**2, axis=tuple(range(num_lead, leaf.ndim))) for leaf in leaves])
