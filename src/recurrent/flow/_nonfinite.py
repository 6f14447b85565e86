"""Where NaN or inf enters a run or its gradient."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from recurrent import pytrees
from recurrent.flow._states import Loss, gradients_in_run_order
from recurrent.sequences import Sequence, in_run_order, num_batch_axes, plain_scan, prepare
from recurrent.types import Cell, Params, PyTree, State
from recurrent.wrappers import emit_both


class NonFinite(NamedTuple):
    """Where NaN or inf first appears, per row.

    Attributes:
      forward: the first t (0-based) whose state or output is not finite; T if all are.
      backward: the first t met on the way back whose dL/ds_t is not finite, t = T ... 0; -1 if all are.
    """

    forward: Array
    backward: Array


def first_nonfinite_step(
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
) -> NonFinite:
    """Finds the step at which a run, or its gradient, first stops being finite.

    Args:
      loss: maps a `Run` to a scalar.
    """
    num_steps = jax.tree.leaves(xs)[0].shape[0]
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    found = _nonfinite(cell, params, sequence, loss, reverse)
    bad, bad_gradient = (jnp.any(jnp.stack(jax.tree.leaves(tree)), axis=0) for tree in found)
    first = jnp.argmax(jnp.concatenate([bad, jnp.ones_like(bad_gradient[:1])]), axis=0)  # T if no step is bad
    last = jnp.where(bad_gradient.any(axis=0), num_steps - jnp.argmax(bad_gradient[::-1], axis=0), -1)
    return NonFinite(first, last)


def explain_nonfinite(
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
) -> str:
    """Says in words at which step and in which part of the state NaN or inf first appears. Not for use under `jit`.

    Parts bear their names in the state: in a `stack`, "[1].c" is the leaf c of the second cell. See `first_nonfinite_step` for
    the arguments.

        fit(step, train_state, batches_at, 1000, diagnose=lambda train_state, batch: explain_nonfinite(
            cell, train_state.params, batch, loss))
    """
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    find = jax.jit(lambda params, sequence: _nonfinite(cell, params, sequence, loss, reverse))
    forward, backward = find(params, sequence)
    outputs, states = forward
    parts = [*_named(states, "the state"), *_named(outputs, "the output")]
    met = [(int(np.argmax(bad)), name, bad) for name, bad in parts if bad.any()]
    if met:
        t, name, _ = min(met, key=lambda entry: entry[0])  # the lowest layer of those that fail in the same step
        return f"forward, {name} is not finite from step t = {t} on (0-based){_rows(forward, t)}"
    met = [(int(np.flatnonzero(bad)[-1]), name, bad) for name, bad in _named(backward, "dL/ds_t of the state") if bad.any()]
    if met:
        t, name, _ = max(reversed(met), key=lambda entry: entry[0])  # the highest layer
        return f"forward all is finite; on the way back, {name} is not finite from t = {t} down{_rows(backward, t)}"
    return "every state, output and gradient to a state is finite: look at the loss itself, and at what follows the outputs"


def _nonfinite(cell: Cell, params: Params, sequence: Sequence, loss: Loss, reverse: bool) -> tuple[Any, Any]:
    """Booleans `[T, *batch]` for every leaf of (outputs, states), and `[T + 1, *batch]` for the gradients to the states."""
    lead = 1 + num_batch_axes(sequence.xs)
    sequence = in_run_order(sequence, reverse)

    def bad(leaf):
        return ~pytrees.all_finite(leaf, lead) if pytrees.is_inexact(leaf) else jnp.zeros(leaf.shape[:lead], bool)

    emitted = plain_scan(emit_both(cell), params, sequence)[1]
    return jax.tree.map(bad, (emitted, gradients_in_run_order(cell, params, sequence, loss, reverse)))


def _named(tree: PyTree, what: str) -> list[tuple[str, Any]]:
    """The path of every leaf, and whether any row of each step is bad."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [(what + jax.tree_util.keystr(path), np.asarray(bad).any(axis=tuple(range(1, bad.ndim)))) for path, bad in leaves]


def _rows(tree: PyTree, t: int) -> str:
    rows = np.any([np.asarray(bad[t]).reshape(-1) for bad in jax.tree.leaves(tree)], axis=0)
    return f", in {int(rows.sum())} of {rows.size} rows" if rows.size > 1 else ""
