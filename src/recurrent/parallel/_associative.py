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

    def after(earlier, later):
        (a_1, b_1, start_1), (a_2, b_2, start_2) = earlier, later
        if starts is None:
            return product(a_2, a_1), pytrees.add(product(a_2, b_1), b_2), None
        a_1, b_1 = pytrees.where(start_2, pytrees.zeros_like((a_1, b_1)), (a_1, b_1))
        return product(a_2, a_1), pytrees.add(product(a_2, b_1), b_2), start_1 | start_2

    return jax.lax.associative_scan(after, (a, b, starts), reverse=reverse)[1]


def run_linear(form: LinearForm, params: Params, sequence: Sequence, *, reverse: bool) -> tuple[State, PyTree]:
    """Runs a linear recurrence over a prepared sequence: `(final_state, ys)`.

    A masked step is the map s ↦ s, a reset starts from a_t · fresh + b_t.
    """
    xs, state, fresh, (mask, resets, _) = sequence
    product = form.algebra.product
    first, last = (-1, 0) if reverse else (0, -1)
    a, b = form.coefficients(params, xs)
    if mask is not None:
        a, b = pytrees.where(mask, (a, b), (form.algebra.one(a), pytrees.zeros_like(b)))
    if resets is not None:
        restarted = pytrees.add(product(a, jax.tree.map(lambda leaf: leaf[None], fresh)), b)
        b = pytrees.where(resets, restarted, b)
        state = pytrees.where(resets[first], pytrees.zeros_like(state), state)
    entering = product(jax.tree.map(lambda leaf: leaf[first], a), state)
    b = jax.tree.map(lambda leaf, more: leaf.at[first].add(more), b, entering)
    states = linear_scan(product, a, b, resets, reverse=reverse)
    ys = form.output(params, states, xs)
    if mask is not None:
        ys = pytrees.where(mask, ys, pytrees.zeros_like(ys))
    return jax.tree.map(lambda leaf: leaf[last], states), ys


def shift(s: Array, first: Array, *, reverse: bool = False) -> Array:
    """s_{t-1} for t = 1 ... T, given s_0; s_{t+1} given s_{T+1} in reverse."""
    return jnp.concatenate([s[1:], first[None]] if reverse else [first[None], s[:-1]])
