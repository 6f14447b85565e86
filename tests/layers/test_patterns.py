"""The patterns of input and output, one or many to one or many, against loops of numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, random_array, relative_error

from recurrent import elman, lengths_to_mask, unroll
from recurrent.layers import at_every_step, at_first_step, last_valid, mean_over_time

T, B, D, H = 6, 3, 2, 4
LENGTHS = jnp.asarray([6, 1, 0])


@pytest.fixture(scope="module")
def network():
    cell = elman(D, H, param_dtype=jnp.float64)
    return cell, perturbed(cell.init(jax.random.key(0)), 1)


def states_by_loop(params, xs):
    """h_1 ... h_T of one row."""
    U, W, b = (np.asarray(leaf) for leaf in params)
    h, states = np.zeros(H), []
    for x_t in np.asarray(xs):
        h = np.tanh(x_t @ U + h @ W + b)
        states.append(h)
    return np.array(states).reshape(-1, H)


def test_one_to_one(network):
    cell, params = network
    x = random_array((B, D), 2)
    final, ys = jax.jit(lambda x: unroll(cell, params, x[None]))(x)
    expected = np.stack([states_by_loop(params, x[row : row + 1])[0] for row in range(B)])
    assert ys.shape == (1, B, H)
    assert max(relative_error(final, expected), relative_error(ys[0], expected)) < 1e-12


def test_many_to_one(network):
    cell, params = network
    xs = random_array((T, B, D), 3)
    final, ys = jax.jit(lambda xs: unroll(cell, params, xs, lengths=LENGTHS))(xs)
    rows = [states_by_loop(params, xs[:length, row]) for row, length in enumerate(LENGTHS)]
    last = np.stack([row[-1] if len(row) else np.zeros(H) for row in rows])
    mean = np.stack([row.mean(axis=0) if len(row) else np.zeros(H) for row in rows])
    assert relative_error(final, last) < 1e-12
    assert relative_error(last_valid(ys, LENGTHS), last) < 1e-12
    assert relative_error(mean_over_time(ys, lengths_to_mask(LENGTHS, T)), mean) < 1e-12


@pytest.mark.parametrize("feed", [at_first_step, at_every_step])
def test_one_to_many(network, feed):
    cell, params = network
    x = random_array((B, D), 4)
    _, ys = jax.jit(lambda x: unroll(cell, params, feed(x, T)))(x)
    for row in range(B):
        inputs = np.zeros((T, D))
        inputs[: 1 if feed is at_first_step else T] = x[row]
        assert relative_error(ys[:, row], states_by_loop(params, inputs)) < 1e-12


def test_many_to_many_aligned(network):
    cell, params = network
    xs = random_array((T, B, D), 5)
    _, ys = jax.jit(lambda xs: unroll(cell, params, xs))(xs)
    for row in range(B):
        assert relative_error(ys[:, row], states_by_loop(params, xs[:, row])) < 1e-12
