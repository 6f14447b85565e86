"""One step with its flags, and the plain loop over a sequence: what every driver does to a step."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from recurrent import pytrees
from recurrent.sequences import Flags, Sequence
from recurrent.types import Cell, Params, PyTree, State, StepFn


def flagged_step(
    step: StepFn, params: Params, fresh: State, state_tm1: State, x_t: PyTree, flags_t: Flags
) -> tuple[State, PyTree]:
    """One step with its flags: no gradient beyond cuts, resets, then the step, then the mask."""
    if flags_t.cuts is not None:
        here = flags_t.cuts
        state_tm1 = jax.tree.map(lambda s: jnp.where(here, jax.lax.stop_gradient(s), s), state_tm1)
    if flags_t.resets is not None:
        state_tm1 = pytrees.where(flags_t.resets, fresh, state_tm1)
    state_t, y_t = step(params, state_tm1, x_t)
    if flags_t.mask is not None:
        state_t = pytrees.where(flags_t.mask, state_t, state_tm1)
        y_t = pytrees.where(flags_t.mask, y_t, pytrees.zeros_like(y_t))
    return state_t, y_t


def plain_scan(
    cell: Cell,
    params: Params,
    sequence: Sequence,
    *,
    reverse: bool = False,
    unroll: int = 1,
    output: Callable[[State, State, PyTree], PyTree] = lambda state_tm1, state_t, y_t: y_t,
) -> tuple[State, PyTree]:
    """The loop whose body is `cell.step`; differentiating it is left to JAX.

    Args:
      cell: any cell.
      params: its parameters.
      sequence: from `prepare`.
      reverse: run from the last step to the first.
      unroll: steps per iteration of the compiled loop.
      output: what to stack of `(state_tm1, state_t, y_t)`, with the states held where masked.
    """

    def step(state_tm1, inputs):
        x_t, flags_t = inputs
        state_t, y_t = flagged_step(cell.step, params, sequence.fresh, state_tm1, x_t, flags_t)
        return state_t, output(state_tm1, state_t, y_t)

    return jax.lax.scan(step, sequence.state, (sequence.xs, sequence.flags), reverse=reverse, unroll=unroll)
