"""Growth and saturation of a memory against closed forms."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn, random_array

from recurrent import emit_state, unroll
from recurrent.cells import lstm_variant
from recurrent.flow import growth, saturation

T, B, D, H = 40, 3, 2, 4
X = random_array((B, D), 1)
STEPS = np.arange(1, T + 1)[:, None, None]


@functools.cache
def memory(forget_gate):
    """c_1 ... c_T of a cell under a constant input that sees nothing of its past, tanh a, and f of every row and unit."""
    cell = lstm_variant(D, H, input_gate=False, forget_gate=forget_gate, output_gate=False, param_dtype=jnp.float64)
    params, _ = drawn(cell)
    params = params._replace(recurrent_kernel=jnp.zeros_like(params.recurrent_kernel))
    xs = jnp.broadcast_to(X, (T, B, D))
    states = jax.jit(lambda params, xs: unroll(emit_state(cell), params, xs)[1])(params, xs)
    a = np.asarray(X) @ np.asarray(params.input_kernel) + np.asarray(params.bias)
    return states.c, np.tanh(a[:, -H:]), 1 / (1 + np.exp(-a[:, :H]))


def test_without_a_forget_gate_the_memory_grows_in_proportion_to_time():
    c, g, _ = memory(None)
    found = np.asarray(growth(c))
    assert found.shape == (T, B)
    np.testing.assert_allclose(found, STEPS[..., 0] * np.sqrt(np.mean(g**2, axis=-1)), rtol=1e-12)


def test_a_forget_gate_bounds_it():
    """c_t = g (1 - fᵗ) / (1 - f)."""
    c, g, f = memory("own")
    found = np.asarray(growth(c))
    np.testing.assert_allclose(found, np.sqrt(np.mean((g * (1 - f**STEPS) / (1 - f)) ** 2, axis=-1)), rtol=1e-12)
    assert np.all(found < 1 / (1 - f.max(axis=-1)))


@pytest.mark.parametrize("slope", [0.1, 0.5, 1e-3])
def test_a_unit_saturates_when_its_sum_has_passed_the_bend_of_tanh(slope):
    c, g, _ = memory(None)
    expected = np.mean(STEPS * np.abs(g) > np.arctanh(np.sqrt(1 - slope)), axis=-1)
    found = saturation(c) if slope == 0.1 else saturation(c, slope)
    np.testing.assert_array_equal(found, expected)
    assert 0 < expected.mean() < 1


def test_memories_near_the_largest_and_smallest_numbers_have_a_size():
    for scale in (1e30, 1e-30):
        c = scale * jnp.array([[3.0, 4.0], [0.0, 0.0]], jnp.float32)
        found = growth(c)
        np.testing.assert_allclose(found, np.array([scale * 12.5**0.5, 0]), rtol=1e-6)
        assert found.dtype == jnp.float32


def test_nan_is_neither_small_nor_unsaturated():
    c = jnp.array([[1.0, jnp.nan], [3.0, 0.0]])
    for found in (growth(c), saturation(c)):
        np.testing.assert_array_equal(np.isnan(found), [True, False])


@pytest.mark.parametrize("slope", [0.0, -1.0, 1.5, float("nan")])
def test_a_slope_that_tanh_does_not_have_is_refused(slope):
    with pytest.raises(ValueError, match=r"slope must lie in \(0, 1\].* got"):
        saturation(jnp.zeros((3, 2)), slope)


@pytest.mark.parametrize("function", [growth, saturation])
def test_a_whole_state_is_refused(function):
    with pytest.raises(ValueError, match="c must be one array with features in its last axis"):
        function((jnp.zeros((3, 2)), jnp.zeros((3, 2))))
