"""The deep transition against its equations in numpy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn, random_array, relative_error

from recurrent import unroll
from recurrent.cells import deep_transition

T, B, D = 6, 3, 3


F64 = {"param_dtype": jnp.float64}


XS = random_array((T, B, D), 1)


KEY = jax.random.key(11)


def mlp_by_hand(layers, x, activations):
    for layer, phi in zip(layers, activations, strict=True):
        x = phi(np.asarray(x) @ np.asarray(layer.kernel) + np.asarray(layer.bias))
    return x


def linear(a):
    return a


def run(cell, params, xs, state=None, **flags):
    return jax.jit(functools.partial(unroll, cell))(params, xs, state, **flags)


def assert_close(found, expected, tolerance=1e-12):
    assert relative_error(found, expected) <= tolerance


@pytest.mark.parametrize("shortcut", [False, True])
def test_deep_transition_against_numpy(shortcut):
    cell = deep_transition(3, 4, (5, 2), shortcut=shortcut, **F64)
    params, h = drawn(cell)
    expected, skip = [], np.asarray(params.shortcut_kernel) if shortcut else np.zeros((4, 4))
    state = np.asarray(h)
    for x in np.asarray(XS):
        u = np.tanh(x @ np.asarray(params.input_kernel) + state @ np.asarray(params.recurrent_kernel) + np.asarray(params.bias))
        u = mlp_by_hand(params.layers[:1], u, (np.tanh,))
        state = np.tanh(mlp_by_hand(params.layers[1:], u, (linear,)) + state @ skip)
        expected.append(state)
    assert_close(run(cell, params, XS, h)[1], np.stack(expected))
