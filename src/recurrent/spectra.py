"""Spectra of recurrent matrices, on every backend."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

_SQUARINGS = 40
_BALANCINGS = 3


@jax.jit
def spectral_radius(matrix: Float[Array, "*lead n n"]) -> Float[Array, "*lead"]:
    """ρ(W) = lim_k ‖W^k‖^(1/k), by repeated squaring up to k = 2^40.

    Gelfand's formula instead of an eigenvalue routine: it compiles for CPU, GPU and TPU, can be vmapped and jitted, and
    the factor by which ‖W^k‖ may exceed ρ^k, which grows at most like k^(n-1), is gone at k = 2^40. Every power is balanced
    by a diagonal similarity: in a defective matrix k^(n-1) would drive the eigenvalues themselves below the smallest number.

    Args:
      matrix: one or more square matrices.

    Returns:
      The largest modulus of an eigenvalue of each; exactly 0 for a nilpotent matrix whose powers reach 0.

    Raises:
      ValueError: the last two axes differ.

    >>> import jax.numpy as jnp
    >>> import recurrent
    >>> print(f"{recurrent.spectral_radius(jnp.array([[0.0, 2.0], [0.5, 0.0]])):.3f}")
    1.000

    Reference: Gelfand (1941), Normierte Ringe.
    """
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise ValueError(f"spectral_radius takes square matrices [..., n, n]; got shape {matrix.shape}")

    def square(power, _):
        for _ in range(_BALANCINGS):
            power = _balanced(power)
        size = jnp.linalg.norm(power, axis=(-2, -1), keepdims=True)
        power = power / jnp.where(size > 0, size, 1)
        return jnp.matmul(power, power, precision="highest"), jnp.log(size[..., 0, 0])

    largest = jnp.max(jnp.abs(matrix), axis=(-2, -1), keepdims=True)
    scaled = matrix / jnp.where(largest > 0, largest, 1)  # entries of 1e-25 must not vanish when squared
    _, log_sizes = jax.lax.scan(square, scaled, None, length=_SQUARINGS)
    # ln ‖W^(2^j)‖ / 2^j is the running sum of ln(size_i) / 2^i: squaring doubles what was divided out before
    weights = 0.5 ** jnp.arange(_SQUARINGS, dtype=matrix.dtype)
    log_radius = jnp.tensordot(weights, log_sizes, axes=1)
    return jnp.exp(log_radius) * largest[..., 0, 0]


def _balanced(matrix: Float[Array, "*lead n n"]) -> Float[Array, "*lead n n"]:
    """D⁻¹ M D with the diagonal D of powers of two that brings the sums of rows and columns together; same eigenvalues."""
    rows, columns = jnp.sum(jnp.abs(matrix), axis=-1), jnp.sum(jnp.abs(matrix), axis=-2)
    both = (rows > 0) & (columns > 0)
    ratio = jnp.where(both, rows, 1) / jnp.where(both, columns, 1)
    half = jnp.round(jnp.log2(ratio) / 2).astype(jnp.int32)
    return jnp.ldexp(matrix, half[..., None, :] - half[..., :, None])


def singular_range(matrix: Float[Array, "*lead n m"]) -> tuple[Array, Array]:
    """Returns the largest and the smallest singular value of each matrix."""
    values = jnp.linalg.svd(matrix, compute_uv=False)
    return values[..., 0], values[..., -1]
