"""What a cell emits."""

import dataclasses
from collections.abc import Callable

from recurrent.made import remembered
from recurrent.types import Cell, LinearForm, PyTree, State


@remembered
def emit_state(cell: Cell) -> Cell:
    """y_t = s_t: the same recurrence, with the whole state as its output."""
    return _emitting(cell, lambda state, y: state)


@remembered
def emit_both(cell: Cell) -> Cell:
    """y_t = (y_t, s_t): the same recurrence, with the whole state beside its output."""
    return _emitting(cell, lambda state, y: (y, state))


def _emitting(cell: Cell, output: Callable[[State, PyTree], PyTree]) -> Cell:
    """The cell that emits `output(s_t, y_t)`."""

    def step(params, state, x_t):
        state, y_t = cell.step(params, state, x_t)
        return state, output(state, y_t)

    return dataclasses.replace(cell, step=step, linear=_linear_form(cell.linear, output))


def _linear_form(form: LinearForm | None, output: Callable[[State, PyTree], PyTree]) -> LinearForm | None:
    if form is None:
        return None
    return form._replace(output=lambda params, states, xs: output(states, form.output(params, states, xs)))
