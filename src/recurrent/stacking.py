"""Depth at one time step: cells on top of each other, with connections that skip cells, and cells side by side.

`stack(grouped(a, b), grouped(c, d))` is a hierarchy of groups; `stack(first, residual(second))` a residual stack.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent.cells.common import check_array, check_features, check_params, check_sizes, dot
from recurrent.initializers import Initializer, draw_blocks, glorot_uniform
from recurrent.types import Cell, Params, PyTree


def stack(*cells: Cell) -> Cell:
    """x¹_t = x_t, xˡ⁺¹_t = yˡ_t, y_t = yᴸ_t: every cell reads the output of the one below, at the same time step.

    Widths are free: `stack(lstm(3, 64), gru(64, 128))`. Parameters and state are tuples with one entry per cell.

    Args:
      *cells: from the bottom to the top; each takes the width that the one below emits.

    Raises:
      ValueError: no cells, or something that is not a cell; when run, widths that do not fit, or params of another stack.

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
    if merge not in ("concat", "sum"):
        raise ValueError(f'dense_skip: merge must be "concat" or "sum"; got {merge!r}')

    def step(params, state, x_t):
        check_array("dense_skip", "the input", x_t)
        states, y_t = [], x_t
        for index, cell in enumerate(cells):
            with naming("dense_skip", index):
                state_t, y_t = cell.step(params[index], state[index], x_t)
                check_array("dense_skip", "the output of the cell", y_t)
                if index < len(cells) - 1:
                    x_t = sum_of("dense_skip", y_t, x_t) if merge == "sum" else _concatenate(x_t.astype(y_t.dtype), y_t)
            states.append(state_t)
        return tuple(states), y_t

    return _of_many("dense_skip", cells, step)


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
                check_array("grouped", "the output of every cell", y_t)
            states.append(state_t)
            ys.append(y_t)
        return tuple(states), _concatenate(*ys)

    return _of_many("grouped", cells, step)


class ResidualParams(NamedTuple):
    """Parameters of a cell and of the projection P around it."""

    cell: Params
    kernel: Float[Array, "input output"]


def residual(
    cell: Cell,
    input_size: int | None = None,
    output_size: int | None = None,
    *,
    kernel_init: Initializer = glorot_uniform,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell:
    """y_t = cell(x_t) + x_t P, with P the identity where the widths are equal, and learned where they differ.

    Without sizes, or with equal ones, P is the identity and the parameters are the cell's own. Otherwise they are
    `ResidualParams`.

    Args:
      cell: a cell whose output is one array.
      input_size: features of x_t, if they differ from those of y_t.
      output_size: features of y_t, if they differ from those of x_t.
      kernel_init: initialiser of P.
      dtype: dtype of the product x_t P; that of the parameters by default.
      param_dtype: dtype of P.

    Raises:
      ValueError: only one of the sizes is given, or one is not a positive integer; when run, widths other than those.

    Reference: He, Zhang, Ren & Sun (2016), Deep residual learning for image recognition, equations 1 and 2.
    """
    if (input_size is None) != (output_size is None):
        raise ValueError(
            f"residual: give both sizes or neither; got input_size={input_size} and output_size={output_size} "
            f"(neither means equal widths and no projection)"
        )
    if input_size is None or output_size is None or input_size == output_size:
        return cell._replace(step=_adding_input(cell), linear=None)
    check_sizes("residual", input_size=input_size, output_size=output_size)

    def init(key):
        k_cell, k_kernel = jax.random.split(key)
        return ResidualParams(cell.init(k_cell), draw_blocks(kernel_init, k_kernel, input_size, output_size, 1, param_dtype))

    def initial_state(params, batch_shape=()):
        check_params("residual", ResidualParams, params)
        return cell.initial_state(params.cell, batch_shape)

    def step(params, state, x_t):
        check_params("residual", ResidualParams, params)
        check_features("residual", x_t, input_size)
        state, y_t = cell.step(params.cell, state, x_t)
        check_array("residual", "the output of the cell", y_t)
        if y_t.shape[-1] != output_size:
            raise ValueError(
                f"residual: output_size={output_size}, but the cell emits {y_t.shape[-1]} features; "
                f"give output_size={y_t.shape[-1]}"
            )
        return state, y_t + dot(x_t, params.kernel, dtype).astype(y_t.dtype)

    return Cell(init, initial_state, step)


def sum_of(name: str, y_t: Array, x_t: Array) -> Array:
    """y_t + x_t, or a ValueError that says how to make widths equal."""
    if y_t.shape != x_t.shape:
        raise ValueError(
            f"{name}: a sum needs equal widths, but the input has {x_t.shape[-1]} features and the output of the cell "
            f"{y_t.shape[-1]}; residual(cell, input_size={x_t.shape[-1]}, output_size={y_t.shape[-1]}) learns a projection"
        )
    return y_t + x_t.astype(y_t.dtype)


@contextmanager
def naming(name: str, index: int) -> Iterator[None]:
    """Says in which of several cells an error arose, and names what the cell computes after its place."""
    try:
        with jax.named_scope(str(index)):
            yield
    except ValueError as error:
        raise ValueError(f"{name}, cell {index}: {error}") from error


def _adding_input(cell: Cell) -> Callable:
    def step(params: Params, state: Any, x_t: PyTree) -> tuple[Any, Array]:
        check_array("residual", "the input", x_t)
        state, y_t = cell.step(params, state, x_t)
        check_array("residual", "the output of the cell", y_t)
        return state, sum_of("residual", y_t, x_t)

    return step


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


def _concatenate(*parts: Array) -> Array:
    return jnp.concatenate(parts, axis=-1)


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
