"""Backpropagation through time as an object: one engine that runs the adjoint of any cell over a sequence.

The same functions serve three uses: the summed gradients (an oracle for autodiff), the trace (every delta of every step), and
the fast backward pass behind `unroll(..., backprop="explicit")`. Inputs are projected and weight gradients collected chunk
by chunk of time, as products over `[chunk, *batch]` rows: large enough for a matrix product to be efficient, small
enough for its operands to stay in cache.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.custom_derivatives import CustomVJPPrimal, SymbolicZero

from recurrent import buffers, pytrees
from recurrent.sequences import Flags, prepare
from recurrent.tape import Record, layout_of, tape_at, tape_span, to_keep, to_store
from recurrent.types import Adjoint, Cell, Params, PyTree, State

CHUNK_BYTES = 4 * 2**20
"""Projected inputs held at a time: a few MB, so that the loop reads from cache what the product wrote."""


class Trace(NamedTuple):
    """The inside of a backward pass, every leaf `[T, *batch, ...]`.

    Attributes:
      dstates: dL/ds_t through later steps and the final state, without the part through y_t.
      deltas: the cell's own deltas, such as `LSTMDeltas`; 0 in masked steps.
      tape: what each step left for the backward pass.
    """

    dstates: State
    deltas: PyTree
    tape: PyTree


class Gradients(NamedTuple):
    """Gradients of a scalar L, summed over time and batch.

    Attributes:
      params: dL/dparams, not counting the way through a learned initial state.
      state: dL/ds_0.
      fresh: dL/d(initial state) through resets.
      xs: dL/dx_t, `[T, *batch, ...]`.
      trace: the inside of the pass, or None.
    """

    params: Params
    state: State
    fresh: State
    xs: PyTree
    trace: Trace | None


def backpropagate(
    cell: Cell,
    params: Params,
    xs: PyTree,
    dys: PyTree,
    state: State | None = None,
    *,
    dfinal_state: State | None = None,
    lengths: Array | None = None,
    mask: Array | None = None,
    resets: Array | None = None,
    reverse: bool = False,
    trace: bool = False,
) -> Gradients:
    """Runs a cell forward and its adjoint backward, from given output gradients.

    Cells without a hand-derived adjoint run through `autodiff_adjoint`, with the same result.

    Args:
      cell: any cell.
      params: its parameters.
      xs: inputs `[T, *batch, ...]`.
      dys: dL/dy_t for every output, `[T, *batch, ...]`.
      state: the state before the first step; the cell's initial state by default.
      dfinal_state: dL/d(final state); 0 by default.
      lengths: see `unroll`.
      mask: see `unroll`.
      resets: see `unroll`.
      reverse: see `unroll`.
      trace: also return every delta of every step.

    Raises:
      ValueError: as `unroll`, or gradients whose shapes are not those of the outputs or the final state.

    Reference: Werbos (1990), Backpropagation through time: what it does and how to do it.
    """
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    adjoint = adjoint_of(cell)
    options = {"chunk": chunk_size(adjoint, params, sequence.xs), "reverse": reverse}
    final_state, ys, record = forward(adjoint, params, *sequence, **options)
    _check_shapes("dys", dys, ys)
    if dfinal_state is not None:
        _check_shapes("dfinal_state", dfinal_state, final_state)
    dfinal_state = pytrees.zeros_like(final_state) if dfinal_state is None else dfinal_state
    return backward(adjoint, params, *sequence, record, dfinal_state, dys, trace=trace, **options)


def forward(
    adjoint: Adjoint,
    params: Params,
    xs: PyTree,
    state: State,
    fresh: State,
    flags: Flags,
    *,
    chunk: int,
    reverse: bool = False,
    unroll: int = 1,
    keep_tape: bool = True,
) -> tuple[State, PyTree, PyTree]:
    """Runs a cell over a sequence and records what its backward pass needs.

    Args:
      adjoint: of the cell.
      params: of the cell.
      xs: inputs `[T, *batch, ...]`, 0 where masked.
      state: before the first step.
      fresh: what resets return to.
      flags: per-step flags.
      chunk: steps whose inputs are projected at a time; see `chunk_size`.
      reverse: run from the last step to the first.
      unroll: steps per iteration of the compiled loop.
      keep_tape: record every step's tape (O(T) memory), or the state before each chunk only (O(T / chunk)).

    Returns:
      The final state, the outputs `[T, *batch, ...]`, and the record: see `recurrent.tape`, or states `[chunks, ...]`.
    """
    num_steps = jax.tree.leaves(xs)[0].shape[0]
    layout = layout_of(adjoint, params, state, xs)
    ys = buffers.allocate(layout.y_t, num_steps)
    kept = buffers.allocate(layout.stored_t, num_steps) if keep_tape else buffers.allocate(state, -(-num_steps // chunk))

    def run_chunk(start, size, carry):
        state, ys, kept = carry
        if keep_tape:
            outputs = (ys, kept)
        else:
            outputs, kept = (ys,), buffers.write(kept, start // chunk, state)
        inputs = buffers.read_span((xs, flags), start, size)
        state, outputs = _advance_chunk(adjoint, params, fresh, state, inputs, outputs, start, layout, reverse, unroll)
        return (state, *outputs) if keep_tape else (state, *outputs, kept)

    final_state, ys, kept = buffers.over_chunks(run_chunk, (state, ys, kept), num_steps, chunk, reverse=reverse)
    if not keep_tape:
        return final_state, ys, kept
    record = Record(kept, ys, state, fresh, flags.resets)
    return final_state, ys if flags.mask is None else pytrees.where(flags.mask, ys, pytrees.zeros_like(ys)), record


def backward(
    adjoint: Adjoint,
    params: Params,
    xs: PyTree,
    state: State,
    fresh: State,
    flags: Flags,
    record: PyTree,
    dfinal_state: State,
    dys: PyTree | None,
    *,
    chunk: int,
    reverse: bool = False,
    unroll: int = 1,
    keep_tape: bool = True,
    trace: bool = False,
) -> Gradients:
    """Runs the deltas back through a recorded sequence; dys is None if no output matters. See `forward` for the arguments."""
    num_steps = jax.tree.leaves(xs)[0].shape[0]
    layout = layout_of(adjoint, params, state, xs)
    if dys is not None:
        dys = _without_float0(dys, jax.tree.map(lambda y: jax.ShapeDtypeStruct((num_steps, *y.shape), y.dtype), layout.y_t))
    transposed = _transposed(params)

    def run_chunk(start, size, carry):
        dstate, dfresh, dparams, dxs, traced = carry
        inputs = buffers.read_span((xs, flags), start, size)
        tape, offset = record, start
        if not keep_tape:
            before = buffers.read(record, start // chunk)
            tape, offset = _tape_again(adjoint, params, fresh, before, inputs, layout, reverse, unroll), 0

        def step(carry, j):
            dstate_t, dfresh = carry
            tape_t = tape_at(layout, tape, offset + j, reverse=reverse)
            dy_t, flags_t = buffers.read((dys, flags), start + j)
            dy_t = jax.tree.map(lambda y: jnp.zeros(y.shape, y.dtype), layout.y_t) if dys is None else dy_t
            weights = _transposed_back(transposed)
            dstate_tm1, deltas_t, dfresh_t = retreat_step(adjoint, weights, dstate_t, tape_t, dy_t, flags_t)
            dfresh = dfresh if dfresh_t is None else pytrees.add(dfresh, dfresh_t)
            return (dstate_tm1, dfresh), (deltas_t, dstate_t if trace else None)

        steps = jnp.arange(size)
        (dstate, dfresh), (deltas, dstates) = jax.lax.scan(step, (dstate, dfresh), steps, reverse=not reverse, unroll=unroll)
        tapes = tape_span(layout, tape, offset, size, reverse=reverse)
        dparams_chunk, dxs_chunk = adjoint.collect(params, inputs[0], tapes, deltas)
        traced = buffers.write_span(traced, start, (dstates, deltas)) if trace else None
        return dstate, dfresh, pytrees.add(dparams, dparams_chunk), buffers.write_span(dxs, start, dxs_chunk), traced

    traced = None
    if trace:
        tape = jax.eval_shape(lambda: tape_span(layout, record, 0, num_steps, reverse=reverse))
        at_t = buffers.step_shapes((tape, dys))
        deltas_t = jax.eval_shape(lambda tape_t, dy_t: adjoint.retreat(params, tape_t, dfinal_state, dy_t)[1], *at_t)
        traced = buffers.allocate((dfinal_state, deltas_t), num_steps)
    carry = (dfinal_state, pytrees.zeros_like(fresh), pytrees.zeros_like(params), pytrees.zeros_like(xs), traced)
    carry = buffers.over_chunks(run_chunk, carry, num_steps, chunk, reverse=not reverse)
    dstate, dfresh, dparams, dxs, traced = carry
    if traced is not None:
        dstates, deltas = traced
        traced = Trace(dstates, deltas, tape_span(layout, record, 0, num_steps, reverse=reverse))
    return Gradients(dparams, dstate, dfresh, dxs, traced)


def advance_step(adjoint, params, fresh, state_tm1, z_t, flags_t: Flags):
    """One forward step with its flags: resets first, then the step, then the mask."""
    if flags_t.resets is not None:
        state_tm1 = pytrees.where(flags_t.resets, fresh, state_tm1)
    state_t, y_t, tape_t = adjoint.advance(params, state_tm1, z_t)
    if flags_t.mask is not None:
        state_t = pytrees.where(flags_t.mask, state_t, state_tm1)
        y_t = pytrees.where(flags_t.mask, y_t, pytrees.zeros_like(y_t))
    return state_t, y_t, tape_t


def retreat_step(adjoint, params, dstate_t, tape_t, dy_t, flags_t: Flags):
    """The adjoint of `advance_step`: returns dstate_{t-1}, the deltas, and the gradient to the fresh state (or None)."""
    dstate, dfresh_t = dstate_t, None
    if flags_t.mask is not None:
        dstate = pytrees.where(flags_t.mask, dstate_t, pytrees.zeros_like(dstate_t))
        dy_t = pytrees.where(flags_t.mask, dy_t, pytrees.zeros_like(dy_t))
    dstate_tm1, deltas_t = adjoint.retreat(params, tape_t, dstate, dy_t)
    if flags_t.mask is not None:
        dstate_tm1 = pytrees.where(flags_t.mask, dstate_tm1, dstate_t)
    if flags_t.resets is not None:
        zeros = pytrees.zeros_like(dstate_tm1)
        dfresh_t = pytrees.where(flags_t.resets, dstate_tm1, zeros)
        dstate_tm1 = pytrees.where(flags_t.resets, zeros, dstate_tm1)
    if flags_t.cuts is not None:
        dstate_tm1 = pytrees.where(flags_t.cuts, pytrees.zeros_like(dstate_tm1), dstate_tm1)
    return dstate_tm1, deltas_t, dfresh_t


def explicit_scan(adjoint: Adjoint, params, xs, state, fresh, flags, *, reverse, unroll, checkpoint_every):
    """Runs a cell over a sequence so that its gradient is the adjoint's: `(final_state, ys)`."""
    options = {
        "chunk": checkpoint_every or chunk_size(adjoint, params, xs),
        "reverse": reverse,
        "unroll": unroll,
        "keep_tape": checkpoint_every is None,
    }

    @jax.custom_vjp
    def run(params, xs, state, fresh, flags):
        def step(state_tm1, inputs):  # no gradient is wanted: the plain loop is the fastest
            x_t, flags_t = inputs
            return advance_step(adjoint, params, fresh, state_tm1, adjoint.project(params, x_t), flags_t)[:2]

        return jax.lax.scan(step, state, (xs, flags), reverse=reverse, unroll=unroll)

    def run_forward(*perturbed):
        params, xs, state, fresh, flags = jax.tree.map(lambda leaf: leaf.value, perturbed, is_leaf=_is_perturbed)
        final_state, ys, record = forward(adjoint, params, xs, state, fresh, flags, **options)
        return (final_state, ys), (params, xs, state, fresh, flags, record)

    def run_backward(residuals, cotangents):
        params, xs, state, fresh, flags, record = residuals
        dfinal_state, dys = jax.tree.map(_dense, cotangents[0]), cotangents[1]
        dys = None if all(isinstance(leaf, SymbolicZero) for leaf in jax.tree.leaves(dys)) else jax.tree.map(_dense, dys)
        dfinal_state = _without_float0(dfinal_state, state)
        gradients = backward(adjoint, params, xs, state, fresh, flags, record, dfinal_state, dys, **options)
        dstate, dfresh = _with_float0(gradients.state, state), _with_float0(gradients.fresh, state)
        return gradients.params, gradients.xs, dstate, dfresh, None

    # a loss of the final state alone has no dys: [T, ...] zeros that need not be made
    run.defvjp(run_forward, run_backward, symbolic_zeros=True)
    return run(params, xs, state, fresh, flags)


