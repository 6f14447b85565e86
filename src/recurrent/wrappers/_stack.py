"""Depth at one time step: cells on top of each other, with connections that skip cells, and cells side by side.

`stack(grouped(a, b), grouped(c, d))` is a hierarchy of groups; `stack(first, residual(second))` a residual stack.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import checks
from recurrent.made import remembered
from recurrent.types import Cell
from recurrent.wrappers._residual import sum_of


@remembered
def stack(*cells: Cell) -> Cell:
    """x¹_t = x_t, xˡ⁺¹_t = yˡ_t, y_t = yᴸ_t: every cell reads the output of the one below, at the same time step.

    Widths are free: `stack(lstm(3, 64), gru(64, 128))`. Parameters and state are tuples with one entry per cell.

    Args:
      *cells: from the bottom to the top; each takes the width that the one below emits.

    Raises:
      ValueError: no cells, or something that is not a cell; when run, widths that do not fit, or params of another stack.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import recurrent
    >>> cell = recurrent.stack(recurrent.lstm(3, 8), recurrent.gru(8, 4))
    >>> params = cell.init(jax.random.key(0))
    >>> (lower, upper), y_t = cell.step(params, cell.initial_state(params, (2,)), jnp.ones((2, 3)))
    >>> lower.h.shape, y_t.shape
    ((2, 8), (2, 4))

    Reference: Graves, Mohamed & Hinton (2013), Speech recognition with deep recurrent neural networks.
    """

    def step(params, state, x_t):
        states, y_t = [], x_t
        for index, cell in enumerate(cells):
            with naming("stack", index):
                state_t, y_t = cell.step(params[index], state[index], y_t)
            states.append(state_t)
        return tuple(states), y_t

    return _of_many("stack", cells, step)


@remembered
def dense_skip(*cells: Cell, merge: Literal["concat", "sum"] = "concat") -> Cell:
    """xˡ_t = [x_t, y¹_t, ..., yˡ⁻¹_t], or their sum: every cell reads the input and all outputs below; y_t = yᴸ_t.

    With "concat", cell l takes the sum of all widths below: `dense_skip(gru(3, 8), gru(11, 8), gru(19, 8))`. With "sum", all
    widths are equal but that of the top output. Parameters and state are those of a `stack` of the cells.

    Args:
      *cells: from the bottom to the top.
      merge: "concat" or "sum".

    Raises:
      ValueError: no cells, or an unknown `merge`; when run, widths that do not fit.

    Reference: Huang, Liu, van der Maaten & Weinberger (2017), Densely connected convolutional networks, equation 2.
    """
    checks.choice("dense_skip: merge", merge, ("concat", "sum"))

    def step(params, state, x_t):
        checks.array("dense_skip", "the input", x_t)
        states, y_t = [], x_t
        for index, cell in enumerate(cells):
            with naming("dense_skip", index):
                state_t, y_t = cell.step(params[index], state[index], x_t)
                checks.array("dense_skip", "the output of the cell", y_t)
                if index < len(cells) - 1:
                    x_t = sum_of("dense_skip", y_t, x_t) if merge == "sum" else _beside(x_t, y_t)
            states.append(state_t)
        return tuple(states), y_t

    return _of_many("dense_skip", cells, step)


@remembered
def grouped(*cells: Cell) -> Cell:
    """y_t = [y¹_t, ..., yᴳ_t]: groups of units that read the same x_t and do not see each other.

    Parameters and state are tuples with one entry per cell.

    Args:
      *cells: cells of the same input width; their outputs are concatenated.

    Raises:
      ValueError: no cells, or something that is not a cell; when run, widths that do not fit, or params of another group.

    Reference: El Hihi & Bengio (1995), Hierarchical recurrent neural networks for long-term dependencies.
    """

    def step(params, state, x_t):
        states, ys = [], []
        for index, cell in enumerate(cells):
            with naming("grouped", index):
                state_t, y_t = cell.step(params[index], state[index], x_t)
                checks.array("grouped", "the output of every cell", y_t)
            states.append(state_t)
            ys.append(y_t)
        return tuple(states), jnp.concatenate(ys, axis=-1)

    return _of_many("grouped", cells, step)


@contextmanager
def naming(name: str, index: int) -> Iterator[None]:
    """Says in which of several cells an error arose, and names what the cell computes after its place."""
    try:
        with jax.named_scope(str(index)):
            yield
    except ValueError as error:
        raise ValueError(f"{name}, cell {index}: {error}") from error


def _of_many(name: str, cells: Sequence[Cell], step: Callable) -> Cell:
    """A cell of several, whose parameters and state are tuples with one entry for each."""
    _check_cells(name, cells)

    def init(key):
        return tuple(cell.init(k) for cell, k in zip(cells, jax.random.split(key, len(cells)), strict=True))

    def initial_state(params, batch_shape=()):
        _check_count(name, params, len(cells))
        states = []
        for index, cell in enumerate(cells):
            with naming(name, index):
                states.append(cell.initial_state(params[index], batch_shape))
        return tuple(states)

    def checked_step(params, state, x_t):
        _check_count(name, params, len(cells))
        return step(params, state, x_t)

    return Cell(init, initial_state, checked_step)


def _beside(x_t: Array, y_t: Array) -> Array:
    return jnp.concatenate([x_t.astype(y_t.dtype), y_t], axis=-1)


def _check_cells(name: str, cells: Sequence[Any]) -> None:
    if not cells:
        raise ValueError(f"{name}: expected at least one cell, got none")
    for index, cell in enumerate(cells):
        if not isinstance(cell, Cell):
            raise ValueError(
                f"{name}: expected cells as separate arguments, as in {name}(first, second); "
                f"argument {index} is a {type(cell).__name__}"
            )


def _check_count(name: str, params: Any, count: int) -> None:
    if type(params) is not tuple or len(params) != count:
        found = f"{len(params)} entries" if type(params) is tuple else f"a {type(params).__name__}"
        raise ValueError(f"{name}: params must be a tuple with one entry for each of its {count} cells; got {found}")
