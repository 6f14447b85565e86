"""Arrays over time, `[T, ...]`, that a loop reads and writes in place, one step or one chunk of steps at a time.

Compared with stacking the outputs of nested scans, nothing is copied from chunks into sequences and back: on a CPU that copying
takes about as long as everything elementwise in a cell.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from recurrent.types import PyTree

Index = int | Array


def allocate(steps: PyTree, num_steps: int) -> PyTree:
    """Makes leaves `[T, ...]` of zeros for steps of the given shapes and dtypes."""
    return jax.tree.map(lambda step: jnp.zeros((num_steps, *step.shape), step.dtype), steps)


def read(tree: PyTree, t: Index) -> PyTree:
    """Step t of every leaf; zeros where there are no steps, for loops that are traced and never run."""

    def of_leaf(leaf):
        if leaf.shape[0] == 0:
            return jnp.zeros(leaf.shape[1:], leaf.dtype)
        return lax.dynamic_index_in_dim(leaf, t, 0, keepdims=False)

    return jax.tree.map(of_leaf, tree)


def write(tree: PyTree, t: Index, step: PyTree) -> PyTree:
    """Every leaf with its step t replaced."""
    return jax.tree.map(lambda leaf, value: lax.dynamic_update_index_in_dim(leaf, value, t, 0), tree, step)


def read_span(tree: PyTree, start: Index, size: int) -> PyTree:
    """Steps start ... start + size - 1 of every leaf."""
    return jax.tree.map(lambda leaf: lax.dynamic_slice_in_dim(leaf, start, size, 0), tree)


def write_span(tree: PyTree, start: Index, steps: PyTree) -> PyTree:
    """Every leaf with the steps from `start` on replaced."""
    return jax.tree.map(lambda leaf, value: lax.dynamic_update_slice_in_dim(leaf, value, start, 0), tree, steps)


def over_chunks(body: Callable[[Index, int, Any], Any], carry: Any, num_steps: int, size: int, *, reverse: bool = False) -> Any:
    """Runs `body(start, size, carry) -> carry` over chunks of `size` steps and a shorter rest at the end of the sequence.

    Args:
      body: takes the first step of its chunk and the number of its steps.
      carry: handed from chunk to chunk.
      num_steps: of the sequence.
      size: of the chunks.
      reverse: from the last chunk to the first.
    """
    if num_steps == 0:
        return carry
    if size is num_steps:  # also where the length is not known yet
        return body(0, size, carry)
    count, rest = divmod(num_steps, size)
    if reverse and rest:
        carry = body(count * size, rest, carry)
    if count == 1:
        carry = body(0, size, carry)
    elif count:
        carry = lax.fori_loop(0, count, lambda i, c: body((count - 1 - i if reverse else i) * size, size, c), carry)
    if rest and not reverse:
        carry = body(count * size, rest, carry)
    return carry
