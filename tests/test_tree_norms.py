"""Norms and scales of trees against numpy in a wider type, at the ends of the dtype's range."""

import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_array

from recurrent import pytrees


def tree(scale=1.0):
    """Rows `[2, 3]`, one leaf of counters."""
    parts = {"a": random_array((2, 3, 4), 1), "b": random_array((2, 3, 2, 2), 2), "one": random_array((2, 3), 3)}
    return {name: scale * leaf for name, leaf in parts.items()} | {"clock": jnp.full((2, 3), 7)}


def rows(values):
    return np.concatenate([np.asarray(values[name], np.float64).reshape(2, 3, -1) for name in ("a", "b", "one")], axis=-1)


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e25])
def test_norms_of_rows_and_of_all(scale):
    values = {name: leaf.astype(jnp.float32) if name != "clock" else leaf for name, leaf in tree(scale).items()}
    expected = np.linalg.norm(rows(values), axis=-1)
    np.testing.assert_allclose(pytrees.norm(values, 2), expected, rtol=1e-6)
    np.testing.assert_allclose(pytrees.norm(values), np.linalg.norm(expected), rtol=1e-6)
    np.testing.assert_allclose(pytrees.log10_norm(values, 2), np.log10(expected), rtol=1e-5, atol=1e-6)
    exponents = jnp.array([[200, -200, 0], [1, 2, 3]], jnp.int32)
    scaled = pytrees.log10_norm(values, 2, exponents)
    np.testing.assert_allclose(scaled, np.log10(expected) + np.log10(2) * np.asarray(exponents), rtol=1e-5, atol=1e-5)


def test_mantissas_lie_between_a_half_and_one():
    mantissas, exponents = pytrees.normalize_rows(tree(1e-8), 2)
    largest = np.abs(rows(mantissas)).max(axis=-1)
    assert np.all((largest >= 0.5) & (largest < 1))
    np.testing.assert_array_equal(np.ldexp(rows(mantissas), np.asarray(exponents)[..., None]), rows(tree(1e-8)))
    np.testing.assert_array_equal(mantissas["clock"], 7)


@pytest.mark.parametrize("exponent", [200, -200])
def test_a_factor_beyond_the_range_leads_from_one_end_to_the_other(exponent):
    given = jnp.ldexp(jnp.float32(1.5), -exponent // 2)
    assert float(pytrees.scale_rows(given, jnp.int32(exponent))) == np.ldexp(1.5, exponent // 2)


def test_one_bad_entry_is_one_bad_row():
    values = tree()
    values["b"] = values["b"].at[1, 2, 0, 1].set(jnp.nan)
    expected = np.ones((2, 3), bool)
    expected[1, 2] = False
    np.testing.assert_array_equal(pytrees.all_finite(values, 2), expected)
    assert not pytrees.all_finite(values)
    assert pytrees.all_finite(tree())
