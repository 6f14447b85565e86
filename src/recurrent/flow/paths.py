"""Through which part of the state a gradient travels: the LSTM's additive path and its matrix path, measured apart."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import pytrees
from recurrent.bptt import adjoint_of, advance_step, retreat_step
from recurrent.sequences import num_batch_axes, prepare
from recurrent.types import Cell, Params, PyTree, State


class PathShares(NamedTuple):
    """Norms of dL/ds_t split by the way it came, for t = 0 ... T, as log10 `[T + 1, *batch]`; index T is the final state.

    Attributes:
      direct: what arrived at the named leaf without ever passing through another leaf of an earlier state. For `through="c"` in
        an LSTM this is the product of forget gates, without a single recurrent matrix.
      other: all the rest: what passed at least once through another leaf, for the LSTM through h and W.
      share: ‖direct‖ / (‖direct‖ + ‖other‖), between 0 and 1.
    """

    direct: Array
    other: Array
    share: Array


def path_shares(
    cell: Cell,
    params: Params,
    xs: PyTree,
    loss: Callable[[State], Array],
    state: State | None = None,
    *,
    through: str = "c",
    **flags: Any,
) -> PathShares:
    """Splits dL/ds_t into the path that stays within one leaf of the state and everything else; the two add up exactly.

    Args:
      cell: a cell whose state is a NamedTuple, such as the LSTM's (c, h).
      params: its parameters.
      xs: inputs `[T, *batch, ...]`.
      loss: maps the final state to a scalar.
      state: the state before the first step.
      through: the field of the state that the direct path stays in.
      **flags: `lengths`, `mask`, `resets`, as for `unroll`.

    Raises:
      ValueError: the state has no field of that name.
    """
    sequence = prepare(cell, params, xs, state, **flags)
    names = getattr(sequence.state, "_fields", ())
    if through not in names:
        raise ValueError(f"through must name a field of the state, one of {list(names)}; got {through!r}")
    adjoint = adjoint_of(cell)

    def forward(state_tm1, inputs):
        z_t, flags_t = inputs
        state_t, y_t, tape_t = advance_step(adjoint, params, sequence.fresh, state_tm1, z_t, flags_t)
        return state_t, (tape_t, y_t)

    zs = adjoint.project(params, sequence.xs)
    final_state, (tape, ys) = jax.lax.scan(forward, sequence.state, (zs, sequence.flags))
    no_dy = jax.tree.map(lambda y: jnp.zeros(y.shape[1:], y.dtype), ys)
    batch_axes = num_batch_axes(xs)

    def outside(dstate):
        return dstate._replace(**{through: pytrees.zeros_like(getattr(dstate, through))})

    def step(carry, inputs):
        (direct, other), exponent = carry
        tape_t, flags_t = inputs
        direct, _, _ = retreat_step(adjoint, params, direct, tape_t, no_dy, flags_t)
        other, _, _ = retreat_step(adjoint, params, other, tape_t, no_dy, flags_t)
        # at a held step nothing moves, so nothing leaves the direct path either
        leaving = outside(direct)
        if flags_t.mask is not None:
            leaving = pytrees.where(flags_t.mask, leaving, pytrees.zeros_like(leaving))
        direct = jax.tree.map(jnp.subtract, direct, leaving)
        pair, gained = pytrees.normalize_rows((direct, pytrees.add(other, leaving)), batch_axes)
        exponent = exponent + gained
        return (pair, exponent), _norms(pair, exponent)

    dfinal = jax.grad(loss)(final_state)
    start, exponent = pytrees.normalize_rows((dfinal, pytrees.zeros_like(dfinal)), batch_axes)
    _, earlier = jax.lax.scan(step, (start, exponent), (tape, sequence.flags), reverse=True)
    last = _norms(start, exponent)
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b[None]]), earlier, last)


def _norms(pair: tuple[State, State], exponent: Array) -> PathShares:
    direct, other = (pytrees.norm(part, exponent.ndim) for part in pair)
    logs = [pytrees.log10_norm(part, exponent.ndim, exponent) for part in pair]
    return PathShares(*logs, share=direct / jnp.where(direct + other > 0, direct + other, 1))
