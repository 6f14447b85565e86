"""Gradients with respect to every state."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import pytrees
from recurrent.bptt import add_scaled, filled, inexact, masked, record, sweep
from recurrent.sequences import Sequence, flipped, in_run_order, plain_scan, prepare
from recurrent.types import Cell, Params, PyTree, State
from recurrent.wrappers import emit_both


class Run(NamedTuple):
    """What a loss may depend on: `loss(run) -> scalar`.

    Attributes:
      final_state: the state after the last step.
      states: s_1 ... s_T, leaves `[T, *batch, ...]`, 0 at masked steps.
      ys: the outputs, `[T, *batch, ...]`.
    """

    final_state: State
    states: State
    ys: PyTree


Loss = Callable[[Run], Array]


def state_gradients(
    cell: Cell,
    params: Params,
    xs: PyTree,
    loss: Loss,
    state: State | None = None,
    *,
    lengths: Array | None = None,
    mask: Array | None = None,
    resets: Array | None = None,
    reverse: bool = False,
) -> State:
    """dL/ds_t for t = 0 ... T, from one backward pass.

    The derivative is the total one: through all later steps, and through `run.states` itself where the loss reads it. The
    output y_t is a function of s_{t-1} and x_t; a loss that is meant to reach s_t directly reads it from `run.states`.

    Args:
      loss: maps a `Run` to a scalar.

    Returns:
      A tree like the state with leaves `[T + 1, *batch, ...]`; index t is dL/ds_t, t counting steps of the run (so T is the
      final state, also with `reverse`). Integer leaves hold zeros.
    """
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    return gradients_in_run_order(cell, params, in_run_order(sequence, reverse), loss, reverse)


def gradients_in_run_order(cell: Cell, params: Params, sequence: Sequence, loss: Loss, reverse: bool) -> State:
    """`state_gradients` of a sequence in the order of the run."""
    dstates, exponents = scaled_state_gradients(cell, params, sequence, loss, reverse)
    shapes = jax.tree.map(lambda s: jax.ShapeDtypeStruct((len(exponents), *s.shape), s.dtype), sequence.state)
    return filled(pytrees.scale_rows(dstates, exponents), shapes)


def scaled_state_gradients(
    cell: Cell, params: Params, sequence: Sequence, loss: Loss, reverse: bool
) -> tuple[list[Array], Array]:
    """dL/ds_0 ... dL/ds_T of the inexact leaves as mantissas `[T + 1, *batch, ...]` and powers of two `[T + 1, *batch]`.

    Args:
      sequence: in the order of the run.
      loss: of the run in the order of time.
    """
    recorded, dfinal_state, dys = recorded_with_cotangents(cell, params, sequence, loss, reverse)
    swept = sweep(recorded, dfinal_state, dys)
    read = masked(sequence.flags.mask, inexact(dys[1]))  # the states in `loss` are 0 where masked, whatever they were
    read = [jnp.concatenate([jnp.zeros_like(d[:1]), r]) for d, r in zip(swept.dstates, read, strict=True)]
    return add_scaled(swept.dstates, swept.exponents, read)


def recorded_with_cotangents(cell: Cell, params: Params, sequence: Sequence, loss: Loss, reverse: bool):
    """The recorded run of the cell that also emits its state, and the gradients of the loss at all it returns."""
    recorded = record(emit_both(cell), params, sequence)
    ys, states = recorded.ys

    def of_run(final_state, states, ys):
        return loss(Run(final_state, flipped(states, reverse), flipped(ys, reverse)))

    found = jax.grad(of_run, (0, 1, 2), allow_int=True)(recorded.final_state, states, ys)
    dfinal_state, dstates, dys = jax.tree.map(_real_zeros, found, (recorded.final_state, states, ys))
    return recorded, dfinal_state, (dys, dstates)


def _real_zeros(gradient, value):
    return gradient if pytrees.is_inexact(value) else jnp.zeros_like(value)


def states_before(cell: Cell, params: Params, sequence: Sequence) -> State:
    """s_0 ... s_{T-1}, held where masked."""
    return plain_scan(cell, params, sequence, output=lambda state_tm1, state_t, y_t: state_tm1)[1]
