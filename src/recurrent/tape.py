"""What the forward pass keeps of every step, stored once.

A cell's tape often repeats what is kept anyway: its output h_t, or the state h_{t-1}, which is the output of the step before.
Such leaves are found by tracing one step and read from the outputs, which saves memory and the time to write it. For that,
outputs that are states are kept as states, held where a step is masked; the caller's outputs get their zeros afterwards.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import buffers, pytrees
from recurrent.types import Adjoint, Params, PyTree, State


class Layout(NamedTuple):
    """Where the leaves of a tape are found: ("stored", i), ("output", i) or ("output before", i), i an index of leaves.

    Attributes:
      sources: of every leaf.
      structure: of the tape.
      y_t: shapes of the outputs of a step.
      stored_t: shapes of the leaves that are stored.
      states: for every output leaf, the leaf of the state that it is, or None.
    """

    sources: tuple[tuple[str, int], ...]
    structure: Any
    y_t: PyTree
    stored_t: list[Any]
    states: tuple[int | None, ...]


class Record(NamedTuple):
    """What the forward pass leaves for the backward pass.

    Attributes:
      stored: the leaves of the tape that are not among the outputs, `[T, *batch, ...]`.
      ys: the outputs `[T, *batch, ...]`, see `to_keep`.
      state: before the first step.
      fresh: what resets return to.
      resets: `[T, *batch]`, or None.
    """

    stored: list[Any]
    ys: PyTree
    state: State
    fresh: State
    resets: Array | None


def layout_of(adjoint: Adjoint, params: Params, state: State, xs: PyTree) -> Layout:
    """Traces one step to see which leaves of the tape are outputs."""
    found: dict[str, Any] = {}

    def step(state_tm1, x_t):
        state_t, y_t, tape_t = adjoint.advance(params, state_tm1, adjoint.project(params, x_t))
        before, after, outputs = map(jax.tree.leaves, (state_tm1, state_t, y_t))
        leaves, found["structure"] = jax.tree.flatten(tape_t)
        found["states"] = tuple(_position(leaf, after) for leaf in outputs)
        sources, stored = [], []
        for leaf in leaves:
            output, held = _position(leaf, outputs), _position(leaf, before)
            if output is not None:
                sources.append(("output", output))
            elif held is not None and held in found["states"]:
                sources.append(("output before", found["states"].index(held)))
            else:
                sources.append(("stored", len(stored)))
                stored.append(leaf)
        found["sources"] = tuple(sources)
        return y_t, stored

    y_t, stored_t = jax.eval_shape(step, state, buffers.step_shapes(xs))
    return Layout(found["sources"], found["structure"], y_t, stored_t, found["states"])


def to_store(layout: Layout, tape_t: PyTree) -> list[Any]:
    """The leaves of one step's tape that are not among the outputs."""
    leaves = jax.tree.leaves(tape_t)
    return [leaf for leaf, (kind, _) in zip(leaves, layout.sources, strict=True) if kind == "stored"]


def to_keep(layout: Layout, y_t: PyTree, state_t: State) -> PyTree:
    """The outputs of one step, but states in place of the outputs that are states: they differ where a mask holds the state."""
    after = jax.tree.leaves(state_t)
    leaves, structure = jax.tree.flatten(y_t)
    pairs = zip(leaves, layout.states, strict=True)
    return structure.unflatten(leaf if index is None else after[index] for leaf, index in pairs)


def tape_at(layout: Layout, record: Record, t: buffers.Index, *, reverse: bool) -> PyTree:
    """The tape of step t."""
    ys = jax.tree.leaves(record.ys)
    num_steps = len(ys[0]) if ys else 0
    first, earlier = (num_steps - 1, t + 1) if reverse else (0, t - 1)

    def leaf(kind, i):
        if kind == "stored":
            return buffers.read(record.stored[i], t)
        if kind == "output":
            return buffers.read(ys[i], t)
        before = buffers.read(ys[i], jnp.clip(earlier, 0, num_steps - 1))
        before = jnp.where(t == first, _leaf_of(layout, record.state, i), before)
        return _after_resets(layout, record, i, buffers.read(record.resets, t), before)

    return layout.structure.unflatten(leaf(*source) for source in layout.sources)


def tape_span(layout: Layout, record: Record, start: buffers.Index, size: int, *, reverse: bool) -> PyTree:
    """The tapes of steps start ... start + size - 1."""
    ys = jax.tree.leaves(record.ys)
    edge = tape_at(layout, record, start + size - 1 if reverse else start, reverse=reverse)
    edges = jax.tree.leaves(edge)

    def leaf(position, kind, i):
        if kind == "stored":
            return buffers.read_span(record.stored[i], start, size)
        span = buffers.read_span(ys[i], start, size)
        if kind == "output":
            return span
        edge = edges[position][None]
        before = jnp.concatenate([span[1:], edge] if reverse else [edge, span[:-1]])
        return _after_resets(layout, record, i, buffers.read_span(record.resets, start, size), before)

    return layout.structure.unflatten(leaf(position, *source) for position, source in enumerate(layout.sources))


def _after_resets(layout: Layout, record: Record, output: int, resets: Array | None, before: Array) -> Array:
    """The state that the step saw, for one step or several: the one before, or the fresh one."""
    if resets is None:
        return before
    fresh = jnp.broadcast_to(_leaf_of(layout, record.fresh, output), before.shape)
    return pytrees.where(resets, fresh, before)


def _leaf_of(layout: Layout, state: State, output: int):
    """The leaf of a state that is emitted as an output."""
    index = layout.states[output]
    assert index is not None
    return jax.tree.leaves(state)[index]


def _position(leaf: Any, among: list[Any]) -> int | None:
    return next((i for i, other in enumerate(among) if other is leaf), None)
