"""Distributions of initialisers and presets on blocks that are not square, by bounds, moments and orthogonality."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrent import gru, lstm
from recurrent.initializers import flax_like, gaussian, keras_like, torch_like, uniform_by_hidden

INPUT, HIDDEN = 30, 120
KEY = jax.random.key(2)


def assert_uniform(values, bound):
    """Of so many draws from U(±b), the largest comes within 1 % of b, and none exceeds it."""
    values = np.abs(np.asarray(values))
    assert values.size > 2000
    assert 0.99 * bound < values.max() <= bound * (1 + 1e-6)
    np.testing.assert_allclose(values.mean(), bound / 2, rtol=0.06)


def gates(kernel, count):
    return np.split(np.asarray(kernel, np.float64), count, axis=1)


def test_torchs_uniform_goes_by_the_last_axis():
    assert_uniform(uniform_by_hidden()(KEY, (20, 400), jnp.float64), 400**-0.5)
    assert_uniform(uniform_by_hidden()(KEY, (400, 20), jnp.float64), 20**-0.5)
    both = uniform_by_hidden(2)(KEY, (300, 50), jnp.float64)
    np.testing.assert_allclose(np.var(both), 2 / 3 / 50, rtol=0.05)


@pytest.mark.parametrize("shape", [(400, 50), (50, 400)])
def test_gaussian_goes_by_what_comes_in(shape):
    drawn = gaussian(1.7)(KEY, shape, jnp.float64)
    np.testing.assert_allclose(np.std(drawn), 1.7 / shape[0] ** 0.5, rtol=0.03)  # 20 000 draws: the standard error is 0.5 %


@pytest.mark.parametrize(("make", "name", "count"), [(lstm, "lstm", 4), (gru, "gru", 3)])
def test_torch_like(make, name, count):
    params = make(INPUT, HIDDEN, **torch_like(name)).init(KEY)
    for block in (*gates(params.input_kernel, count), *gates(params.recurrent_kernel, count)):
        assert_uniform(block, HIDDEN**-0.5)


@pytest.mark.parametrize(("make", "name", "count"), [(lstm, "lstm", 4), (gru, "gru", 3)])
def test_flax_like(make, name, count):
    params = make(INPUT, HIDDEN, **flax_like(name)).init(KEY)
    for block in gates(params.input_kernel, count):
        np.testing.assert_allclose(np.var(block), 1 / INPUT, rtol=0.12)  # 3 600 draws: the standard error is at most 2.4 %
        assert np.abs(block).max() <= 2 * INPUT**-0.5 / 0.879  # cut at two standard deviations of the Gaussian
    for block in gates(params.recurrent_kernel, count):
        np.testing.assert_allclose(block.T @ block, np.eye(HIDDEN), atol=1e-5)
    assert not np.any(params.bias)


@pytest.mark.parametrize(("make", "name", "count"), [(lstm, "lstm", 4), (gru, "gru", 3)])
def test_keras_like(make, name, count):
    params = make(INPUT, HIDDEN, **keras_like(name)).init(KEY)
    assert_uniform(params.input_kernel, (6 / (INPUT + count * HIDDEN)) ** 0.5)
    fused = np.asarray(params.recurrent_kernel, np.float64)
    np.testing.assert_allclose(fused @ fused.T, np.eye(HIDDEN), atol=1e-5)
    forget_bias = np.arange(count) == 1 if name == "lstm" else np.zeros(count)
    np.testing.assert_array_equal(params.bias, np.repeat(forget_bias, HIDDEN))
