"""Clipping inside backpropagation through time."""

import dataclasses

import jax
import jax.numpy as jnp

from recurrent import checks, pytrees
from recurrent.made import remembered
from recurrent.types import Cell, P, Params, S, State


@remembered
def clip_state_gradients(cell: Cell[P, S], max_norm: float) -> Cell[P, S]:
    """The same values; every dL/ds_{t-1} that a step passes back is scaled to a norm of at most `max_norm` per row.

    Clipping inside backpropagation through time, unlike clipping the summed gradient, changes its direction: what lies further
    back than the explosion is weighted down by a different factor at every step. The gradient is no longer that of any loss.

    Args:
      cell: any cell.
      max_norm: the largest norm, over all leaves of the state of one row.

    Raises:
      ValueError: a threshold that is not positive.
    """
    checks.positive(max_norm=max_norm)

    def clip(dstate, num_lead):
        size = pytrees.norm(dstate, num_lead)
        factor = jnp.where(size > max_norm, max_norm / jnp.where(size > 0, size, 1), 1)
        rows = lambda leaf: factor.reshape(factor.shape + (1,) * (leaf.ndim - factor.ndim)).astype(leaf.dtype)  # noqa: E731
        return jax.tree.map(lambda leaf: leaf * rows(leaf) if pytrees.is_inexact(leaf) else leaf, dstate)

    def step(params, state, x_t):
        num_lead = _num_batch_axes(cell, params, state)

        @jax.custom_vjp
        def gate(state):
            return state

        gate.defvjp(lambda state: (state, None), lambda _, dstate: (clip(dstate, num_lead),))
        return cell.step(params, gate(state), x_t)

    return dataclasses.replace(cell, step=step, linear=None)  # the form's gradient is not clipped


def _num_batch_axes(cell: Cell, params: Params, state: State) -> int:
    """How many axes the state has more than that of one row: inputs and outputs may be of any rank."""
    row = jax.eval_shape(lambda p: cell.initial_state(p, ()), params)
    return jnp.ndim(jax.tree.leaves(state)[0]) - jax.tree.leaves(row)[0].ndim
