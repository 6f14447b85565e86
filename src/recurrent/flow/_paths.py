"""Through which part of the state a gradient travels: the LSTM's additive path and its matrix path, measured apart."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import pytrees
from recurrent.bptt import inexact, read_step, record
from recurrent.sequences import in_run_order, num_batch_axes, prepare
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
    lengths: Array | None = None,
    mask: Array | None = None,
    resets: Array | None = None,
    reverse: bool = False,
) -> PathShares:
    """Splits dL/ds_t into the path that stays within one leaf of the state and everything else; the two add up exactly.

    Args:
      loss: maps the final state to a scalar.
      through: the field of the state that the direct path stays in.

    Raises:
      ValueError: the state has no field of that name.
    """
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    inside = _leaves_within(sequence.state, through)
    recorded = record(cell, params, in_run_order(sequence, reverse))
    batch_axes, mask = num_batch_axes(xs), recorded.run.flags.mask

    def step(carry, t):
        (direct, other), exponent = carry
        direct, _ = recorded.retreat(t, direct, recorded.no_outputs())
        other, _ = recorded.retreat(t, other, recorded.no_outputs())
        leaving = [jnp.zeros_like(d) if within else d for d, within in zip(direct, inside, strict=True)]
        if mask is not None:  # at a held step nothing moves, so nothing leaves the direct path either
            leaving = pytrees.where(read_step(mask, t), leaving, pytrees.zeros_like(leaving))
        direct = jax.tree.map(jnp.subtract, direct, leaving)
        pair, gained = pytrees.normalize_rows((direct, pytrees.add(other, leaving)), batch_axes)
        exponent = exponent + gained
        return (pair, exponent), _norms(pair, exponent)

    dfinal = inexact(jax.grad(loss, allow_int=True)(recorded.final_state))
    start, exponent = pytrees.normalize_rows((dfinal, pytrees.zeros_like(dfinal)), batch_axes)
    _, earlier = jax.lax.scan(step, (start, exponent), jnp.arange(recorded.num_steps), reverse=True)
    last = _norms(start, exponent)
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b[None]]), earlier, last)


def _leaves_within(state: State, field: str) -> list[bool]:
    """For every inexact leaf of the state, whether it lies within a field of that name."""
    paths = [path for path, leaf in jax.tree_util.tree_leaves_with_path(state) if pytrees.is_inexact(leaf)]
    names = [[getattr(entry, "name", None) for entry in path] for path in paths]
    if not any(field in path for path in names):
        found = sorted({name for path in names for name in path if name})
        raise ValueError(f"through must name a field of the state, one of {found}; got {field!r}")
    return [field in path for path in names]


def _norms(pair: tuple[State, State], exponent: Array) -> PathShares:
    direct, other = (pytrees.norm(part, exponent.ndim) for part in pair)
    logs = [pytrees.log10_norm(part, exponent.ndim, exponent) for part in pair]
    return PathShares(*logs, share=direct / jnp.where(direct + other > 0, direct + other, 1))
