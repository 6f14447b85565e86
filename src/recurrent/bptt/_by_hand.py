"""Runs a backward pass that was written by hand: the formulas as they stand in textbooks, one step after another."""

import jax

from recurrent import pytrees
from recurrent.sequences import Sequence, flagged_step
from recurrent.types import Adjoint, Params, PyTree, State


def sweep_by_hand(
    adjoint: Adjoint, params: Params, sequence: Sequence, dys: PyTree, dfinal_state: State, *, reverse: bool = False
) -> tuple[Params, State, State, PyTree, State, PyTree]:
    """Runs a cell forward and its adjoint backward.

    Returns:
      Gradients of the parameters, the state before the first step, the fresh state (through resets) and the inputs; then, per
      step, dL/ds_t without the part through y_t, and the cell's own deltas.
    """
    xs, state, fresh, flags = sequence

    def step(params, state_tm1, z_t):
        state_t, y_t, tape_t = adjoint.advance(params, state_tm1, z_t)
        return state_t, tape_t

    def advance(state_tm1, inputs):
        z_t, flags_t = inputs
        return flagged_step(step, params, fresh, state_tm1, z_t, flags_t)

    def retreat(carry, inputs):
        dstate_t, dfresh = carry
        tape_t, dy_t, (mask, resets, _) = inputs
        dstate, zeros = dstate_t, pytrees.zeros_like(dstate_t)
        if mask is not None:
            dstate, dy_t = pytrees.where(mask, (dstate_t, dy_t), pytrees.zeros_like((dstate_t, dy_t)))
        dstate_tm1, deltas_t = adjoint.retreat(params, tape_t, dstate, dy_t)
        if mask is not None:
            dstate_tm1 = pytrees.where(mask, dstate_tm1, dstate_t)
        if resets is not None:
            dfresh = pytrees.add(dfresh, pytrees.where(resets, dstate_tm1, zeros))
            dstate_tm1 = pytrees.where(resets, zeros, dstate_tm1)
        return (dstate_tm1, dfresh), (dstate_t, deltas_t)

    _, tape = jax.lax.scan(advance, state, (adjoint.project(params, xs), flags), reverse=reverse)
    start = (dfinal_state, pytrees.zeros_like(dfinal_state))
    (dstate, dfresh), (dstates, deltas) = jax.lax.scan(retreat, start, (tape, dys, flags), reverse=not reverse)
    dparams, dxs = adjoint.collect(params, xs, tape, deltas)
    return dparams, dstate, dfresh, dxs, dstates, deltas
