"""The regulariser that asks backpropagated gradients to keep their norm."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import pytrees
from recurrent.bptt import adjoint_of
from recurrent.flow.states import Loss, states_before, traced_gradients
from recurrent.losses import masked_mean
from recurrent.sequences import prepare
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
    **flags: Any,
) -> Array:
    """Ω = mean_t ( ‖dL/ds_t · ∂s_t/∂s_{t-1}‖² / ‖dL/ds_t‖² - 1 )², over steps and batch.

    Args:
      cell: any cell.
      params: its parameters; the gradient of Ω with respect to them is what training wants.
      xs: inputs `[T, *batch, ...]`.
      loss: maps a `Run` to a scalar.
      state: the state before the first step.
      squared: compare squared norms (the paper's equation 10 and the authors' code) or norms (equation 9).
      exact: False holds s_{t-1} and dL/ds_t constant, so that only the explicit use of the parameters in ∂s_t/∂s_{t-1}
        counts (the authors' approximation); True differentiates through everything.
      **flags: `lengths`, `mask`, `resets`, as for `unroll`.

    Returns:
      A scalar; 0 if every step preserves the norm. Masked steps and steps whose ‖dL/ds_t‖² lies below 1e-20 do not count.

    Reference: Pascanu, Mikolov & Bengio (2013), section 3.3, equations 9 and 10.
    """
    _, dstates = traced_gradients(cell, params, xs, loss, state, **flags)
    sequence = prepare(cell, params, xs, state, **flags)
    states = states_before(cell, params, sequence)
    if not exact:
        states, dstates = jax.lax.stop_gradient((states, dstates))
    adjoint = adjoint_of(cell)

    def transported(state_tm1, x_t, dstate_t):
        _, y_t, tape_t = adjoint.advance(params, state_tm1, adjoint.project(params, x_t))
        return adjoint.retreat(params, tape_t, dstate_t, pytrees.zeros_like(y_t))[0]

    num_lead = jnp.ndim(jax.tree.leaves(xs)[0]) - 1
    after = _squared_norm(dstates, num_lead)
    before = _squared_norm(jax.vmap(transported)(states, sequence.xs, dstates), num_lead)
    counts = after > _NEGLIGIBLE
    if sequence.flags.mask is not None:
        counts &= sequence.flags.mask
    if sequence.flags.resets is not None:
        counts &= ~sequence.flags.resets
    ratio = jnp.where(counts, before, 1) / jnp.where(counts, after, 1)
    if not squared:
        ratio = jnp.sqrt(ratio)
    return masked_mean((ratio - 1) ** 2, counts)


def _squared_norm(tree: State, num_lead: int) -> Array:
    leaves = [leaf for leaf in jax.tree.leaves(tree) if pytrees.is_inexact(leaf)]
    squares = [jnp.sum(leaf**2, axis=tuple(range(num_lead, leaf.ndim))) for leaf in leaves]
    return functools.reduce(jnp.add, squares)
