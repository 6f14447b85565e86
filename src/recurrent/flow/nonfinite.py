"""Where NaN or inf enters a run or its gradient."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from recurrent import pytrees
from recurrent.combine import emit_both
from recurrent.flow.states import Loss, state_gradients
from recurrent.sequences import num_batch_axes
from recurrent.types import Cell, Params, PyTree, State
from recurrent.unrolling import unroll


class NonFinite(NamedTuple):
    """Where NaN or inf first appears, per row.

    Attributes:
      forward: the first t (0-based) whose state or output is not finite; T if all are.
      backward: the first t met on the way back whose dL/ds_t is not finite, t = T ... 0; -1 if all are.
    """

    forward: Array
    backward: Array


def first_nonfinite_step(
    cell: Cell, params: Params, xs: PyTree, loss: Loss, state: State | None = None, **flags: Any
) -> NonFinite:
    """Finds the step at which a run, or its gradient, first stops being finite.

    Args:
      cell: any cell.
      params: its parameters.
      xs: inputs `[T, *batch, ...]`.
      loss: maps a `Run` to a scalar.
      state: the state before the first step.
      **flags: `lengths`, `mask`, `resets`, as for `unroll`.
    """
    num_steps = jax.tree.leaves(xs)[0].shape[0]
    found = _nonfinite(cell, params, xs, loss, state, **flags)
    bad, bad_gradient = (jnp.any(jnp.stack(jax.tree.leaves(tree)), axis=0) for tree in found)
    first = jnp.where(bad.any(axis=0), jnp.argmax(bad, axis=0), num_steps)
    last = jnp.where(bad_gradient.any(axis=0), num_steps - jnp.argmax(bad_gradient[::-1], axis=0), -1)
    return NonFinite(first, last)


def explain_nonfinite(cell: Cell, params: Params, xs: PyTree, loss: Loss, state: State | None = None, **flags: Any) -> str:
    """Says in words at which step and in which part of the state NaN or inf first appears. Not for use under `jit`.

    Parts bear their names in the state: in a `stack`, "[1].c" is the leaf c of the second cell. See `first_nonfinite_step` for
    the arguments.

        fit(step, train_state, batches_at, 1000, diagnose=lambda train_state, batch: explain_nonfinite(
            cell, train_state.params, batch, loss))
    """
    forward, backward = _nonfinite(cell, params, xs, loss, state, **flags)
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


def _nonfinite(cell: Cell, params: Params, xs: PyTree, loss: Loss, state: State | None, **flags: Any) -> tuple[Any, Any]:
    """Booleans `[T, *batch]` for every leaf of (outputs, states), and `[T + 1, *batch]` for the gradients to the states."""
    lead = 1 + num_batch_axes(xs)

    def bad(leaf):
        return ~pytrees.all_finite(leaf, lead) if pytrees.is_inexact(leaf) else jnp.zeros(leaf.shape[:lead], bool)

    _, emitted = unroll(emit_both(cell), params, xs, state, **flags)
    gradients = state_gradients(cell, params, xs, loss, state, **flags)
    return jax.tree.map(bad, (emitted, gradients))


def _named(tree: PyTree, what: str) -> list[tuple[str, Any]]:
    """The path of every leaf, and whether any row of each step is bad."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [(what + jax.tree_util.keystr(path), np.asarray(bad).reshape(len(bad), -1).any(axis=1)) for path, bad in leaves]


def _rows(tree: PyTree, t: int) -> str:
    rows = np.any([np.asarray(bad[t]).reshape(-1) for bad in jax.tree.leaves(tree)], axis=0)
    return f", in {int(rows.sum())} of {rows.size} rows" if rows.size > 1 else ""
