"""What a cell emits."""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp

from recurrent import checks
from recurrent.made import remembered
from recurrent.types import Cell, LinearForm, P, PyTree, S, State


@remembered
def emit_state(cell: Cell[P, S]) -> Cell[P, S]:
    """y_t = s_t: the same recurrence, with the whole state as its output."""
    return _emitting(cell, lambda state, x, y: state)


@remembered
def emit_both(cell: Cell[P, S]) -> Cell[P, S]:
    """y_t = (y_t, s_t): the same recurrence, with the whole state beside its output."""
    return _emitting(cell, lambda state, x, y: (y, state))


@remembered
def emit_with_input(cell: Cell[P, S]) -> Cell[P, S]:
    """y_t = [x_t, y_t]: the same recurrence, with its input beside its output, for a readout that sees both.

    Raises:
      ValueError: when run, an input or an output that is not one array.
    """

    def both(x_t, y_t):
        checks.array("emit_with_input", "the input", x_t)
        checks.array("emit_with_input", "the output of the cell", y_t)
        return jnp.concatenate([x_t.astype(y_t.dtype), y_t], axis=-1)

    return _emitting(cell, lambda state, x, y: both(x, y))


def _emitting(cell: Cell[P, S], output: Callable[[S, PyTree, PyTree], PyTree]) -> Cell[P, S]:
    """The cell that emits `output(s_t, x_t, y_t)`."""

    def step(params, state, x_t):
        state, y_t = cell.step(params, state, x_t)
        return state, output(state, x_t, y_t)

    return dataclasses.replace(cell, step=step, linear=_linear_form(cell.linear, output))


def _linear_form(form: LinearForm | None, output: Callable[[State, PyTree, PyTree], PyTree]) -> LinearForm | None:
    if form is None:
        return None
    return form._replace(output=lambda params, states, xs: output(states, xs, form.output(params, states, xs)))
