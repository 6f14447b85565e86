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

from recurrent import chunks, pytrees
from recurrent.sequences import Flags, prepare
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
      ValueError: as `unroll`.

    Reference: Werbos (1990), Backpropagation through time: what it does and how to do it.
    """
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    adjoint = adjoint_of(cell)
    final_state, _, record = forward(adjoint, params, *sequence, reverse=reverse)
    dfinal_state = pytrees.zeros_like(final_state) if dfinal_state is None else dfinal_state
    return backward(adjoint, params, *sequence[1:], record, dfinal_state, dys, reverse=reverse, trace=trace)


class Record(NamedTuple):
    """What the forward pass leaves for the backward pass: the inputs, the flags and the tape, in chunks.

    `tape` holds one entry per step, or, if it is to be computed again, the state before each chunk.
    """

    inputs: chunks.Chunked
    tape: chunks.Chunked


def forward(
    adjoint: Adjoint,
    params: Params,
    xs: PyTree,
    state: State,
    fresh: State,
    flags: Flags,
    *,
    reverse: bool = False,
    unroll: int = 1,
    chunk: int | None = None,
    keep_tape: bool = True,
) -> tuple[State, PyTree, Record]:
    """Runs a cell over a sequence and records what its backward pass needs.

    Args:
      adjoint: of the cell.
      params: of the cell.
      xs: inputs `[T, *batch, ...]`, 0 where masked.
      state: before the first step.
      fresh: what resets return to.
      flags: per-step flags.
      reverse: run from the last step to the first.
      unroll: steps per iteration of the compiled loop.
      chunk: steps per chunk of time; chosen from `CHUNK_BYTES` by default.
      keep_tape: keep every step's tape (O(T) memory), or the state before each chunk only (O(T / chunk)).

    Returns:
      The final state, the outputs `[T, *batch, ...]`, and the record.
    """
    num_steps = jax.tree.leaves(xs)[0].shape[0]
    size = chunk or _chunk_size(adjoint, params, xs, num_steps)
    inputs = chunks.split((xs, flags), num_steps, size)

    def run_chunk(state_tm1, inputs):
        state_t, ys, tape = _advance_chunk(adjoint, params, fresh, state_tm1, inputs, reverse, unroll)
        return state_t, (ys, tape if keep_tape else state_tm1)

    final_state, outputs = chunks.scan(run_chunk, state, inputs, reverse=reverse)
    ys = chunks.merge(chunks.pick(outputs, 0))
    return final_state, ys, Record(inputs, chunks.pick(outputs, 1))


def backward(
    adjoint: Adjoint,
    params: Params,
    state: State,
    fresh: State,
    flags: Flags,
    record: Record,
    dfinal_state: State,
    dys: PyTree,
    *,
    reverse: bool = False,
    unroll: int = 1,
    keep_tape: bool = True,
    trace: bool = False,
) -> Gradients:
    """Runs the deltas back through a recorded sequence. See `forward` for the arguments."""
    del state
    num_steps = jax.tree.leaves(dys)[0].shape[0]
    dys = chunks.split(dys, num_steps, _size_of(record.inputs))

    def run_chunk(carry, inputs):
        dstate, dfresh, dparams = carry
        (xs, flags), tape, dys = inputs
        if not keep_tape:
            _, _, tape = _advance_chunk(adjoint, params, fresh, tape, (xs, flags), reverse, unroll)

        def step(carry, inputs):
            dstate_t, dfresh = carry
            dstate_tm1, deltas_t, dfresh_t = retreat_step(adjoint, params, dstate_t, *inputs)
            dfresh = dfresh if dfresh_t is None else pytrees.add(dfresh, dfresh_t)
            return (dstate_tm1, dfresh), (deltas_t, dstate_t if trace else None)

        (dstate, dfresh), (deltas, dstates) = jax.lax.scan(
            step, (dstate, dfresh), (tape, dys, flags), reverse=not reverse, unroll=unroll
        )
        dparams_chunk, dxs = adjoint.collect(params, xs, tape, deltas)
        traced = Trace(dstates, deltas, tape) if trace else None
        return (dstate, dfresh, pytrees.add(dparams, dparams_chunk)), (dxs, traced)

    start = (dfinal_state, pytrees.zeros_like(fresh), pytrees.zeros_like(params))
    pieces = chunks.together(record.inputs, record.tape, dys)
    (dstate, dfresh, dparams), outputs = chunks.scan(run_chunk, start, pieces, reverse=not reverse)
    traced = chunks.merge(chunks.pick(outputs, 1)) if trace else None
    return Gradients(dparams, dstate, dfresh, chunks.merge(chunks.pick(outputs, 0)), traced)


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
    options = {"reverse": reverse, "unroll": unroll, "keep_tape": checkpoint_every is None}

    @jax.custom_vjp
    def run(params, xs, state, fresh, flags):
        final_state, ys, _ = forward(adjoint, params, xs, state, fresh, flags, chunk=checkpoint_every, **options)
        return final_state, ys

    def run_forward(params, xs, state, fresh, flags):
        final_state, ys, record = forward(adjoint, params, xs, state, fresh, flags, chunk=checkpoint_every, **options)
        return (final_state, ys), (params, state, fresh, flags, record)

    def run_backward(residuals, cotangents):
        params, state, fresh, flags, record = residuals
        dfinal_state, dys = cotangents
        dfinal_state = _without_float0(dfinal_state, state)
        gradients = backward(adjoint, params, state, fresh, flags, record, dfinal_state, dys, **options)
        dstate, dfresh = _with_float0(gradients.state, state), _with_float0(gradients.fresh, state)
        return gradients.params, gradients.xs, dstate, dfresh, None

    run.defvjp(run_forward, run_backward)
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


def _advance_chunk(adjoint, params, fresh, state, inputs, reverse, unroll):
    xs, flags = inputs

    def step(state_tm1, inputs):
        state_t, y_t, tape_t = advance_step(adjoint, params, fresh, state_tm1, *inputs)
        return state_t, (y_t, tape_t)

    zs = adjoint.project(params, xs)
    state, (ys, tape) = jax.lax.scan(step, state, (zs, flags), reverse=reverse, unroll=unroll)
    return state, ys, tape


def _chunk_size(adjoint: Adjoint, params: Params, xs: PyTree, num_steps: int) -> int:
    """Steps whose projected inputs fill `CHUNK_BYTES`, evened out so that the last chunk is not a stub."""
    zs = jax.eval_shape(adjoint.project, params, xs)
    total = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(zs))
    count = max(1, -(-total // CHUNK_BYTES))
    return max(1, -(-num_steps // count))


def _size_of(chunked: chunks.Chunked) -> int:
    if chunked.whole is not None:
        return jax.tree.leaves(chunked.whole)[0].shape[1]
    return max(1, jax.tree.leaves(chunked.rest)[0].shape[0])


def _with_float0(cotangents: PyTree, primals: PyTree) -> Any:
    """Gives integer leaves the cotangent type that JAX wants for them."""

    def convert(primal, cotangent):
        return cotangent if pytrees.is_inexact(primal) else np.zeros(jnp.shape(primal), jax.dtypes.float0)

    return jax.tree.map(convert, primals, cotangents)


def _without_float0(cotangents: PyTree, primals: PyTree) -> Any:
    """Gives integer leaves zeros of their own type, which a loop can carry."""
    return jax.tree.map(lambda p, d: d if pytrees.is_inexact(p) else jnp.zeros_like(p), primals, cotangents)