def adjoint_of(cell: Cell) -> Adjoint:
    """Returns the hand-derived adjoint of a cell, or one made by autodiff of its step."""
    return cell.adjoint or autodiff_adjoint(cell)


def autodiff_adjoint(cell: Cell) -> Adjoint:
    """Makes an adjoint for any cell from the vector-Jacobian products of its step.

    Its deltas are the gradients `(dstate_t, dy_t)` that reach the step. Slower than a hand-derived adjoint, and equal to it.
    """

    def project(params, xs):
        del params
        return xs

    def advance(params, state_tm1, x_t):
        state_t, y_t = cell.step(params, state_tm1, x_t)
        return state_t, y_t, (state_tm1, x_t)

    def pull(params, tape_t, cotangents):
        outputs, vjp = jax.vjp(cell.step, params, *tape_t)
        return vjp(_with_float0(cotangents, outputs))

    def retreat(params, tape_t, dstate_t, dy_t):
        _, dstate_tm1, _ = pull(params, tape_t, (dstate_t, dy_t))
        return _without_float0(dstate_tm1, tape_t[0]), (dstate_t, dy_t)

    def collect(params, xs, tape, deltas):
        del xs

        def step(dparams, inputs):
            tape_t, deltas_t = inputs
            dparams_t, _, dx_t = pull(params, tape_t, deltas_t)
            return pytrees.add(dparams, _without_float0(dparams_t, params)), _without_float0(dx_t, tape_t[1])

        return jax.lax.scan(step, pytrees.zeros_like(params), (tape, deltas))

    return Adjoint(project, advance, retreat, collect)


