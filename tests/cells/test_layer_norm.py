"""The normalised cells against their equations in numpy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn, random_array, relative_error

import recurrent
from recurrent import unroll
from recurrent.cells import layer_norm_gru, layer_norm_lstm

T, B, D = 6, 3, 3


F64 = {"param_dtype": jnp.float64}


XS = random_array((T, B, D), 1)


KEY = jax.random.key(11)


def run(cell, params, xs, state=None, **flags):
    return jax.jit(functools.partial(unroll, cell))(params, xs, state, **flags)


def assert_close(found, expected, tolerance=1e-12):
    assert relative_error(found, expected) <= tolerance


def sigmoid(a):
    return 1 / (1 + np.exp(-np.asarray(a)))


def normalized(a, gain, epsilon):
    return np.asarray(gain) * (a - a.mean(-1, keepdims=True)) / np.sqrt(a.var(-1, keepdims=True) + epsilon)


def test_layer_norm_lstm_against_numpy():
    cell = layer_norm_lstm(3, 4, epsilon=1e-3, **F64)
    params, state = drawn(cell)
    p = jax.tree.map(np.asarray, params)
    c, h, expected = np.asarray(state.c), np.asarray(state.h), []
    for x in np.asarray(XS):
        a = normalized(x @ p.input_kernel, p.input_gain, 1e-3)
        a = a + normalized(h @ p.recurrent_kernel, p.recurrent_gain, 1e-3) + p.bias
        i, f, g, o = np.split(a, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(normalized(c, p.cell_gain, 1e-3) + p.cell_bias)
        expected.append(h)
    final, ys = run(cell, params, XS, state)
    assert_close((final.c, ys), (c, np.stack(expected)))


def test_layer_norm_gru_against_numpy():
    cell = layer_norm_gru(3, 4, epsilon=1e-3, **F64)
    params, state = drawn(cell)
    p = jax.tree.map(np.asarray, params)
    gates, new = slice(0, 8), slice(8, 12)
    h, expected = np.asarray(state), []
    for x in np.asarray(XS):
        xu, hw = x @ p.input_kernel, h @ p.recurrent_kernel
        a = normalized(xu[:, gates], p.input_gain[gates], 1e-3) + normalized(hw[:, gates], p.recurrent_gain[gates], 1e-3)
        r, z = np.split(sigmoid(a + p.bias[gates]), 2, axis=-1)
        inside = normalized(hw[:, new], p.recurrent_gain[new], 1e-3) + p.recurrent_bias
        n = np.tanh(normalized(xu[:, new], p.input_gain[new], 1e-3) + p.bias[new] + r * inside)
        h = (1 - z) * h + z * n
        expected.append(h)
    assert_close(run(cell, params, XS, state)[1], np.stack(expected))


@pytest.mark.parametrize(("factory", "count"), [(layer_norm_lstm, 4 * 4 * 10 + 8), (layer_norm_gru, 3 * 4 * 10 + 4)])
def test_layer_norm_does_not_see_the_scale_of_weights(factory, count):
    cell = factory(3, 4, epsilon=1e-12, **F64)
    params, state = drawn(cell)
    assert recurrent.count_parameters(params) == count
    scaled = params._replace(input_kernel=10 * params.input_kernel, recurrent_kernel=10 * params.recurrent_kernel)
    assert_close(run(cell, scaled, XS, state), run(cell, params, XS, state), 1e-8)
