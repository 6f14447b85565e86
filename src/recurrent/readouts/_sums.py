"""Sums over rows of features and targets, from which every ridge regression follows, kept as a triangular factor.

The normal equations Σ φ'φ lose half of the digits: what a reservoir says of the far past is 10⁻⁸ of its states and vanishes in
their squares. R with R'R = Σ z'z of z = [1, φ, y] keeps all digits, is as small, and is added to by a QR decomposition of R and
the new rows. Its first row is the mean, and the rest R of the deviations from it.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Bool, Float

from recurrent import checks
from recurrent.dense import DenseParams


class RidgeSums(NamedTuple):
    """What is known of the rows added so far.

    Attributes:
      rows: how many.
      factor: upper triangular R with R'R = Σ z'z, z = [1, φ, y].
      targets: an array without rows, whose width is that of y.
    """

    rows: Float[Array, ""]
    factor: Float[Array, "columns columns"]
    targets: Float[Array, "0 outputs"]


def no_rows(features: int, outputs: int, dtype: DTypeLike = jnp.float32) -> RidgeSums:
    """The sums before the first row.

    Args:
      features: of φ.
      outputs: of y.
      dtype: in which rows are kept; in float64 a readout of a reservoir is better by orders of magnitude.

    Raises:
      ValueError: a size that is not a positive integer, or float64 where JAX is not told to compute in it.
    """
    checks.sizes("no_rows", features=features, outputs=outputs)
    if jax.dtypes.canonicalize_dtype(dtype) != jnp.dtype(dtype):
        raise ValueError(
            f'no_rows: {jnp.dtype(dtype)} needs jax.config.update("jax_enable_x64", True), or JAX computes in float32'
        )
    columns = 1 + features + outputs
    return RidgeSums(jnp.zeros((), dtype), jnp.zeros((columns, columns), dtype), jnp.zeros((0, outputs), dtype))


def add_rows(
    sums: RidgeSums,
    features: Float[Array, "*rows features"],
    targets: Float[Array, "*rows outputs"],
    mask: Bool[Array, "*rows"] | None = None,
) -> RidgeSums:
    """Adds rows; those that are masked out count nothing, NaN in them included.

    Raises:
      ValueError: widths that are not those of the sums, or leading axes that differ.
    """
    dtype, outputs = sums.factor.dtype, sums.targets.shape[1]
    widths = len(sums.factor) - 1 - outputs, outputs
    for what, given, width in (("features", features, widths[0]), ("targets", targets, widths[1])):
        checks.array("add_rows", what, given)
        if given.shape[-1] != width or given.shape[:-1] != features.shape[:-1]:
            raise ValueError(
                f"add_rows: {what} must have the shape [*rows, {width}] with the rows {features.shape[:-1]} of the features; "
                f"got {given.shape}"
            )
    kept = jnp.ones(features.shape[:-1], bool) if mask is None else checks.flags("mask", mask, features.shape[:-1])
    rows = jnp.concatenate([features.astype(dtype), targets.astype(dtype)], axis=-1)
    rows = jnp.where(kept[..., None], rows, 0).reshape(-1, rows.shape[-1])
    rows = jnp.concatenate([kept.reshape(-1, 1).astype(dtype), rows], axis=1)
    factor = _triangular(jnp.concatenate([sums.factor, rows]))
    return sums._replace(rows=sums.rows + jnp.sum(kept, dtype=dtype), factor=factor)


def merged(left: RidgeSums, right: RidgeSums) -> RidgeSums:
    """The sums of the rows of both, as of two halves of the data that were read side by side."""
    checks.same_arrays("merged: the second", right, left, "make both with no_rows of the same sizes")
    factor = _triangular(jnp.concatenate([left.factor, right.factor]))
    return left._replace(rows=left.rows + right.rows, factor=factor)


def mean_squared_error(sums: RidgeSums, readout: DenseParams) -> Float[Array, "*ridges outputs"]:
    """Σ (φ V + c - y)² / n of every output, for readouts that were fitted to these rows or to others.

    It is ‖R [c; V; -I]‖² / n, so that no row is needed: a readout is chosen on the sums of validation data.
    """
    outputs = sums.targets.shape[1]
    minus = jnp.broadcast_to(-jnp.eye(outputs, dtype=sums.factor.dtype), (*readout.bias.shape, outputs))
    weights = jnp.concatenate([readout.bias[..., None, :], readout.kernel, minus], axis=-2)
    return jnp.sum(jnp.square(jnp.einsum("rc,...co->...ro", sums.factor, weights, precision="highest")), axis=-2) / sums.rows


def variance(sums: RidgeSums) -> Float[Array, "outputs"]:
    """Σ (y - ȳ)² / n of every output: the mean squared error of the best constant."""
    return jnp.sum(jnp.square(sums.factor[1:, -sums.targets.shape[1] :]), axis=0) / sums.rows


def _triangular(rows: Array) -> Array:
    return jnp.linalg.qr(rows, mode="r")
