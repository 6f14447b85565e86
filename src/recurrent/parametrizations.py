"""Square matrices as smooth functions of free parameters, which no update can lead out of their set.

A `Parametrization` draws free parameters and makes a matrix of them; `recurrent.wrappers.reparametrized` puts one in the place
of a cell's recurrent kernel. Orthogonal matrices keep the norm of every gradient that passes through them. They are real: a
unitary matrix of n complex units is an orthogonal one of 2n real units, a block [[a, -b], [b, a]] for every a + ib.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.initializers import Initializer, draw, henaff
from recurrent.made import Made, remembered
from recurrent.pytrees import wide
from recurrent.types import PyTree

__all__ = ["Parametrization", "SVDFree", "cayley", "exponential", "householder", "skew", "svd"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Parametrization(Made):
    """A map from free parameters to square matrices.

    Attributes:
      init: `(key, n, dtype) -> free`, a tree of arrays.
      matrix: `free -> [n, n]`.
    """

    init: Callable[[Array, int, DTypeLike], PyTree]
    matrix: Callable[[PyTree], Array]


class SVDFree(NamedTuple):
    """Free parameters of U, of the singular values (None where they are all 1), and of V."""

    left: PyTree
    spread: Float[Array, "n"] | None
    right: PyTree


@remembered
def exponential(init: Initializer = henaff) -> Parametrization:
    """W = exp(A) with A' = -A: every rotation, and no reflection (det W = 1). `init` draws A.

    Reference: Lezcano-Casado & Martínez-Rubio (2019), Cheap orthogonal constraints in neural networks.
    """
    return Parametrization(
        lambda key, n, dtype: _above(draw(init, key, (n, n), dtype)),
        lambda free: _polished(jax.scipy.linalg.expm(skew(wide(free)))).astype(free.dtype),
    )


@remembered
def cayley(init: Initializer = henaff, *, negative: int = 0) -> Parametrization:
    """W = (I + A)⁻¹ (I - A) D with A' = -A: `negative` entries of the diagonal D are -1, the others 1.

    Without D, no matrix with an eigenvalue of -1 is reached; D puts eigenvalues there, and is not learned. `init` draws A.

    Raises:
      ValueError: `negative` is not an integer of at least 0; when drawn, it is above the number of units.

    Reference: Helfrich, Willmott & Ye (2018), Orthogonal recurrent neural networks with scaled Cayley transform.
    """
    if isinstance(negative, bool) or not isinstance(negative, int) or negative < 0:
        raise ValueError(f"cayley: negative must be an integer of at least 0, the number of entries -1 in D; got {negative!r}")

    def draw_free(key, n, dtype):
        if negative > n:
            raise ValueError(f"cayley: negative must be at most the {n} units; got {negative}")
        return _above(draw(init, key, (n, n), dtype))

    def matrix(free):
        a = skew(wide(free))
        eye = jnp.eye(len(a), dtype=a.dtype)
        signs = jnp.where(jnp.arange(len(a)) < negative, -1, 1).astype(a.dtype)
        return (_polished(jnp.linalg.solve(eye + a, eye - a)) * signs[None]).astype(free.dtype)

    return Parametrization(draw_free, matrix)


@remembered
def householder(reflections: int | None = None) -> Parametrization:
    """W = H_1 H_2 ... H_k with H_i = I - 2 v_i v_i' / ‖v_i‖²: n reflections reach every orthogonal matrix of determinant (-1)ⁿ.

    Vectors are drawn from N(0, I); `reflections` is n by default, fewer are cheaper and reach less.

    Raises:
      ValueError: `reflections` is not a positive integer; when drawn, it is above the number of units.

    Reference: Mhammedi et al. (2017), Efficient orthogonal parametrisation of recurrent neural networks using Householder
    reflections.
    """
    if reflections is not None:
        checks.counts(reflections=reflections)

    def draw_free(key, n, dtype):
        count = n if reflections is None else reflections
        if count > n:
            raise ValueError(f"householder: reflections must be at most the {n} units; got {count}")
        return draw(jax.nn.initializers.normal(1.0), key, (count, n), dtype)

    def matrix(free):
        vectors = wide(free)
        # I - V' T V, with T⁻¹ = what lies above the diagonal of V V' and half of the diagonal (Joffrain et al., 2006)
        gram = jnp.matmul(vectors, vectors.T, precision="highest")
        inverse = jnp.triu(gram, 1) + jnp.diag(jnp.diag(gram) / 2)
        product = jnp.matmul(vectors.T, jax.scipy.linalg.solve_triangular(inverse, vectors), precision="highest")
        return _polished(jnp.eye(vectors.shape[1], dtype=vectors.dtype) - product).astype(free.dtype)

    return Parametrization(draw_free, matrix)


@remembered
def svd(margin: float, factor: Parametrization | None = None) -> Parametrization:
    """W = U diag(s) V' with orthogonal U, V and s = 1 + margin (2 σ(p) - 1), within [1 - margin, 1 + margin]; p starts at 0.

    Args:
      margin: between 0, where W is orthogonal, and 1.
      factor: the parametrization of U and V; `exponential()` by default.

    Raises:
      ValueError: a margin outside [0, 1].

    Reference: Vorontsov et al. (2017), On orthogonality and learning recurrent networks with long term dependencies.
    """
    if not 0 <= margin <= 1:
        raise ValueError(f"svd: margin must lie in [0, 1], and singular values within it of 1; got {margin}")
    factor = exponential() if factor is None else factor

    def draw_free(key, n, dtype):
        k_left, k_right = jax.random.split(key)
        spread = jnp.zeros(n, dtype) if margin else None
        return SVDFree(factor.init(k_left, n, dtype), spread, factor.init(k_right, n, dtype))

    def matrix(free):
        left, right = factor.matrix(free.left), factor.matrix(free.right)
        if free.spread is not None:
            left = left * (1 + margin * (2 * jax.nn.sigmoid(free.spread) - 1))[None]
        return jnp.matmul(left, right.T, precision="highest")

    return Parametrization(draw_free, matrix)


def skew(above: Float[Array, "n*(n-1)/2"]) -> Float[Array, "n n"]:
    """A with A' = -A, from what lies above its diagonal, row by row."""
    n = (1 + math.isqrt(1 + 8 * len(above))) // 2
    rows, columns = np.triu_indices(n, 1)
    upper = jnp.zeros((n, n), above.dtype).at[rows, columns].set(above)
    return upper - upper.T


def _above(matrix: Float[Array, "n n"]) -> Float[Array, "n*(n-1)/2"]:
    return matrix[np.triu_indices(len(matrix), 1)]


def _polished(w: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """A step of Newton's towards the nearest orthogonal matrix, W (3 I - W' W) / 2: what rounding left over is squared."""
    gram = jnp.matmul(w.T, w, precision="highest")
    return 1.5 * w - 0.5 * jnp.matmul(w, gram, precision="highest")
