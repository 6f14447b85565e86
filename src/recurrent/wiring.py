"""What combinators share: one wiring of inner cells, from which both the new step and the new adjoint are made."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from recurrent.types import Adjoint, Cell, Params, PyTree, StepFn, step_from


@jax.tree_util.register_static
@dataclass(frozen=True)
class Widths:
    """Sizes of last axes that a backward pass has to know: part of a tape's structure, not one of its arrays."""

    sizes: tuple[int, ...]


def combine_cells(wire: Callable[..., Adjoint], *cells: Cell) -> tuple[StepFn, Adjoint | None]:
    """Returns the step and the adjoint of a wiring of cells, so that the wiring's equation stands in one place.

    The step goes through the cells' own steps, which autodiff may see otherwise than their adjoints (clipped gradients).

    Args:
      wire: `(*adjoints) -> adjoint`, which may call `retreat` and `collect` of the inner adjoints going back only.
      *cells: the cells inside.

    Returns:
      The step, and the adjoint, or None if one of the cells has none.
    """
    step = step_from(wire(*map(_forward_only, cells)))
    adjoints = [cell.adjoint for cell in cells if cell.adjoint is not None]
    return step, wire(*adjoints) if len(adjoints) == len(cells) else None


def _forward_only(cell: Cell) -> Adjoint:
    """The step of a cell in the form of an adjoint that projects nothing and records nothing."""

    def project(params, xs):
        del params
        return xs

    def advance(params, state, x_t):
        return *cell.step(params, state, x_t), None

    return Adjoint(project, advance, None, None)


def input_gradient(adjoint: Adjoint, params: Params, x_t: PyTree, tape_t: PyTree, deltas_t: PyTree) -> PyTree:
    """dL/dx_t from the deltas of one step; the weight gradients that come with it are dead code to the compiler."""
    x, tape, deltas = jax.tree.map(lambda leaf: leaf[None], (x_t, tape_t, deltas_t))
    _, dx = adjoint.collect(params, x, tape, deltas)
    return jax.tree.map(lambda leaf: leaf[0], dx)


def split_widths(y: Any, widths: Widths) -> list[Any]:
    """The inverse of a concatenation along the last axis."""
    ends = [sum(widths.sizes[: index + 1]) for index in range(len(widths.sizes) - 1)]
    return jnp.split(y, ends, axis=-1)


def check_cells(name: str, cells: Sequence[Any]) -> None:
    """Raises ValueError unless there is at least one cell, and nothing but cells."""
    if not cells:
        raise ValueError(f"{name}: expected at least one cell, got none")
    for index, cell in enumerate(cells):
        if not isinstance(cell, Cell):
            raise ValueError(
                f"{name}: expected cells as separate arguments, as in {name}(first, second); "
                f"argument {index} is a {type(cell).__name__}"
            )


def check_count(name: str, what: str, tree: Any, count: int) -> None:
    """Raises ValueError unless `tree` is a tuple with one entry for each of `count` cells."""
    if type(tree) is not tuple or len(tree) != count:
        found = f"{len(tree)} entries" if type(tree) is tuple else f"a {type(tree).__name__}"
        raise ValueError(f"{name}: {what} must be a tuple with one entry for each of its {count} cells; got {found}")


def check_array(name: str, what: str, value: Any) -> None:
    """Raises ValueError unless `value` is one array with a feature axis."""
    if not hasattr(value, "shape") or not value.shape:
        raise ValueError(f"{name}: {what} must be one array with features in its last axis; got {jax.tree.structure(value)}")


@contextmanager
def naming(name: str, index: int) -> Iterator[None]:
    """Says in which of several cells an error arose."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{name}, cell {index}: {error}") from error
