"""What a driver is given, checked and brought into one form, one step with its flags, and the plain loop over a sequence."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int

from recurrent import checks, pytrees
from recurrent.programs import made_once
from recurrent.types import Cell, Layer, Params, PyTree, State, StepFn


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
      xs: inputs `[T, *batch, ...]`, those of masked steps replaced by another of their row.
      state: the state before the first step.
      fresh: the cell's own initial state, which resets return to; equal to `state` where none was given.
      flags: per-step flags.
    """

    xs: PyTree
    state: State
    fresh: State
    flags: Flags

    @property
    def num_steps(self) -> int:
        """T."""
        return jax.tree.leaves(self.xs)[0].shape[0]


def lengths_to_mask(lengths: Int[Array, "*batch"], num_steps: int) -> Bool[Array, "T *batch"]:
    """mask[t] = t < length. Lengths above `num_steps` act as `num_steps`, negative ones as 0.

    >>> import jax.numpy as jnp
    >>> import recurrent
    >>> recurrent.lengths_to_mask(jnp.array([3, 1]), 3).tolist()
    [[True, True], [True, False], [True, False]]
    """
    steps = jnp.arange(num_steps).reshape((num_steps,) + (1,) * jnp.ndim(lengths))
    return steps < jnp.asarray(lengths, steps.dtype)[None]


