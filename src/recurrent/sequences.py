"""What a driver is given, checked and brought into one form: states, lengths, masks, resets."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jaxtyping import Bool, Int

from recurrent import pytrees
from recurrent.types import Cell, Params, PyTree, State


class Flags(NamedTuple):
    """What happens at each step besides the step itself; None where nothing does.

    Attributes:
      mask: `[T, *batch]`, False holds the state and outputs 0.
      resets: `[T, *batch]`, True replaces the state before the step by the initial state.
      cuts: `[T]`, True lets no gradient pass from the state before the step into the past.
    """

    mask: Array | None = None
    resets: Array | None = None
    cuts: Array | None = None


class Sequence(NamedTuple):
    """The checked arguments of a driver.

    Attributes:
      xs: inputs `[T, *batch, ...]`, those of masked steps replaced by others of their row.
      state: the state before the first step.
      fresh: the cell's own initial state, which resets return to; equal to `state` where none was given.
      flags: per-step flags.
    """

    xs: PyTree
    state: State
    fresh: State
    flags: Flags


def lengths_to_mask(lengths: Int[Array, "*batch"], num_steps: int) -> Bool[Array, "T *batch"]:
    """mask[t] = t < length. Lengths above `num_steps` act as `num_steps`, negative ones as 0."""
    steps = jnp.arange(num_steps).reshape((num_steps,) + (1,) * jnp.ndim(lengths))
    return steps < jnp.asarray(lengths, steps.dtype)[None]


def prepare(
    cell: Cell,
    params: Params,
    xs: PyTree,
    state: State | None = None,
    *,
    lengths: Array | None = None,
    mask: Array | None = None,
    resets: Array | None = None,
) -> Sequence:
    """Checks the arguments of a driver, and fills in what was left out.

    Raises:
      ValueError: inputs without a time and a feature axis or of unequal lengths; lengths, mask or resets of a wrong shape
        or dtype, negative lengths (where they are known), lengths together with a mask; a state that does not fit the
        cell; a cell whose step changes the shape or dtype of its state.
    """
    num_steps, batch_shape = _steps_and_batch(xs)
    if lengths is not None and mask is not None:
        raise ValueError("give either lengths or mask, not both: lengths_to_mask(lengths, T) & mask combines them")
    if lengths is not None:
        mask = lengths_to_mask(_check_lengths(lengths, batch_shape), num_steps)
    elif mask is not None:
        mask = _check_flags("mask", mask, (num_steps, *batch_shape))
    if resets is not None:
        resets = _check_flags("resets", resets, (num_steps, *batch_shape))
    if mask is not None:
        xs = _without_padding(xs, mask)
    fresh = cell.initial_state(params, batch_shape)
    state = fresh if state is None else jax.tree.map(jnp.asarray, state)
    _check_same_state("the given state", state, fresh, "take it from cell.initial_state or from a previous run's final state")
    if num_steps:
        after, _ = jax.eval_shape(cell.step, params, state, jax.tree.map(lambda leaf: leaf[0], xs))
        _check_same_state("the state after a step", after, state, "a step must keep the shape and dtype of every leaf")
    return Sequence(xs, state, fresh, Flags(mask, resets))


def in_run_order(sequence: Sequence, reverse: bool) -> Sequence:
    """The sequence whose forward run is the run of this one against time, if `reverse`."""
    return sequence._replace(**dict(zip(("xs", "flags"), flipped((sequence.xs, sequence.flags), reverse), strict=True)))


def flipped(tree: PyTree, reverse: bool) -> PyTree:
    """Leaves `[T, ...]` from the last step to the first, if `reverse`."""
    return jax.tree.map(lambda leaf: leaf[::-1], tree) if reverse else tree


def num_batch_axes(xs: PyTree) -> int:
    """Counts the axes between time and features in `[T, *batch, features]`."""
    return jnp.ndim(jax.tree.leaves(xs)[0]) - 2


def _without_padding(xs: PyTree, mask: Array) -> PyTree:
    """Inputs with another input of their row in masked steps: the last valid one before, or else the first one.

    NaN in the padding reaches no cell, and a cell that is singular at 0, such as x / |x|, sees nothing that it would not see
    anyway. A row without any valid step gets ones (zeros where inputs are integers).
    """
    if mask.shape[0] == 0:
        return xs
    steps = jnp.arange(mask.shape[0]).reshape(-1, *[1] * (mask.ndim - 1))
    earlier = jax.lax.cummax(jnp.where(mask, steps, jnp.full_like(steps, -1)))
    index = jnp.where(earlier >= 0, earlier, jnp.argmax(mask, axis=0, keepdims=True).astype(steps.dtype))
    valid = jnp.broadcast_to(mask.any(axis=0, keepdims=True), mask.shape)

    def leaf(x):
        rows = index.reshape(index.shape + (1,) * (x.ndim - index.ndim))
        neutral = jnp.ones_like(x) if pytrees.is_inexact(x) else jnp.zeros_like(x)
        return jax.lax.stop_gradient(pytrees.where(valid, jnp.take_along_axis(x, rows, axis=0), neutral))

    return pytrees.where(mask, xs, jax.tree.map(leaf, xs))


def _steps_and_batch(xs: PyTree) -> tuple[int, tuple[int, ...]]:
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(xs)]
    if not shapes:
        raise ValueError("xs has no arrays; expected leaves of shape [T, *batch, features]")
    if len(shapes[0]) < 2:
        raise ValueError(f"xs must have shape [T, *batch, features]; got {shapes[0]} (add a feature axis: xs[..., None])")
    num_steps, *batch_shape = shapes[0][:-1]
    for shape in shapes[1:]:
        if shape[: 1 + len(batch_shape)] != shapes[0][:-1]:
            raise ValueError(f"all leaves of xs must lead with [T, *batch] = {shapes[0][:-1]}; got a leaf of shape {shape}")
    return num_steps, tuple(batch_shape)


def _check_lengths(lengths: Any, batch_shape: tuple[int, ...]) -> Array:
    dtype, shape = jnp.result_type(lengths), jnp.shape(lengths)
    if not jnp.issubdtype(dtype, jnp.integer):
        raise ValueError(f"lengths must be integers; got dtype {dtype} (boolean masks go to mask=)")
    if shape != batch_shape:
        raise ValueError(f"lengths must have the batch shape {batch_shape} of xs [T, *batch, features]; got {shape}")
    if not isinstance(lengths, Tracer) and np.any(np.asarray(lengths) < 0):
        raise ValueError(f"lengths cannot be negative; got a minimum of {np.min(np.asarray(lengths))}")
    return jnp.asarray(lengths)


def _check_flags(name: str, flags: Any, expected: tuple[int, ...]) -> Array:
    dtype, shape = jnp.result_type(flags), jnp.shape(flags)
    if dtype != jnp.bool_:
        raise ValueError(f"{name} must be boolean; got dtype {dtype} (convert with {name}.astype(bool))")
    if shape != expected:
        raise ValueError(f"{name} must have shape [T, *batch] = {expected}; got {shape}")
    return jnp.asarray(flags)


def _check_same_state(what: str, found: State, expected: State, remedy: str) -> None:
    if jax.tree.structure(found) != jax.tree.structure(expected):
        raise ValueError(
            f"{what} has the structure {jax.tree.structure(found)}, expected {jax.tree.structure(expected)}; {remedy}"
        )
    for name, a, b in zip(pytrees.leaf_names(expected), jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        if a.shape != b.shape or a.dtype != b.dtype:
            raise ValueError(
                f"{what}: leaf {name} has shape {a.shape} and dtype {a.dtype}, expected {b.shape} and {b.dtype}; {remedy}"
            )
