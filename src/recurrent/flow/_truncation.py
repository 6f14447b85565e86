"""The bias of truncated backpropagation through time."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import pytrees
from recurrent.bptt import inexact
from recurrent.types import Cell, Params, PyTree, State
from recurrent.unrolling import unroll, unroll_truncated


class TruncationBias(NamedTuple):
    """The error of the gradient of truncated backpropagation through time.

    Attributes:
      relative_error: ‖g_truncated - g‖ / ‖g‖.
      cosine: of the angle between the two.
    """

    relative_error: Array
    cosine: Array


def truncation_bias(
    cell: Cell,
    params: Params,
    xs: PyTree,
    loss: Callable[[State, PyTree], Array],
    state: State | None = None,
    *,
    window: int,
    lengths: Array | None = None,
    mask: Array | None = None,
    resets: Array | None = None,
    reverse: bool = False,
) -> TruncationBias:
    """Compares the gradient of `unroll_truncated(window=...)` with the full one.

    Args:
      loss: maps `(final_state, ys)` to a scalar.
      window: steps per window.

    Returns:
      The error, 0 where both gradients are 0 (and inf where only the full one is); the cosine, NaN where a gradient is 0.
    """
    flags: dict[str, Any] = {"lengths": lengths, "mask": mask, "resets": resets, "reverse": reverse}
    full = inexact(jax.grad(lambda p: loss(*unroll(cell, p, xs, state, **flags)), allow_int=True)(params))
    cut = jax.grad(lambda p: loss(*unroll_truncated(cell, p, xs, state, window=window, **flags)), allow_int=True)(params)
    cut = inexact(cut)
    (full, exponent), (cut, cut_exponent) = pytrees.normalize_rows(full), pytrees.normalize_rows(cut)
    size, cut_size = pytrees.norm(full), pytrees.norm(cut)
    cosine = jnp.asarray(sum(jnp.sum(a * b) for a, b in zip(full, cut, strict=True))) / (size * cut_size)
    difference = pytrees.norm([c - f for c, f in zip(pytrees.scale_rows(cut, cut_exponent - exponent), full, strict=True)])
    return TruncationBias(jnp.where(difference == 0, jnp.zeros_like(size), difference / size), cosine)
