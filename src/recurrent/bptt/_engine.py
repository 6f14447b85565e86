"""Runs the phases of a recurrence over a sequence, forward and backward.

The sequence is taken in chunks of time: large enough for the products over their rows to be efficient, small enough for the
operands to stay in cache. The states of all steps are kept once, and serve as outputs, too, where a cell emits its state.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from recurrent import pytrees
from recurrent.bptt import _buffers as buffers
from recurrent.bptt._phases import Arrays, Known, Phases
from recurrent.programs import is_literal
from recurrent.sequences import Flags
from recurrent.types import Params


class Run(NamedTuple):
    """The flattened arguments of a run: see `recurrent.sequences.Sequence`."""

    xs: Arrays
    state: Arrays
    fresh: Arrays
    flags: Flags


class Record(NamedTuple):
    """What the forward pass leaves for the backward pass.

    Attributes:
      states: after every step, held where masked, for the leaves that are read; `[T, *batch, ...]`, or None.
      kept: what the phases keep of every step: early, in the loop, and late.
    """

    states: list[Array | None]
    kept: tuple[Arrays, Arrays, Arrays]


class Swept(NamedTuple):
    """The results of a backward pass; see `Gradients`."""

    params: Arrays
    state: Arrays
    fresh: Arrays
    xs: Arrays
    dstates: Arrays
    named: Arrays


class Order(NamedTuple):
    """How a sequence is gone through.

    Attributes:
      chunk: steps whose inputs are projected at a time.
      reverse: run from the last step to the first.
      steps_per_iteration: of the compiled loop.
    """

    chunk: int
    reverse: bool = False
    steps_per_iteration: int = 1


def forward(phases: Phases, params: Params, run: Run, order: Order) -> tuple[Arrays, Arrays, Record]:
    """Runs a cell over a sequence; returns the final state, the outputs, and what the backward pass needs."""
    num_steps = run.xs[0].shape[0]
    weights = phases.weights(params)
    states_out = _outputs_that_are_states(phases)
    made = [index for index in range(len(phases.program.y_t)) if index not in states_out]
    ys = [_empty(phases.program.y_t[index], num_steps) for index in made]

    def run_chunk(start, size, carry):
        state, ys, record = carry
        part = span(run, start, size)
        state, record, outputs = _forward_chunk(phases, weights, part, state, record, start, size, order)
        return state, buffers.write_span(ys, start, [outputs[index] for index in made]), record

    carry = (run.state, ys, _empty_record(phases, num_steps))
    state, ys, record = buffers.over_chunks(run_chunk, carry, num_steps, order.chunk, reverse=order.reverse)
    outputs = dict(zip(made, ys, strict=True)) | {index: record.states[leaf] for index, leaf in states_out.items()}
    return state, masked(run.flags.mask, [outputs[index] for index in range(len(outputs))]), record


def _forward_chunk(phases: Phases, weights: Known, part: Run, state, record: Record, start, size: int, order: Order):
    """Runs one chunk, and writes its record from `start` on."""
    s = phases.split
    early, kept_early = phases.project(weights, part.xs)
    extra = [_empty(v, size) for v in s.extra]

    def step(j, carry):
        state_tm1, states, kept, extra = carry
        j = size - 1 - j if order.reverse else j
        early_t, flags_t = buffers.read((early, part.flags), j)
        if flags_t.resets is not None:
            state_tm1 = pytrees.where(flags_t.resets, part.fresh, state_tm1)
        state_t, kept_t, extra_t = phases.advance(weights, state_tm1, early_t)
        if flags_t.mask is not None:
            state_t = pytrees.where(flags_t.mask, state_t, state_tm1)
        states = [b if b is None else buffers.write(b, start + j, leaf) for b, leaf in zip(states, state_t, strict=True)]
        return state_t, states, buffers.write(kept, start + j, kept_t), buffers.write(extra, j, extra_t)

    early_kept, loop_kept, late_kept = record.kept
    early_kept = buffers.write_span(early_kept, start, kept_early)
    carry = (state, record.states, loop_kept, extra)
    after, states, loop_kept, extra = lax.fori_loop(0, size, step, carry, unroll=order.steps_per_iteration)
    steps = steps_of(phases, part, Record(states, (early_kept, loop_kept, late_kept)), start, size, state, order.reverse)
    ys, kept_late = phases.emit(weights, steps, extra, size)
    return after, Record(states, (early_kept, loop_kept, buffers.write_span(late_kept, start, kept_late))), ys


def backward(
    phases: Phases,
    params: Params,
    run: Run,
    record: Record,
    dfinal_state: Arrays,
    dys: Arrays | None,
    order: Order,
    *,
    trace: bool = False,
) -> Swept:
    """Runs the deltas back through a recorded sequence; gradients are of inexact leaves only.

    Args:
      phases: of the cell.
      params: of the cell.
      run: the sequence.
      record: from `forward`.
      dfinal_state: dL/d(final state).
      dys: dL/dy_t, or None if no output matters.
      order: as for `forward`.
      trace: also return dL/ds_t and the deltas of named values, for every step.
    """
    num_steps, reverse = run.xs[0].shape[0], order.reverse
    p, weights = phases.program, phases.weights(params)
    for_loop, as_weights = _stored_for_loop(weights, phases.batch_shape)

    def run_chunk(start, size, carry):
        dstate, dfresh, dparams, dxs, traced = carry
        part, before = span(run, start, size), _state_before(run, record, start, size, reverse)
        steps = steps_of(phases, part, record, start, size, before, reverse)
        dleaving, dlate = [_empty(v, size) for v in phases.split.leaving], [_empty(v, size) for v in phases.split.entering_late]
        if dys is not None:
            dys_chunk = masked(part.flags.mask, buffers.read_span(dys, start, size))
            dleaving, dlate = phases.absorb(weights, steps, dys_chunk)

        def step(carry, j):
            dstate_t, dfresh = carry
            known = _step(phases, part, record, start, j, before, reverse, size)
            dleaving_t, flags_t = buffers.read((dleaving, part.flags), j)
            dstate_tm1, deltas_t, dfresh_t = retreat_step(phases, as_weights(for_loop), known, dstate_t, dleaving_t, flags_t)
            dfresh = dfresh if dfresh_t is None else pytrees.add(dfresh, dfresh_t)
            return (dstate_tm1, dfresh), (deltas_t, dstate_t if trace else None)

        options = {"reverse": not reverse, "unroll": order.steps_per_iteration}
        (dstate, dfresh), (deltas, dstates) = lax.scan(step, (dstate, dfresh), jnp.arange(size), **options)
        dparams_chunk, dxs_chunk, named = phases.collect(weights, steps, deltas, dlate)
        traced = buffers.write_span(traced, start, (dstates, named)) if trace else None
        return dstate, dfresh, pytrees.add(dparams, dparams_chunk), buffers.write_span(dxs, start, dxs_chunk), traced

    zeros = [jnp.zeros(v.aval.shape, v.aval.dtype) for v in [*p.dparams, *p.dstate]]
    traced = [_empty(v, num_steps) for v in p.dstate], [_empty(v, num_steps) for v in p.dnames]
    carry = (dfinal_state, zeros[len(p.dparams) :], zeros[: len(p.dparams)], [_empty(v, num_steps) for v in p.dx], traced)
    carry = (*carry[:4], traced if trace else None)
    dstate, dfresh, dparams, dxs, traced = buffers.over_chunks(run_chunk, carry, num_steps, order.chunk, reverse=not reverse)
    return Swept(dparams, dstate, dfresh, dxs, *(traced or ([], [])))


def retreat_step(phases: Phases, weights: Known, known: Known, dstate_t: Arrays, dleaving_t: Arrays, flags_t: Flags):
    """One step back with its flags: returns dstate_{t-1}, the deltas, and the gradient to the fresh state (or None)."""
    dstate, dfresh_t = dstate_t, None
    if flags_t.mask is not None:
        dstate = pytrees.where(flags_t.mask, dstate_t, pytrees.zeros_like(dstate_t))
    dstate_tm1, deltas_t = phases.retreat(weights, known, dstate, dleaving_t)
    if flags_t.mask is not None:
        passed = pytrees.add(dstate_t, dstate_tm1) if phases.mixes_rows else dstate_t
        dstate_tm1 = pytrees.where(flags_t.mask, dstate_tm1, passed)
    if flags_t.resets is not None:
        zeros = pytrees.zeros_like(dstate_tm1)
        dfresh_t = pytrees.where(flags_t.resets, dstate_tm1, zeros)
        dstate_tm1 = pytrees.where(flags_t.resets, zeros, dstate_tm1)
    if flags_t.cuts is not None:
        dstate_tm1 = pytrees.where(flags_t.cuts, pytrees.zeros_like(dstate_tm1), dstate_tm1)
    return dstate_tm1, deltas_t, dfresh_t


def steps_of(phases: Phases, part: Run, record: Record, start, size: int, before: list, reverse: bool) -> Known:
    """What the phases read of several steps, from the state before the first of them in the direction of the run."""
    p, known = phases.program, {}
    after = [leaf if leaf is None else buffers.read_span(leaf, start, size) for leaf in record.states]
    known |= {v: leaf for v, leaf in zip(p.state_t, after, strict=True) if v in phases.reads and leaf is not None}
    for v, edge, leaf, fresh in zip(p.state, before, after, part.fresh, strict=True):
        if v in phases.reads and leaf is not None:
            shifted = jnp.concatenate([leaf[1:], edge[None]] if reverse else [edge[None], leaf[:-1]])[:size]
            known[v] = _after_resets(part.flags.resets, fresh, shifted)
    known |= dict(zip(p.x, part.xs, strict=True))
    return known | {v: buffers.read_span(leaf, start, size) for v, leaf in _kept(phases, record)}


def _step(phases: Phases, part: Run, record: Record, start, j, before: list, reverse: bool, size: int) -> Known:
    """What the loop back reads of one step, number j of a chunk."""
    p, reads, known = phases.program, phases.loop_reads, {}
    for v, leaf in zip(p.state_t, record.states, strict=True):
        if not is_literal(v) and v in reads:
            known[v] = buffers.read(leaf, start + j)
    first, earlier = (size - 1, j + 1) if reverse else (0, j - 1)
    for v, edge, leaf, fresh in zip(p.state, before, record.states, part.fresh, strict=True):
        if v in reads:
            inside = buffers.read(leaf, start + jnp.clip(earlier, 0, size - 1))
            known[v] = _after_resets(buffers.read(part.flags.resets, j), fresh, jnp.where(j == first, edge, inside))
    known |= {v: buffers.read(leaf, j) for v, leaf in zip(p.x, part.xs, strict=True) if v in reads}
    return known | {v: buffers.read(leaf, start + j) for v, leaf in _kept(phases, record) if v in reads}


def _state_before(run: Run, record: Record, start, size: int, reverse: bool) -> list:
    """The state before a chunk, for the leaves that are recorded."""
    num_steps = run.xs[0].shape[0]
    index, outside = (start + size, start + size == num_steps) if reverse else (start - 1, start == 0)
    index = jnp.clip(index, 0, num_steps - 1)
    pairs = zip(run.state, record.states, strict=True)
    return [leaf if kept is None else jnp.where(outside, leaf, buffers.read(kept, index)) for leaf, kept in pairs]


def _after_resets(resets: Array | None, fresh: Array, before: Array) -> Array:
    """The state that the step saw, for one step or several: the one before, or the fresh one."""
    return before if resets is None else pytrees.where(resets, jnp.broadcast_to(fresh, before.shape), before)


def _outputs_that_are_states(phases: Phases) -> dict[int, int]:
    """Which outputs are leaves of the state, and so are recorded as such."""
    p = phases.program
    return {i: p.state_t.index(v) for i, v in enumerate(p.y_t) if not is_literal(v) and any(v is s for s in p.state_t)}


def _empty_record(phases: Phases, num_steps: int) -> Record:
    p, outputs = phases.program, set(_outputs_that_are_states(phases).values())
    states = [
        _empty(before, num_steps) if index in outputs or {before, after} & phases.reads else None
        for index, (before, after) in enumerate(zip(p.state, p.state_t, strict=True))
    ]
    s = phases.split
    early, loop, late = ([_empty(v, num_steps) for v in kept] for kept in (s.kept_early, s.kept_loop, s.kept_late))
    return Record(states, (early, loop, late))


def _kept(phases: Phases, record: Record) -> list[tuple[Any, Array]]:
    return list(zip(phases.split.kept, [leaf for part in record.kept for leaf in part], strict=True))


def _empty(v: Any, num_steps: int) -> Array:
    return jnp.zeros((num_steps, *v.aval.shape), v.aval.dtype)


def span(run: Run, start, size: int) -> Run:
    """Some steps of a sequence."""
    xs, flags = buffers.read_span((run.xs, run.flags), start, size)
    return run._replace(xs=xs, flags=flags)


def masked(mask: Array | None, values: Arrays) -> Arrays:
    """The values, and 0 where masked."""
    return values if mask is None else pytrees.where(mask, values, pytrees.zeros_like(values))


def _stored_for_loop(weights: Known, batch_shape: tuple[int, ...]) -> tuple[Known, Callable[[Known], Known]]:
    """The weights as the loop back keeps them, and how it reads them.

    Matrices are stored transposed, out of the compiler's sight: a product with W' then reads rows, in every step of the loop.
    To transpose them back in it costs nothing, for the compiler folds that into the product. A single row is multiplied by
    another program of XLA's, which reads W' itself about three times as fast.
    """
    if batch_shape in ((), (1,)):
        return weights, lambda stored: stored
    stored = _transposed(weights)
    hidden = lax.optimization_barrier(list(stored.values()))
    return dict(zip(stored, hidden, strict=True)), _transposed


def _transposed(weights: Known) -> Known:
    return {v: leaf.T if leaf.ndim == 2 else leaf for v, leaf in weights.items()}
