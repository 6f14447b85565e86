"""Checkpointing: the state before every segment of steps is kept, and each segment is run again for its backward pass."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import pytrees
from recurrent.bptt import _buffers as buffers
from recurrent.bptt import _engine
from recurrent.bptt._engine import Order, Run, Swept
from recurrent.bptt._phases import Arrays, Phases
from recurrent.sequences import Sequence, plain_scan
from recurrent.types import Cell, Params, PyTree, State


def forward(cell: Cell, params: Params, sequence: Sequence, segment: int, loop: dict[str, Any]) -> tuple[State, PyTree, Arrays]:
    """Runs a cell; returns its final state, its outputs, and the states before the segments."""
    xs, state, fresh, flags = sequence
    num_steps = sequence.num_steps
    shapes = jax.eval_shape(lambda s: plain_scan(cell, params, s, **loop)[1], sequence)
    ys = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    befores = buffers.allocate(jax.tree.leaves(state), -(-num_steps // segment))

    def run_segment(start, size, carry):
        state, ys, befores = carry
        befores = buffers.write(befores, start // segment, jax.tree.leaves(state))
        xs_part, flags_part = buffers.read_span((xs, flags), start, size)
        part = Sequence(xs_part, state, fresh, flags_part)
        state, made = plain_scan(cell, params, part, **loop)
        return state, buffers.write_span(ys, start, made), befores

    return buffers.over_chunks(run_segment, (state, ys, befores), num_steps, segment, reverse=loop["reverse"])


def backward(
    phases: Phases,
    params: Params,
    run: Run,
    befores: Arrays,
    dfinal_state: Arrays,
    dys: Arrays | None,
    order: Order,
    segment: int,
) -> Swept:
    """Runs every segment forward again, and the deltas back through it; see `_engine.backward`."""
    num_steps = run.xs[0].shape[0]

    def run_segment(start, size, carry):
        dstate, dfresh, dparams, dxs = carry
        part = _engine.span(run, start, size)._replace(state=buffers.read(befores, start // segment))
        chunked = order._replace(chunk=min(order.chunk, size))
        _, _, record = _engine.forward(phases, params, part, chunked)
        dys_part = None if dys is None else buffers.read_span(dys, start, size)
        found = _engine.backward(phases, params, part, record, dstate, dys_part, chunked)
        sums = pytrees.add((dfresh, dparams), (found.fresh, found.params))
        return found.state, *sums, buffers.write_span(dxs, start, found.xs)

    p = phases.program
    zeros = [_zeros(v) for v in p.dstate], [_zeros(v) for v in p.dparams], [_zeros(v, num_steps) for v in p.dx]
    carry = buffers.over_chunks(run_segment, (dfinal_state, *zeros), num_steps, segment, reverse=not order.reverse)
    dstate, dfresh, dparams, dxs = carry
    return Swept(dparams, dstate, dfresh, dxs, [], [])


def _zeros(v: Any, *lead: int) -> Array:
    return jnp.zeros((*lead, *v.aval.shape), v.aval.dtype)
