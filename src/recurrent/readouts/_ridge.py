"""Ridge regression from sums, for one or many penalties at the price of one decomposition."""

import warnings

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.typing import ArrayLike

from recurrent.dense import DenseParams
from recurrent.readouts._sums import RidgeSums


def fit_ridge(sums: RidgeSums, ridge: ArrayLike) -> DenseParams:
    """V, c that minimise Σ (φ V + c - y)² + ρ ‖V‖²: V = Q diag(σ / (σ² + ρ)) P' Y with Φ = P diag(σ) Q'.

    One singular value decomposition of the triangular factor, which is the eigendecomposition of its Gram matrix, serves all ρ.
    Features that say nothing new (σ below the rounding of the largest) get no weight where ρ does not rule them: with ρ = 0 the
    solution is that of the smallest norm, and a warning says so, unless this is compiled.

    Args:
      sums: of the training rows.
      ridge: ρ, at least 0, absolute; or an array of them.

    Returns:
      Params of a dense layer, with the axes of `ridge` in front.

    Raises:
      ValueError: no rows, or a ridge that is negative or not finite; where values are known.

    Reference: Hoerl & Kennard (1970), Ridge regression: biased estimation for nonorthogonal problems.
    """
    if not isinstance(sums.rows, Tracer) and not np.asarray(sums.rows) > 0:
        raise ValueError("fit_ridge: no row was added, or all were masked or washed out; give more steps or a shorter washout")
    if not isinstance(ridge, Tracer) and not np.all((np.asarray(ridge) >= 0) & np.isfinite(np.asarray(ridge))):
        raise ValueError(f"fit_ridge: a ridge must be at least 0 and finite; got {ridge}")
    factor, outputs = sums.factor, sums.targets.shape[1]
    mean, deviations = factor[0] / factor[0, 0], factor[1:, 1:]
    left, sizes, right = jnp.linalg.svd(deviations[:, :-outputs], full_matrices=False)
    rounding = jnp.finfo(factor.dtype).eps * len(factor) * sizes[0]
    ridge = jnp.asarray(ridge, factor.dtype)
    weights = _inverse(sizes[None], ridge.reshape(-1, 1), rounding).reshape(*ridge.shape, -1)
    seen = jnp.matmul(left.T, deviations[:, -outputs:], precision="highest")
    kernel = jnp.einsum("kf,...k,ko->...fo", right, weights, seen, precision="highest")
    through = jnp.einsum("f,...fo->...o", mean[1:-outputs], kernel, precision="highest")
    return DenseParams(kernel, jnp.broadcast_to(mean[-outputs:], through.shape) - through)


def _inverse(sizes: Array, ridge: Array, rounding: Array) -> Array:
    """1 / (σ + ρ / σ), or 0 where σ is 0 up to rounding and ρ is none."""
    lost = (sizes <= rounding) & (ridge == 0)
    if not isinstance(lost, Tracer) and jnp.any(lost):
        warnings.warn(
            f"fit_ridge: {int(jnp.sum(sizes <= rounding))} of {sizes.size} directions of the features are 0 up to rounding and "
            "get no weight; a ridge above 0 makes the solution unique",
            RuntimeWarning,
            stacklevel=3,
        )
    sizes = jnp.where(lost, 1, sizes)
    return jnp.where(lost, 0, 1 / (sizes + ridge / sizes))  # the square of a small σ would be 0
