"""The residual of Newton's method is relative where states are large, and absolute where they are small."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_array

from recurrent import elman, unroll, unroll_parallel

T, B, D, H = 9, 2, 3, 4


@pytest.mark.parametrize("size", [1e-3, 1e6])
def test_rounding_of_states_of_any_size_counts_as_converged(size):
    cell = elman(D, H, activation="identity")
    params, xs = cell.init(jax.random.key(0)), size * random_array((T, B, D), 1, jnp.float32)
    _, ys, convergence = unroll_parallel(cell, params, xs, method="deer", tolerance=1e-4, max_iterations=5)
    assert convergence.converged
    assert convergence.iterations <= 2
    np.testing.assert_allclose(ys, unroll(cell, params, xs)[1], rtol=1e-4, atol=1e-5 * size)


@pytest.mark.parametrize("size", [1e-2, 1e3])
def test_the_residual_of_the_first_guess(size):
    """Of a network without a past, h_t = x_t, the guess 0 is off by x_t, and the first correction by nothing."""
    cell = elman(1, 1, activation="identity", param_dtype=jnp.float64)
    params = cell.init(jax.random.key(0))._replace(input_kernel=jnp.ones((1, 1)), recurrent_kernel=jnp.zeros((1, 1)))
    xs = size * random_array((T, B, 1), 1)
    guess = float(np.max(np.abs(xs) / np.maximum(1, np.abs(xs))))
    for tolerance, iterations in ((1.001 * guess, 0), (0.999 * guess, 1)):
        convergence = unroll_parallel(cell, params, xs, method="deer", tolerance=tolerance)[2]
        assert convergence.iterations == iterations
        np.testing.assert_allclose(convergence.residual, 0 if iterations else guess, rtol=1e-12)
