"""Scanning over a sequence in segments of time, whatever its length."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recurrent.types import PyTree


class Segments(NamedTuple):
    """A sequence `[T, ...]` as `whole [n, k, ...]` and the last T - n k steps, `rest`; either may be None."""

    whole: PyTree | None
    rest: PyTree | None


def split(tree: PyTree, num_steps: int, size: int) -> Segments:
    """Splits leaves `[T, ...]` into segments of `size` steps and a rest at the end; all rest if one segment is enough."""
    if num_steps <= size:
        return Segments(None, tree)
    count = num_steps // size
    covered = count * size
    whole = jax.tree.map(lambda leaf: leaf[:covered].reshape(count, size, *leaf.shape[1:]), tree)
    rest = jax.tree.map(lambda leaf: leaf[covered:], tree) if covered < num_steps else None
    return Segments(whole, rest)


def merge(segments: Segments) -> PyTree:
    """The inverse of `split`."""
    if segments.whole is None:
        return segments.rest
    whole = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), segments.whole)
    if segments.rest is None:
        return whole
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), whole, segments.rest)


def scan(body: Callable, carry: PyTree, segments: Segments, *, reverse: bool = False) -> tuple[PyTree, Segments]:
    """Runs `body(carry, segment) -> (carry, out)` over the segments in order of time, or against it.

    Returns:
      The last carry, and the outputs of the segments: stacked for the whole ones, as they are for the rest.
    """
    whole, rest = None, None
    if reverse and segments.rest is not None:
        carry, rest = body(carry, segments.rest)
    if segments.whole is not None:
        carry, whole = jax.lax.scan(body, carry, segments.whole, reverse=reverse)
    if not reverse and segments.rest is not None:
        carry, rest = body(carry, segments.rest)
    return carry, Segments(whole, rest)