def chunk_size(adjoint: Adjoint, params: Params, xs: PyTree) -> int:
    """Steps whose projected inputs fill `CHUNK_BYTES`, evened out so that the last chunk is not a stub."""
    num_steps = jax.tree.leaves(xs)[0].shape[0]
    zs = jax.eval_shape(adjoint.project, params, xs)
    total = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(zs))
    count = max(1, -(-total // CHUNK_BYTES))
    return max(1, -(-num_steps // count))


def _advance_chunk(adjoint, params, fresh, state, inputs, outputs, offset, layout, reverse, unroll):
    """Runs one chunk; `outputs` are buffers for y_t and, if there are two, the tape, written from `offset` on."""
    xs, flags = inputs
    size = jax.tree.leaves(xs)[0].shape[0]
    zs = adjoint.project(params, xs)

    def step(j, carry):
        state_tm1, outputs = carry
        j = size - 1 - j if reverse else j
        state_t, y_t, tape_t = advance_step(adjoint, params, fresh, state_tm1, *buffers.read((zs, flags), j))
        kept = (to_keep(layout, y_t, state_t), to_store(layout, tape_t)) if len(outputs) == 2 else (y_t,)
        return state_t, buffers.write(outputs, offset + j, kept)

    return jax.lax.fori_loop(0, size, step, (state, outputs), unroll=unroll)


def _tape_again(adjoint, params, fresh, state, inputs, layout, reverse, unroll) -> Record:
    """The record of one chunk, from the state before it."""
    outputs = buffers.allocate((layout.y_t, layout.stored_t), jax.tree.leaves(inputs[0])[0].shape[0])
    _, (ys, stored) = _advance_chunk(adjoint, params, fresh, state, inputs, outputs, 0, layout, reverse, unroll)
    return Record(stored, ys, state, fresh, inputs[1].resets)


def _check_shapes(name: str, gradients: PyTree, values: PyTree) -> None:
    """Raises ValueError unless gradients have the structure and shapes of what they are the gradients of."""
    found, expected = (jax.tree.map(jnp.shape, tree) for tree in (gradients, values))
    if jax.tree.structure(gradients) != jax.tree.structure(values) or found != expected:
        raise ValueError(f"backpropagate: {name} must have the shapes {expected}; got {found}")


def _transposed(params: Params) -> Params:
    """Stores matrices transposed, out of the compiler's sight: a product with W' reads rows, in every step of the loop."""
    return jax.lax.optimization_barrier(jax.tree.map(lambda leaf: leaf.T if leaf.ndim == 2 else leaf, params))


def _transposed_back(stored: Params) -> Params:
    """The params themselves. Called inside the loop, it costs nothing: the compiler folds it into the product."""
    return jax.tree.map(lambda leaf: leaf.T if leaf.ndim == 2 else leaf, stored)


def _is_perturbed(node: Any) -> bool:
    return isinstance(node, CustomVJPPrimal)


def _dense(cotangent: Any) -> Any:
    """Zeros in place of a symbolic zero."""
    if not isinstance(cotangent, SymbolicZero):
        return cotangent
    shape, dtype = cotangent.aval.shape, cotangent.aval.dtype  # pyright: ignore[reportAttributeAccessIssue]
    return np.zeros(shape, dtype) if dtype == jax.dtypes.float0 else jnp.zeros(shape, dtype)


def _with_float0(cotangents: PyTree, primals: PyTree) -> Any:
    """Gives integer leaves the cotangent type that JAX wants for them."""

    def convert(primal, cotangent):
        return cotangent if pytrees.is_inexact(primal) else np.zeros(jnp.shape(primal), jax.dtypes.float0)

    return jax.tree.map(convert, primals, cotangents)


def _without_float0(cotangents: PyTree, primals: PyTree) -> Any:
    """Gives integer leaves zeros of their own type, which a loop can carry."""
    return jax.tree.map(lambda p, d: d if pytrees.is_inexact(p) else jnp.zeros_like(p), primals, cotangents)
