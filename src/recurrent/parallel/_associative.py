"""Linear recurrences as associative scans: all T states in O(log T) dependent operations.

Two steps in a row are one step of the same kind: (a₂, b₂) ∘ (a₁, b₁) = (a₂·a₁, a₂·b₁ + b₂). About twice the work of the
loop, in logarithmically few rounds.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import pytrees
from recurrent.sequences import Sequence
from recurrent.types import LinearForm, Params, PyTree, State


def linear_scan(
    product: Callable[[PyTree, PyTree], PyTree], a: PyTree, b: PyTree, starts: Array | None = None, *, reverse: bool = False
) -> PyTree:
    """s_t = a_t · s_{t-1} + b_t for t = 1 ... T from s_0 = 0, in parallel.

    Args:
      product: `(a, s) -> a · s`, associative; `jnp.multiply` for diagonal, `jnp.matmul` for dense a (with columns b).
      a: leaves `[T, ...]`.
      b: leaves `[T, ...]`.
      starts: booleans `[T, *batch]`, True where s_t = b_t: nothing of the past is read, not even NaN.
      reverse: s_t = a_t · s_{t+1} + b_t instead.
    """
    return running_maps(product, a, b, starts, reverse=reverse)[1]


def running_maps(
    product: Callable[[PyTree, PyTree], PyTree], a: PyTree, b: PyTree, starts: Array | None = None, *, reverse: bool = False
) -> tuple[PyTree, PyTree, Array | None]:
    """The maps of all steps up to each one: A_t and B_t with s_t = A_t · s_0 + B_t, and whether that reads no s_0."""

    def after(earlier, later):
        (a_1, b_1, start_1), (a_2, b_2, start_2) = earlier, later
        if starts is None:
            return product(a_2, a_1), pytrees.add(product(a_2, b_1), b_2), None
        a_1, b_1 = pytrees.where(start_2, pytrees.zeros_like((a_1, b_1)), (a_1, b_1))
        return product(a_2, a_1), pytrees.add(product(a_2, b_1), b_2), start_1 | start_2

    return jax.lax.associative_scan(after, (a, b, starts), reverse=reverse)


def run_linear(form: LinearForm, params: Params, sequence: Sequence, *, reverse: bool) -> tuple[State, PyTree]:
    """Runs a linear recurrence over a prepared sequence: `(final_state, ys)`."""
    a, b = maps_of_steps(form, params, sequence)
    states = states_from(form.algebra.product, a, b, sequence.flags.resets, sequence.state, reverse=reverse)
    return jax.tree.map(lambda leaf: leaf[0 if reverse else -1], states), outputs(form, params, sequence, states)


def maps_of_steps(form: LinearForm, params: Params, sequence: Sequence) -> tuple[PyTree, PyTree]:
    """a_t and b_t of every step: a masked one is the map s ↦ s, a reset starts from a_t · fresh + b_t."""
    xs, _, fresh, (mask, resets, _) = sequence
    a, b = form.coefficients(params, xs)
    if mask is not None:
        a, b = pytrees.where(mask, (a, b), (form.algebra.one(a), pytrees.zeros_like(b)))
    if resets is not None:
        restarted = pytrees.add(form.algebra.product(a, jax.tree.map(lambda leaf: leaf[None], fresh)), b)
        b = pytrees.where(resets, restarted, b)
    return a, b


def states_from(
    product: Callable[[PyTree, PyTree], PyTree], a: PyTree, b: PyTree, starts: Array | None, state: State, *, reverse: bool
) -> State:
    """`linear_scan` from a given state."""
    first = -1 if reverse else 0
    if starts is not None:
        state = pytrees.where(starts[first], pytrees.zeros_like(state), state)
    entering = product(jax.tree.map(lambda leaf: leaf[first], a), state)
    b = jax.tree.map(lambda leaf, more: leaf.at[first].add(more), b, entering)
    return linear_scan(product, a, b, starts, reverse=reverse)


def outputs(form: LinearForm, params: Params, sequence: Sequence, states: State) -> PyTree:
    """ys from the states after the steps, 0 where masked."""
    ys, mask = form.output(params, states, sequence.xs), sequence.flags.mask
    return ys if mask is None else pytrees.where(mask, ys, pytrees.zeros_like(ys))


def shift(s: Array, first: Array, *, reverse: bool = False) -> Array:
    """s_{t-1} for t = 1 ... T, given s_0; s_{t+1} given s_{T+1} in reverse."""
    return jnp.concatenate([s[1:], first[None]] if reverse else [first[None], s[:-1]])
