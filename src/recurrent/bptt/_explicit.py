"""Gradients by the phases of a step: behind `unroll(..., backprop="explicit")`, and as an object to look at."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.custom_derivatives import CustomVJPPrimal, SymbolicZero

from recurrent import pytrees
from recurrent.bptt import _chunks, _engine, _segments
from recurrent.bptt._by_hand import sweep_by_hand
from recurrent.bptt._engine import Order, Run
from recurrent.bptt._phases import Phases
from recurrent.bptt._reverse_only import reverse_only
from recurrent.sequences import Sequence, num_batch_axes, plain_scan, prepare
from recurrent.types import Adjoint, Cell, Params, PyTree, State


class Trace(NamedTuple):
    """The inside of a backward pass, every leaf `[T, *batch, ...]`.

    Attributes:
      dstates: dL/ds_t through later steps and the final state, without the part through y_t.
      deltas: by name, dL/dv_t of every value v that the step names by `jax.ad_checkpoint.checkpoint_name`, such as the LSTM's
        gates "i", "f", "g", "o"; 0 in masked steps. In a `stack`, the names of cell 1 are "1/i" and so on.
    """

    dstates: State
    deltas: Any


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
    adjoint: Adjoint | None = None,
) -> Gradients:
    """Runs a cell forward and the deltas of its steps backward, from given output gradients.

    Args:
      cell: any cell.
      params: its parameters.
      xs: inputs `[T, *batch, ...]`.
      dys: dL/dy_t for every output, `[T, *batch, ...]`.
      state: the state before the first step; the cell's initial state by default.
      dfinal_state: dL/d(final state); 0 by default.
      lengths, mask, resets, reverse: as for `unroll`.
      trace: also return dL/ds_t and the deltas of named values for every step.
      adjoint: a backward pass written by hand, such as `lstm_adjoint()`, to be run in the place of the derived one; its
        deltas are the trace's.

    Raises:
      ValueError: as `unroll`, or gradients whose shapes are not those of the outputs or the final state.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import recurrent
    >>> cell = recurrent.lstm(3, 8)
    >>> params, xs, dys = cell.init(jax.random.key(0)), jnp.ones((5, 2, 3)), jnp.ones((5, 2, 8))
    >>> gradients = recurrent.backpropagate(cell, params, xs, dys, trace=True)
    >>> gradients.params.recurrent_kernel.shape, gradients.trace.deltas["f"].shape
    ((8, 32), (5, 2, 8))

    Reference: Werbos (1990), Backpropagation through time: what it does and how to do it.
    """
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    shapes = jax.eval_shape(functools.partial(plain_scan, cell, params, reverse=reverse), sequence)
    dfinal_state = pytrees.zeros_like(shapes[0]) if dfinal_state is None else dfinal_state
    _check("dfinal_state", dfinal_state, shapes[0])
    _check("dys", dys, shapes[1])
    if adjoint is not None:
        by_hand = sweep_by_hand(adjoint, params, sequence, dys, dfinal_state, reverse=reverse)
        dparams, dstate, dfresh, dxs, dstates, deltas = by_hand
        return Gradients(dparams, dstate, dfresh, dxs, Trace(dstates, deltas) if trace else None)
    phases = phases_of(cell, params, sequence, named=trace)
    run = run_of(sequence)
    order = Order(_chunks.chunk_size(phases, sequence.num_steps), reverse)
    _, _, record = _engine.forward(phases, params, run, order)
    cotangents = inexact_cotangents(dfinal_state, shapes[0]), inexact_cotangents(dys, shapes[1])
    found = _engine.backward(phases, params, run, record, *cotangents, order, trace=trace)
    dstate, dfresh = filled(found.state, sequence.state), filled(found.fresh, sequence.state)
    traced = None
    if trace:
        steps = jax.tree.map(lambda s: jax.ShapeDtypeStruct((len(run.xs[0]), *s.shape), s.dtype), sequence.state)
        deltas = dict(zip(phases.program.names, found.named, strict=True))
        traced = Trace(filled(found.dstates, steps), deltas)
    return Gradients(filled(found.params, params), dstate, dfresh, filled(found.xs, sequence.xs), traced)


def explicit_scan(
    cell: Cell,
    params: Params,
    sequence: Sequence,
    *,
    reverse: bool,
    steps_per_iteration: int,
    checkpoint_every: int | None,
) -> tuple[State, PyTree]:
    """Runs a cell over a sequence so that its gradient is that of its phases: `(final_state, ys)`."""
    phases, loop = phases_of(cell, params, sequence), {"reverse": reverse, "steps_per_iteration": steps_per_iteration}
    segment = checkpoint_every or sequence.num_steps
    order = Order(_chunks.chunk_size(phases, segment), **loop)

    @jax.custom_vjp
    def run(params, xs, state, fresh, flags):  # no gradient is wanted: the plain loop is the fastest
        return plain_scan(cell, params, Sequence(xs, state, fresh, flags), **loop)

    def run_forward(*perturbed):
        params, *given = jax.tree.map(lambda leaf: leaf.value, perturbed, is_leaf=_is_perturbed)
        given = Sequence(*given)
        with jax.named_scope(cell.name):
            if checkpoint_every is not None:
                final_state, ys, kept = _segments.forward(cell, params, given, segment, loop)
            else:
                leaves, ys, kept = _engine.forward(phases, params, run_of(given), order)
                final_state, ys = jax.tree.unflatten(jax.tree.structure(given.state), leaves), phases.y_structure.unflatten(ys)
        return (final_state, ys), (params, given, kept)

    def run_backward(residuals, cotangents):
        params, given, kept = residuals
        dfinal_state, dys = (jax.tree.leaves(tree, is_leaf=_is_symbolic_zero) for tree in cotangents)
        dys = None if all(map(_is_symbolic_zero, dys)) else _dense(dys)
        arguments = (phases, params, run_of(given), kept, _dense(dfinal_state), dys, order)
        with jax.named_scope(cell.name):
            found = _engine.backward(*arguments) if checkpoint_every is None else _segments.backward(*arguments, segment)
        pairs = ((found.params, params), (found.xs, given.xs), (found.state, given.state), (found.fresh, given.fresh))
        return *(filled(gradients, tree, float0=True) for gradients, tree in pairs), None

    # a loss of the final state alone has no dys: [T, ...] zeros that need not be made
    run.defvjp(run_forward, run_backward, symbolic_zeros=True)
    return run(*reverse_only((params, *sequence)))


def phases_of(cell: Cell, params: Params, sequence: Sequence, *, named: bool = False) -> Phases:
    """Derives the phases of a cell for the shapes of a sequence."""
    x_t = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), sequence.xs)
    masked = sequence.flags.mask is not None
    return Phases(cell.step, params, sequence.state, x_t, num_batch_axes(sequence.xs), masked=masked, named=named)


def run_of(sequence: Sequence) -> Run:
    """The flattened arguments of a run."""
    xs, state, fresh = map(jax.tree.leaves, sequence[:3])
    return Run(xs, state, fresh, sequence.flags)


def inexact(tree: PyTree) -> list[Array]:
    """The leaves that carry gradients."""
    return [jnp.asarray(leaf) for leaf in jax.tree.leaves(tree) if pytrees.is_inexact(leaf)]


def inexact_cotangents(cotangents: PyTree, primals: PyTree) -> list[Array]:
    """The cotangents of the leaves that carry gradients."""
    pairs = zip(jax.tree.leaves(cotangents), jax.tree.leaves(primals), strict=True)
    return [d for d, p in pairs if pytrees.is_inexact(p)]


def _check(name: str, gradients: PyTree, values: PyTree) -> None:
    found, expected = (jax.tree.map(jnp.shape, tree) for tree in (gradients, values))
    if jax.tree.structure(gradients) != jax.tree.structure(values) or found != expected:
        raise ValueError(f"backpropagate: {name} must have the shapes {expected}; got {found}")


def filled(gradients: list[Array], tree: PyTree, *, float0: bool = False) -> PyTree:
    """Gradients of the inexact leaves as a tree, with zeros for the other leaves: of their type, or of the one JAX wants."""
    remaining = iter(gradients)

    def fill(leaf):
        if pytrees.is_inexact(leaf):
            return next(remaining)
        return np.zeros(leaf.shape, jax.dtypes.float0) if float0 else jnp.zeros(leaf.shape, leaf.dtype)

    return jax.tree.map(fill, tree)


def _is_perturbed(node: Any) -> bool:
    return isinstance(node, CustomVJPPrimal)


def _is_symbolic_zero(node: Any) -> bool:
    return isinstance(node, SymbolicZero)


def _dense(cotangents: list[Any]) -> list[Array]:
    """Zeros in place of symbolic zeros, without those of integers."""
    shaped = [(d.aval, d) if _is_symbolic_zero(d) else (jax.typeof(d), d) for d in cotangents]
    real = [(aval, d) for aval, d in shaped if aval.dtype != jax.dtypes.float0]
    return [jnp.zeros(aval.shape, aval.dtype) if _is_symbolic_zero(d) else d for aval, d in real]
