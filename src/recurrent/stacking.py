"""Depth at one time step: cells on top of each other, with connections that skip cells, and cells side by side.

`stack(grouped(a, b), grouped(c, d))` is a hierarchy of groups; `stack(first, residual(second))` a residual stack.
"""

import functools
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent.cells.common import check_features, check_params, check_sizes, dot, outer
from recurrent.initializers import Initializer, draw_blocks, glorot_uniform
from recurrent.types import Adjoint, Cell, Params
from recurrent.wiring import (
    Widths,
    check_array,
    check_cells,
    check_count,
    combine_cells,
    input_gradient,
    naming,
    split_widths,
)


def stack(*cells: Cell) -> Cell:
    """x¹_t = x_t, xˡ⁺¹_t = yˡ_t, y_t = yᴸ_t: every cell reads the output of the one below, at the same time step.

    Widths are free: `stack(lstm(3, 64), gru(64, 128))`. Parameters and state are tuples with one entry per cell. The adjoint is
    derived if every cell has one: only the first cell's inputs are projected before the loop over time.

    Args:
      *cells: from the bottom to the top; each takes the width that the one below emits.

    Raises:
      ValueError: no cells, or something that is not a cell; when run, widths that do not fit, or params of another stack.

    Reference: Graves, Mohamed & Hinton (2013), Speech recognition with deep recurrent neural networks.
    """
    return _on_top_of_each_other("stack", cells)


def dense_skip(*cells: Cell, merge: Literal["concat", "sum"] = "concat") -> Cell:
    """xˡ_t = [x_t, y¹_t, ..., yˡ⁻¹_t], or their sum: every cell reads the input and all outputs below; y_t = yᴸ_t.

    With "concat", cell l takes the sum of all widths below: `dense_skip(gru(3, 8), gru(11, 8), gru(19, 8))`. With "sum", all
    widths are equal but that of the top output. Parameters and state are those of a `stack` of the cells. The adjoint is
    derived if every cell has one.

    Args:
      *cells: from the bottom to the top.
      merge: "concat" or "sum".

    Raises:
      ValueError: no cells, or an unknown `merge`; when run, widths that do not fit.

    Reference: Huang, Liu, van der Maaten & Weinberger (2017), Densely connected convolutional networks, equation 2.
    """
    check_cells("dense_skip", cells)
    if merge not in ("concat", "sum"):
        raise ValueError(f'dense_skip: merge must be "concat" or "sum"; got {merge!r}')
    add_input = _concatenate_input if merge == "concat" else _add_input
    # what a cell passes on together with its own input is all that the next one reads
    lower = [_rewired(cell, functools.partial(add_input, "dense_skip")) for cell in cells[:-1]]
    return _on_top_of_each_other("dense_skip", (*lower, cells[-1]))


def grouped(*cells: Cell) -> Cell:
    """y_t = [y¹_t, ..., yᴳ_t]: groups of units that read the same x_t and do not see each other.

    Parameters and state are tuples with one entry per cell. The adjoint is derived if every cell has one; all inputs are
    projected before the loop over time.

    Args:
      *cells: cells of the same input width; their outputs are concatenated.

    Raises:
      ValueError: no cells, or something that is not a cell; when run, widths that do not fit, or params of another group.

    Reference: El Hihi & Bengio (1995), Hierarchical recurrent neural networks for long-term dependencies.
    """
    return _of_many("grouped", cells, _side_by_side)


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
    `ResidualParams`. The adjoint is derived if the cell has one.

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
        return _rewired(cell, functools.partial(_add_input, "residual"))
    check_sizes("residual", input_size=input_size, output_size=output_size)

    def init(key):
        k_cell, k_kernel = jax.random.split(key)
        return ResidualParams(cell.init(k_cell), draw_blocks(kernel_init, k_kernel, input_size, output_size, 1, param_dtype))

    def initial_state(params, batch_shape=()):
        check_params("residual", ResidualParams, params)
        return cell.initial_state(params.cell, batch_shape)

    wire = functools.partial(_add_projected_input, input_size, output_size, dtype)
    return Cell(init, initial_state, *combine_cells(wire, cell))


