"""Precision of the layers without recurrence: what comes in comes out, and the options of the cells."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_array

from recurrent import bidirectional, elman, scanned, serial
from recurrent.layers import embed, linear, mean_over_time

T, B, D, H = 5, 2, 3, 4
KEY = jax.random.key(0)
XS = random_array((T, B, D), 1, jnp.float32)
TOKENS = jnp.asarray(np.random.default_rng(2).integers(0, 7, (T, B)))
HALF = jnp.bfloat16


def rounded(x, dtype=HALF):
    return np.asarray(jnp.asarray(x).astype(dtype), np.float64)


@pytest.mark.parametrize("flags", [{}, {"lengths": jnp.array([5, 2])}], ids=["whole", "padded"])
@pytest.mark.parametrize("dtype", [jnp.float16, HALF, jnp.float32, jnp.float64])
def test_a_linear_layer_keeps_the_dtype_of_its_inputs(dtype, flags):
    layer = linear(D, H)
    params = layer.init(KEY)
    _, ys = jax.jit(layer.apply)(params, XS.astype(dtype), **flags)
    assert ys.dtype == dtype
    valid = np.arange(T)[:, None] < np.asarray(flags.get("lengths", jnp.array([T, T])))
    expected = valid[..., None] * (rounded(XS, dtype) @ np.asarray(params.kernel, np.float64))
    np.testing.assert_allclose(np.asarray(ys, np.float64), expected, rtol=0, atol=0.03 if dtype == HALF else 3e-3)


def test_gradients_keep_the_dtype_of_the_params():
    layer = linear(D, H)
    params = layer.init(KEY)
    loss = lambda params: jnp.sum(jnp.square(layer.apply(params, XS.astype(HALF))[1].astype(jnp.float32)))  # noqa: E731
    gradient = jax.jit(jax.grad(loss))(params)
    assert {leaf.dtype for leaf in jax.tree.leaves(gradient)} == {jnp.dtype(jnp.float32)}
    xs = rounded(XS).reshape(-1, D)
    expected = 2 * xs.T @ (xs @ np.asarray(params.kernel, np.float64))
    np.testing.assert_allclose(gradient.kernel, expected, rtol=0.05, atol=0.1)


@pytest.mark.parametrize("param_dtype", [HALF, jnp.float32, jnp.float64])
def test_parameters_are_drawn_in_the_dtype_asked_for(param_dtype):
    layers = linear(D, H, param_dtype=param_dtype), embed(7, H, param_dtype=param_dtype)
    for layer in layers:
        leaves = jax.tree.leaves(layer.init(KEY))
        assert {leaf.dtype for leaf in leaves} == {jnp.dtype(param_dtype)}
        default = (linear(D, H) if len(leaves) == 2 else embed(7, H)).init(KEY)
        drawn_alike = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(default)]
        if param_dtype != jnp.float64:
            for found, expected in zip(leaves, drawn_alike, strict=True):
                np.testing.assert_allclose(np.asarray(found, np.float64), expected, rtol=0.01)


def test_products_are_taken_in_the_dtype_asked_for():
    layer = linear(D, H, dtype=HALF)
    params = layer.init(KEY)
    assert params.kernel.dtype == jnp.float32
    _, ys = jax.jit(layer.apply)(params, XS)
    assert ys.dtype == jnp.float32
    np.testing.assert_allclose(ys, rounded(XS) @ rounded(params.kernel), rtol=1e-5, atol=1e-6)
    exact = np.asarray(XS, np.float64) @ np.asarray(params.kernel, np.float64)
    assert np.max(np.abs(np.asarray(ys) - exact)) > 1e-4


def test_half_precision_throughout():
    layer = linear(D, H, dtype=HALF, param_dtype=HALF)
    params = layer.init(KEY)
    _, ys = jax.jit(layer.apply)(params, XS.astype(HALF))
    assert ys.dtype == HALF
    np.testing.assert_allclose(np.asarray(ys, np.float64), rounded(XS) @ rounded(params.kernel), rtol=0.01, atol=0.01)


def test_an_embedding_has_the_dtype_of_its_table_or_the_one_asked_for():
    params = embed(7, H).init(KEY)
    assert embed(7, H).apply(params, TOKENS)[1].dtype == jnp.float32
    _, half = embed(7, H, dtype=HALF).apply(params, TOKENS)
    assert half.dtype == HALF
    np.testing.assert_array_equal(np.asarray(half, np.float64), rounded(params.table)[np.asarray(TOKENS)])
    stored = embed(7, H, param_dtype=HALF)
    assert stored.apply(stored.init(KEY), TOKENS, lengths=jnp.array([5, 2]))[1].dtype == HALF


def test_a_deep_network_of_half_precision_inputs():
    """The state and so the output of a cell is at least float32; the layers after it follow."""
    cells = elman(H, H), elman(H, H)
    layer = serial(embed(7, H, dtype=HALF), bidirectional(*map(scanned, cells)), linear(2 * H, 2))
    _, ys = jax.jit(layer.apply)(layer.init(KEY), TOKENS, lengths=jnp.array([5, 2]))
    assert ys.dtype == jnp.float32
    assert np.all(np.isfinite(ys))


def test_the_mean_of_no_steps_is_zero():
    np.testing.assert_array_equal(mean_over_time(jnp.zeros((0, B, D))), np.zeros((B, D)))
    np.testing.assert_array_equal(mean_over_time(jnp.zeros((0, B, D)), jnp.zeros((0, B), bool)), np.zeros((B, D)))
