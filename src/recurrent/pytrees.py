"""Small operations on trees of arrays: selection, and norms that neither overflow nor underflow."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from recurrent.types import PyTree


def is_inexact(leaf: Array) -> bool:
    """True for leaves that carry gradients (floating point or complex)."""
    return jnp.issubdtype(jnp.result_type(leaf), jnp.inexact)


def at_least_float32(dtype: DTypeLike) -> Any:
    """The dtype that states, accumulations and drawn parameters have at least, whatever parameters are stored in."""
    return jnp.dtype(jnp.float32) if jnp.finfo(dtype).bits < 32 else jnp.dtype(dtype)


def wide(array: Array) -> Array:
    """The array in at least float32: half precision cannot tell a decay of 0.999 from 1, nor factor a matrix."""
    return array.astype(at_least_float32(array.dtype))


def zeros_like(tree: PyTree) -> PyTree:
    """Returns a tree of zeros of the same structure, shapes and dtypes."""
    return jax.tree.map(jnp.zeros_like, tree)


def add(left: PyTree, right: PyTree) -> PyTree:
    """Adds two trees leaf by leaf."""
    return jax.tree.map(jnp.add, left, right)


def where(condition: Array, chosen: PyTree, other: PyTree) -> PyTree:
    """Selects rows: `condition` has shape `[*lead]`, every leaf `[*lead, ...]`.

    A selection, never a product: NaN in the rows that are not chosen stays out.
    """

    def select(a, b):
        rows = condition.reshape(condition.shape + (1,) * (jnp.ndim(a) - condition.ndim))
        return jnp.where(rows, a, b)

    return jax.tree.map(select, chosen, other)


def _row_axes(leaf: Array, num_lead: int) -> tuple[int, ...]:
    return tuple(range(num_lead, jnp.ndim(leaf)))


def _inexact_leaves(tree: PyTree) -> list[Array]:
    return [leaf for leaf in jax.tree.leaves(tree) if is_inexact(leaf)]


def _over_rows(tree: PyTree, num_lead: int, row: Callable[[Array, tuple[int, ...]], Array], combine) -> Array:
    """Reduces every float leaf over its axes after `num_lead` in the widest dtype, at least float32; combines the leaves."""
    leaves = _inexact_leaves(tree) or [jnp.zeros(())]
    wide = max((jnp.finfo(leaf.dtype).dtype for leaf in leaves), key=lambda dtype: jnp.finfo(dtype).bits)
    wide = wide if jnp.finfo(wide).bits > 32 else jnp.float32
    magnitudes = [(jnp.abs(leaf).astype(wide), _row_axes(leaf, num_lead)) for leaf in leaves]
    return reduce(combine, [row(*magnitude) for magnitude in magnitudes])


def max_exponent(tree: PyTree, num_lead: int = 0) -> Array:
    """Returns int32 `k` per row with `2^(k-1) <= max|x| < 2^k`; 0 for a row that is all zero or not finite.

    Args:
      tree: leaves `[*lead, ...]`; integer leaves are ignored.
      num_lead: how many leading axes index the rows.
    """
    largest = _over_rows(tree, num_lead, lambda x, axes: jnp.max(x, axis=axes, initial=0), jnp.maximum)
    exponent = jnp.frexp(largest)[1].astype(jnp.int32)
    return jnp.where(jnp.isfinite(largest), exponent, 0)


def scale_rows(tree: PyTree, exponent: Array) -> PyTree:
    """Multiplies every row by `2^exponent`, exactly; integer leaves are left alone.

    Args:
      tree: leaves `[*lead, ...]`.
      exponent: int32 `[*lead]`; applied in two halves, so that no intermediate factor overflows.
    """

    def scale(leaf):
        if not is_inexact(leaf):
            return leaf
        real = jnp.finfo(leaf.dtype)
        clipped = jnp.clip(exponent, 2 * real.minexp + 2, 2 * real.maxexp - 4)
        clipped = clipped.reshape(clipped.shape + (1,) * (jnp.ndim(leaf) - clipped.ndim))
        half, one = clipped // 2, jnp.ones((), real.dtype)
        first, second = jnp.ldexp(one, half), jnp.ldexp(one, clipped - half)
        return leaf * first.astype(leaf.dtype) * second.astype(leaf.dtype)

    return jax.tree.map(scale, tree)


def normalize_rows(tree: PyTree, num_lead: int = 0) -> tuple[PyTree, Array]:
    """Writes every row as `mantissa * 2^exponent` with `max|mantissa|` in [1/2, 1).

    Returns:
      The tree of mantissas and the int32 exponents `[*lead]`. A power of two costs no rounding.
    """
    exponent = max_exponent(tree, num_lead)
    return scale_rows(tree, -exponent), exponent


def norm(tree: PyTree, num_lead: int = 0) -> Array:
    """Returns the Euclidean norm over all float leaves, per row, without overflow or underflow on the way.

    The sum of squares is taken after division by a power of two near the largest entry of the row: float32 gradients of
    1e20 have a finite norm, gradients of 1e-25 a non-zero one. NaN and inf in the tree give NaN or inf.
    """
    mantissa, exponent = normalize_rows(tree, num_lead)
    return scale_rows(norm_of_mantissa(mantissa, num_lead), exponent)


def norm_of_mantissa(mantissa: PyTree, num_lead: int = 0) -> Array:
    """Returns the Euclidean norm per row of what `normalize_rows` returned: between 1/2 and the root of its size, or 0."""
    return jnp.sqrt(_over_rows(mantissa, num_lead, lambda x, axes: jnp.sum(x**2, axis=axes), jnp.add))


def log10_norm(tree: PyTree, num_lead: int = 0, exponent: Array | int = 0) -> Array:
    """Returns log10 of the Euclidean norm of `tree * 2^exponent`, per row; -inf only where every entry is zero.

    Args:
      tree: leaves `[*lead, ...]`.
      num_lead: how many leading axes index the rows.
      exponent: binary exponent(s) held apart from the tree, broadcast against `[*lead]`.
    """
    mantissa, own = normalize_rows(tree, num_lead)
    size = norm_of_mantissa(mantissa, num_lead)
    total = (own + exponent).astype(size.dtype)
    return jnp.log10(size) + total * jnp.log10(2.0).astype(size.dtype)


def all_finite(tree: PyTree, num_lead: int = 0) -> Array:
    """Returns a bool per row: every float leaf is finite there."""
    return _over_rows(tree, num_lead, lambda x, axes: jnp.all(jnp.isfinite(x), axis=axes), jnp.logical_and)


def leaf_names(tree: PyTree) -> list[str]:
    """Returns a readable path for every leaf, such as `.cell.bias`, in the order of `jax.tree.leaves`; "" for a bare array."""
    return [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(tree)]


def count_parameters(params: PyTree) -> int:
    """Counts the numbers in a tree of parameters; 4h(h + d + 1) for an LSTM.

    >>> import jax
    >>> import recurrent
    >>> recurrent.count_parameters(recurrent.lstm(3, 8).init(jax.random.key(0)))
    384
    """
    return sum(leaf.size for leaf in jax.tree.leaves(params))