def _rewired(cell: Cell, wire) -> Cell:
    """The same parameters and state under another step."""
    step, adjoint = combine_cells(wire, cell)
    return cell._replace(step=step, adjoint=adjoint, linear=None)


def _of_many(name: str, cells: tuple[Cell, ...], wiring) -> Cell:
    """A cell of several, whose parameters and state are tuples with one entry for each."""
    check_cells(name, cells)

    def init(key):
        return tuple(cell.init(k) for cell, k in zip(cells, jax.random.split(key, len(cells)), strict=True))

    def initial_state(params, batch_shape=()):
        check_count(name, "params", params, len(cells))
        states = []
        for index, cell in enumerate(cells):
            with naming(name, index):
                states.append(cell.initial_state(params[index], batch_shape))
        return tuple(states)

    return Cell(init, initial_state, *combine_cells(functools.partial(wiring, name), *cells))


def _on_top_of_each_other(name: str, cells: tuple[Cell, ...]) -> Cell:
    return _of_many(name, cells, _chain)


def _chain(name: str, *adjoints: Adjoint) -> Adjoint:
    count = len(adjoints)

    def project(params, xs):
        check_count(name, "params", params, count)
        with naming(name, 0):
            return adjoints[0].project(params[0], xs)

    def advance(params, state, z_t):
        states, tapes, inputs, y_t = [], [], [], None
        for index, adjoint in enumerate(adjoints):
            with naming(name, index):
                if index:
                    inputs.append(y_t)
                    z_t = adjoint.project(params[index], y_t)
                state_t, y_t, tape_t = adjoint.advance(params[index], state[index], z_t)
            states.append(state_t)
            tapes.append(tape_t)
        return tuple(states), y_t, (tuple(tapes), tuple(inputs))

    def retreat(params, tape_t, dstate_t, dy_t):
        tapes, inputs = tape_t
        dstates, deltas = [None] * count, [None] * count
        for index in reversed(range(count)):
            adjoint, own = adjoints[index], params[index]
            dstates[index], deltas[index] = adjoint.retreat(own, tapes[index], dstate_t[index], dy_t)
            if index:
                dy_t = input_gradient(adjoint, own, inputs[index - 1], tapes[index], deltas[index])
        return tuple(dstates), tuple(deltas)

    def collect(params, xs, tape, deltas):
        tapes, inputs = tape
        arguments = zip(params, (xs, *inputs), tapes, deltas, strict=True)
        dparams, dxs = zip(*(a.collect(*own) for a, own in zip(adjoints, arguments, strict=True)), strict=True)
        return dparams, dxs[0]

    return Adjoint(project, advance, retreat, collect)


def _side_by_side(name: str, *adjoints: Adjoint) -> Adjoint:
    def project(params, xs):
        check_count(name, "params", params, len(adjoints))
        zs = []
        for index, adjoint in enumerate(adjoints):
            with naming(name, index):
                zs.append(adjoint.project(params[index], xs))
        return tuple(zs)

    def advance(params, state, z_t):
        states, ys, tapes = [], [], []
        for index, adjoint in enumerate(adjoints):
            with naming(name, index):
                state_t, y_t, tape_t = adjoint.advance(params[index], state[index], z_t[index])
                check_array(name, "the output of every cell", y_t)
            states.append(state_t)
            ys.append(y_t)
            tapes.append(tape_t)
        return tuple(states), jnp.concatenate(ys, axis=-1), (tuple(tapes), Widths(tuple(y.shape[-1] for y in ys)))

    def retreat(params, tape_t, dstate_t, dy_t):
        tapes, widths = tape_t
        arguments = zip(params, tapes, dstate_t, split_widths(dy_t, widths), strict=True)
        dstates, deltas = zip(*(a.retreat(*own) for a, own in zip(adjoints, arguments, strict=True)), strict=True)
        return dstates, deltas

    def collect(params, xs, tape, deltas):
        arguments = zip(params, tape[0], deltas, strict=True)
        pairs = [a.collect(p, xs, own, d) for a, (p, own, d) in zip(adjoints, arguments, strict=True)]
        return tuple(dparams for dparams, _ in pairs), functools.reduce(jnp.add, [dxs for _, dxs in pairs])

    return Adjoint(project, advance, retreat, collect)


