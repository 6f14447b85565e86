"""The minGRU with eigenvalues in (-1, 1): its equation in numpy, what the option leaves alone, and parity by hand."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn, random_array, relative_error

from recurrent import min_gru, unroll, unroll_parallel
from recurrent.cells import MinGRUParams, min_gru_coefficients
from recurrent.dense import add_bias, dot

T, B, D, H = 7, 3, 2, 4
F64 = {"param_dtype": jnp.float64}


@pytest.mark.parametrize("candidate", ["identity", "positive"])
def test_the_min_gru_with_negative_eigenvalues_against_its_equation(candidate):
    cell = min_gru(D, H, candidate=candidate, negative_eigenvalues=True, **F64)
    (params, state), xs = drawn(cell), random_array((T, B, D), 2)
    p, h, expected = jax.tree.map(np.asarray, params), np.asarray(state), []
    signs = set()
    for x in np.asarray(xs):
        k, n = np.split(x @ p.input_kernel + p.bias, 2, axis=-1)
        z = 1 / (1 + np.exp(-k))
        if candidate == "positive":
            n = np.where(n >= 0, n + 0.5, 1 / (1 + np.exp(-n)))
        h = (1 - 2 * z) * h + z * n
        signs |= set(np.sign(1 - 2 * z).ravel())
        expected.append(h)
    assert signs == {-1.0, 1.0}
    for run in (unroll, unroll_parallel):
        found = jax.jit(functools.partial(run, cell))(params, xs, state)[:2]
        assert relative_error(found, (h, np.stack(expected))) < 1e-12


def test_without_the_option_eigenvalues_are_those_of_the_published_cell():
    cell = min_gru(D, H)
    params, xs = drawn(cell)[0], random_array((T, D), 2, jnp.float32)
    z, n = jnp.split(add_bias(dot(xs, params.input_kernel, None), params.bias), 2, axis=-1)
    assert cell.linear is not None
    for coefficients in (cell.linear.coefficients, min_gru_coefficients):
        a, b = coefficients(params, xs)
        np.testing.assert_array_equal(a, jax.nn.sigmoid(-z))
        np.testing.assert_array_equal(b, jax.nn.sigmoid(z) * n)
    assert cell == min_gru(D, H, negative_eigenvalues=False)


@pytest.mark.parametrize("length", [40, 2000])
def test_one_unit_with_negative_eigenvalues_tells_parity_at_any_length(length):
    """z = x and n = 1: h_t = (1 - 2x) h_{t-1} + x goes from 0 to 1 and back at every one."""
    cell = min_gru(1, 1, negative_eigenvalues=True)
    params = MinGRUParams(jnp.array([[400.0, 0.0]], jnp.float32), jnp.array([-200.0, 1.0], jnp.float32))
    bits = np.random.default_rng(0).integers(0, 2, (length, 5))
    _, hs = unroll(cell, params, jnp.asarray(bits[..., None], jnp.float32))
    np.testing.assert_array_equal(hs[..., 0], np.cumsum(bits, axis=0) % 2)


def test_the_smallest_eigenvalues_are_not_rounded_away():
    cell = min_gru(1, 1, negative_eigenvalues=True)
    params = MinGRUParams(jnp.array([[1.0, 0.0]], jnp.float32), jnp.zeros(2, jnp.float32))
    assert cell.linear is not None
    a, _ = cell.linear.coefficients(params, jnp.full((1, 1), 1e-10, jnp.float32))
    np.testing.assert_allclose(a, [[-0.5e-10]], rtol=1e-6)


@pytest.mark.parametrize("given", [None, 1, "yes", float("nan")])
def test_the_option_is_yes_or_no(given):
    with pytest.raises(ValueError, match="negative_eigenvalues must be True or False; got"):
        min_gru(D, H, negative_eigenvalues=given)