def mask_of(lengths: Array | None, mask: Array | None, num_steps: int, batch_shape: tuple[int, ...]) -> Array | None:
    """The mask that lengths or a mask stand for, checked; None where neither is given.

    Raises:
      ValueError: both are given, or one of a wrong shape or dtype, or negative lengths (where they are known).
    """
    if lengths is not None and mask is not None:
        raise ValueError("give either lengths or mask, not both: lengths_to_mask(lengths, T) & mask combines them")
    if lengths is not None:
        return lengths_to_mask(checks.lengths(lengths, batch_shape), num_steps)
    return None if mask is None else checks.flags("mask", mask, (num_steps, *batch_shape))


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
      ValueError: something that is not a cell; inputs without a time and a feature axis or of unequal lengths; lengths, mask or
        resets that do not fit; a state that is not the cell's; a cell that breaks its contract: an initial state without the
        batch axes, or a step that does not return `(state, y_t)` or changes the shape or dtype of its state.
    """
    check_is_cell(cell)
    num_steps, batch_shape = _steps_and_batch(xs)
    mask = mask_of(lengths, mask, num_steps, batch_shape)
    if resets is not None:
        resets = checks.flags("resets", resets, (num_steps, *batch_shape))
    if mask is not None:
        xs = without_padding(xs, mask)
    fresh = _initial_state(cell, params, batch_shape)
    state = fresh if state is None else jax.tree.map(jnp.asarray, state)
    checks.same_arrays("the given state", state, fresh, "take it from cell.initial_state or from a previous run's final state")
    if num_steps:
        returned = jax.eval_shape(cell.step, params, state, jax.tree.map(lambda leaf: leaf[0], xs))
        if not isinstance(returned, tuple) or len(returned) != 2:
            found = f"a tuple of {len(returned)}" if isinstance(returned, tuple) else jax.tree.structure(returned)
            raise ValueError(f"a step must return (state, y_t), the order of jax.lax.scan; got {found} from that of {cell}")
        checks.same_arrays("the state after a step", returned[0], state, "a step must keep the shape and dtype of every leaf")
    return Sequence(xs, state, fresh, Flags(mask, resets))


def num_batch_axes(xs: PyTree) -> int:
    """Counts the axes between time and features in `[T, *batch, features]`."""
    return jnp.ndim(jax.tree.leaves(xs)[0]) - 2


def without_padding(xs: PyTree, mask: Array) -> PyTree:
    """Inputs with the first valid input of their row in masked steps.

    NaN in the padding reaches no cell, and a cell that is singular at 0, such as x / |x|, sees nothing that it would not see
    anyway. A row without any valid step gets ones (zeros where inputs are integers).
    """
    if mask.shape[0] == 0:
        return xs
    first, some = jnp.argmax(mask, axis=0, keepdims=True), mask.any(axis=0, keepdims=True)

    def filler(x):
        chosen = jnp.take_along_axis(x, first.reshape(first.shape + (1,) * (x.ndim - first.ndim)), axis=0)
        neutral = jnp.ones_like(chosen) if pytrees.is_inexact(x) else jnp.zeros_like(chosen)
        return jnp.broadcast_to(jax.lax.stop_gradient(pytrees.where(some, chosen, neutral)), x.shape)

    return pytrees.where(mask, xs, jax.tree.map(filler, xs))


def flipped(tree: PyTree, reverse: bool = True) -> PyTree:
    """Leaves `[T, ...]` from the last step to the first, if `reverse`."""
    return jax.tree.map(lambda leaf: leaf[::-1], tree) if reverse else tree


def in_run_order(sequence: Sequence, reverse: bool) -> Sequence:
    """The sequence whose forward run is the run of this one against time, if `reverse`."""
    return sequence._replace(xs=flipped(sequence.xs, reverse), flags=flipped(sequence.flags, reverse))


def flagged_step(
    step: StepFn, params: Params, fresh: State, state_tm1: State, x_t: PyTree, flags_t: Flags
) -> tuple[State, PyTree]:
    """One step with its flags: no gradient beyond cuts, resets, then the step, then the mask."""
    if flags_t.cuts is not None:
        here = flags_t.cuts
        state_tm1 = jax.tree.map(lambda s: jnp.where(here, jax.lax.stop_gradient(s), s), state_tm1)
    if flags_t.resets is not None:
        state_tm1 = pytrees.where(flags_t.resets, fresh, state_tm1)
    state_t, y_t = step(params, state_tm1, x_t)
    if flags_t.mask is not None:
        state_t = pytrees.where(flags_t.mask, state_t, state_tm1)
        y_t = pytrees.where(flags_t.mask, y_t, pytrees.zeros_like(y_t))
    return state_t, y_t


def plain_scan(
    cell: Cell,
    params: Params,
    sequence: Sequence,
    *,
    reverse: bool = False,
    steps_per_iteration: int = 1,
    output: Callable[[State, State, PyTree], PyTree] = lambda state_tm1, state_t, y_t: y_t,
) -> tuple[State, PyTree]:
    """The loop whose body is `cell.step`; differentiating it is left to JAX.

    Args:
      cell: any cell.
      params: its parameters.
      sequence: from `prepare`.
      reverse: run from the last step to the first.
      steps_per_iteration: of the compiled loop.
      output: what to stack of `(state_tm1, state_t, y_t)`, with the states held where masked.
    """
    own_step = step_with_weights(cell.step, params, sequence)

    def step(state_tm1, inputs):
        x_t, flags_t = inputs
        with jax.named_scope(cell.name):
            state_t, y_t = flagged_step(own_step, params, sequence.fresh, state_tm1, x_t, flags_t)
        return state_t, output(state_tm1, state_t, y_t)

    inputs = (sequence.xs, sequence.flags)
    return jax.lax.scan(step, sequence.state, inputs, reverse=reverse, unroll=steps_per_iteration)


def step_with_weights(step: StepFn, params: Params, sequence: Sequence) -> StepFn:
    """The step for these parameters, with the weights that it makes of them, if any, made before the loop."""
    if not sequence.num_steps:
        return step
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), sequence.xs)
    with_weights = made_once(step, params, sequence.state, shapes)
    return lambda params, state, x_t: with_weights(state, x_t)


def check_is_cell(cell: Any) -> None:
    """Raises ValueError for what is not a cell."""
    if isinstance(cell, Layer):
        raise ValueError(f"expected a cell, got the layer {cell}: layer.apply(params, xs) runs it")
    if not isinstance(cell, Cell):
        raise ValueError(f"expected a Cell as the first argument, then params and xs; got a {type(cell).__name__}")


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


def _initial_state(cell: Cell, params: Params, batch_shape: tuple[int, ...]) -> State:
    try:
        inspect.signature(cell.initial_state).bind(params, batch_shape)
    except TypeError as error:
        raise ValueError(f"a cell's initial_state must take (params, batch_shape=()); that of {cell}: {error}") from error
    fresh = jax.tree.map(jnp.asarray, cell.initial_state(params, batch_shape))
    for name, leaf in zip(pytrees.leaf_names(fresh), jax.tree.leaves(fresh), strict=True):
        if jnp.shape(leaf)[: len(batch_shape)] != batch_shape:
            raise ValueError(
                f"the cell's initial_state(params, batch_shape={batch_shape}) must lead with the batch axes in every leaf, "
                f"counters too; {name or 'it'} has shape {jnp.shape(leaf)}"
            )
    return fresh