def _add_input(name: str, inner: Adjoint) -> Adjoint:
    """y_t = cell(x_t) + x_t; dx_t gains dy_t."""

    def project(params, xs):
        check_array(name, "the input", xs)
        return inner.project(params, xs), xs

    def advance(params, state, z_t):
        inner_z_t, x_t = z_t
        state, y_t, tape_t = inner.advance(params, state, inner_z_t)
        check_array(name, "the output of the cell", y_t)
        if y_t.shape != x_t.shape:
            raise ValueError(
                f"{name}: a sum needs equal widths, but the input has {x_t.shape[-1]} features and the output of the cell "
                f"{y_t.shape[-1]}; residual(cell, input_size={x_t.shape[-1]}, output_size={y_t.shape[-1]}) learns a projection"
            )
        return state, y_t + x_t.astype(y_t.dtype), tape_t

    def retreat(params, tape_t, dstate_t, dy_t):
        dstate_tm1, deltas_t = inner.retreat(params, tape_t, dstate_t, dy_t)
        return dstate_tm1, (deltas_t, dy_t)

    def collect(params, xs, tape, deltas):
        inner_deltas, dys = deltas
        dparams, dxs = inner.collect(params, xs, tape, inner_deltas)
        return dparams, dxs + dys.astype(dxs.dtype)

    return Adjoint(project, advance, retreat, collect)


def _concatenate_input(name: str, inner: Adjoint) -> Adjoint:
    """y_t = [x_t, cell(x_t)]; dx_t gains the first part of dy_t."""

    def project(params, xs):
        check_array(name, "the input", xs)
        return inner.project(params, xs), xs

    def advance(params, state, z_t):
        inner_z_t, x_t = z_t
        state, y_t, tape_t = inner.advance(params, state, inner_z_t)
        check_array(name, "the output of the cell", y_t)
        widths = Widths((x_t.shape[-1], y_t.shape[-1]))
        return state, jnp.concatenate([x_t.astype(y_t.dtype), y_t], axis=-1), (tape_t, widths)

    def retreat(params, tape_t, dstate_t, dy_t):
        inner_tape_t, widths = tape_t
        dskip_t, dy_t = split_widths(dy_t, widths)
        dstate_tm1, deltas_t = inner.retreat(params, inner_tape_t, dstate_t, dy_t)
        return dstate_tm1, (deltas_t, dskip_t)

    def collect(params, xs, tape, deltas):
        inner_deltas, dskips = deltas
        dparams, dxs = inner.collect(params, xs, tape[0], inner_deltas)
        return dparams, dxs + dskips.astype(dxs.dtype)

    return Adjoint(project, advance, retreat, collect)


def _add_projected_input(input_size: int, output_size: int, dtype: DTypeLike | None, inner: Adjoint) -> Adjoint:
    """y_t = cell(x_t) + x_t P; dP = Σ x_t' dy_t, and dx_t gains dy_t P'."""

    def project(params, xs):
        check_params("residual", ResidualParams, params)
        check_features("residual", xs, input_size)
        return inner.project(params.cell, xs), dot(xs, params.kernel, dtype)

    def advance(params, state, z_t):
        inner_z_t, skip_t = z_t
        state, y_t, tape_t = inner.advance(params.cell, state, inner_z_t)
        check_array("residual", "the output of the cell", y_t)
        if y_t.shape[-1] != output_size:
            raise ValueError(
                f"residual: output_size={output_size}, but the cell emits {y_t.shape[-1]} features; "
                f"give output_size={y_t.shape[-1]}"
            )
        return state, y_t + skip_t.astype(y_t.dtype), tape_t

    def retreat(params, tape_t, dstate_t, dy_t):
        dstate_tm1, deltas_t = inner.retreat(params.cell, tape_t, dstate_t, dy_t)
        return dstate_tm1, (deltas_t, dy_t)

    def collect(params, xs, tape, deltas):
        inner_deltas, dys = deltas
        dcell, dxs = inner.collect(params.cell, xs, tape, inner_deltas)
        dkernel = outer(xs, dys, params.kernel, dtype)
        return ResidualParams(dcell, dkernel), dxs + dot(dys, params.kernel.T, dtype).astype(dxs.dtype)

    return Adjoint(project, advance, retreat, collect)
