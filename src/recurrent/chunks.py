"""Scanning over a sequence in chunks of time, whatever its length."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recurrent.types import PyTree


class Chunked(NamedTuple):
    """A sequence `[T, ...]` as `whole [n, k, ...]` and the last T - n k steps, `rest`; either may be None."""

    whole: PyTree | None
    rest: PyTree | None


def split(tree: PyTree, num_steps: int, size: int) -> Chunked:
    """Splits leaves `[T, ...]` into chunks of `size` steps and a ragged rest at the end; all rest if one chunk is enough."""
    if num_steps <= size:
        return Chunked(None, tree)
    count = num_steps // size
    covered = count * size
    whole = jax.tree.map(lambda leaf: leaf[:covered].reshape(count, size, *leaf.shape[1:]), tree)
    rest = jax.tree.map(lambda leaf: leaf[covered:], tree) if covered < num_steps else None
    return Chunked(whole, rest)


def merge(chunked: Chunked) -> PyTree:
    """The inverse of `split`."""
    if chunked.whole is None:
        return chunked.rest
    whole = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), chunked.whole)
    if chunked.rest is None:
        return whole
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), whole, chunked.rest)


def scan(body: Callable, carry: PyTree, chunked: Chunked, *, reverse: bool = False) -> tuple[PyTree, Chunked]:
    """Runs `body(carry, chunk) -> (carry, out)` over the chunks in order of time, or against it.

    Returns:
      The last carry, and the outputs of the chunks: stacked for the whole ones, as they are for the rest.
    """
    whole, rest = None, None
    if reverse and chunked.rest is not None:
        carry, rest = body(carry, chunked.rest)
    if chunked.whole is not None:
        carry, whole = jax.lax.scan(body, carry, chunked.whole, reverse=reverse)
    if not reverse and chunked.rest is not None:
        carry, rest = body(carry, chunked.rest)
    return carry, Chunked(whole, rest)
