"""Spectral radii against eigenvalues and closed forms, defective matrices included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrent import describe, spectral_radius
from recurrent.initializers import with_spectral_radius


def shift(n):
    return np.diag(np.ones(n - 1), 1)


CLOSED = {
    "a Jordan block of 3": (0.9 * np.eye(3) + shift(3), 0.9),
    "a Jordan block of 30": (0.5 * np.eye(30) + shift(30), 0.5),
    "a lower Jordan block": ((0.5 * np.eye(12) + shift(12)).T, 0.5),
    "a Jordan block of a tiny value": (1e-3 * np.eye(6) + shift(6), 1e-3),
    "triangular": (0.3 * np.triu(np.ones((20, 20))), 0.3),
    "two Jordan blocks": (np.block([[0.7 * np.eye(4) + shift(4), np.ones((4, 3))], [np.zeros((3, 4)), 0.2 * np.eye(3)]]), 0.7),
    "nilpotent": (np.triu(np.ones((9, 9)), 1), 0.0),
    "zero": (np.zeros((4, 4)), 0.0),
    "a rotation": (0.8 * np.array([[np.cos(1.3), -np.sin(1.3)], [np.sin(1.3), np.cos(1.3)]]), 0.8),
    "a defective pair of rotations": (
        np.kron(np.eye(2), np.array([[0.6, -0.8], [0.8, 0.6]])) + np.kron(shift(2), np.eye(2)),
        1.0,
    ),
    "a cycle": (np.roll(np.eye(7), 1, axis=0) * 2.0, 2.0),
    "one number": (np.array([[-3.0]]), 3.0),
    "entries of 1e-30": (1e-30 * np.array([[0.0, 1.0], [4.0, 0.0]]), 2e-30),
    "badly scaled": (np.array([[1.0, 1e12], [1e-12, 1.0]]), 2.0),
}


@pytest.mark.parametrize(("dtype", "tolerance"), [(jnp.float32, 2e-5), (jnp.float64, 1e-9)])
@pytest.mark.parametrize("name", list(CLOSED))
def test_closed_forms(name, dtype, tolerance):
    matrix, radius = CLOSED[name]
    np.testing.assert_allclose(jax.jit(spectral_radius)(jnp.asarray(matrix, dtype)), radius, rtol=tolerance, atol=0)


def test_random_matrices_against_eigenvalues():
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 40):
        matrices = rng.normal(size=(6, n, n))
        expected = np.abs(np.linalg.eigvals(matrices)).max(axis=-1)
        np.testing.assert_allclose(spectral_radius(jnp.asarray(matrices)), expected, rtol=1e-9)
        np.testing.assert_allclose(jax.vmap(spectral_radius)(jnp.asarray(matrices, jnp.float32)), expected, rtol=1e-4)


def test_a_defective_base_is_rescaled():
    base = lambda key, shape, dtype: jnp.asarray(np.eye(5) + shift(5), dtype)  # noqa: E731
    drawn = with_spectral_radius(0.9, base)(jax.random.key(0), (5, 5), jnp.float32)
    np.testing.assert_allclose(np.diag(drawn), 0.9, rtol=1e-5)
    (report,) = describe({"kernel": drawn})
    assert report.spectral_radius == pytest.approx(0.9, rel=1e-5)


def test_a_base_without_eigenvalues_is_refused():
    base = lambda key, shape, dtype: jnp.asarray(shift(5), dtype)  # noqa: E731
    with pytest.raises(ValueError, match="nilpotent"):
        with_spectral_radius(0.9, base)(jax.random.key(0), (5, 5), jnp.float32)
