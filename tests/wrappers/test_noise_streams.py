"""Every leaf and every row has a stream of noise of its own, in a batch and under `vmap`."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, random_array, relative_error

from recurrent import Cell, dropout, gru, unroll
from recurrent.wrappers import gaussian_noise, variational_dropout, zoneout

WIDTH, ROWS, KEY = 40, 50, jax.random.key(8)
ONES = jnp.ones((ROWS, WIDTH))


def pair(params, batch_shape=()):
    return jnp.zeros((*batch_shape, WIDTH)), jnp.zeros((*batch_shape, WIDTH))


def step(params, state, x_t):
    """Sets two leaves of state from 0 to 1, and shows what it read."""
    return jax.tree.map(jnp.ones_like, state), (*state, *x_t)


MIRROR = Cell(lambda key: (), pair, step)
MASKS = {
    "zoneout": lambda: one_step(zoneout(MIRROR, 0.5, key=KEY), pair((), (ROWS,)))[0],
    "output": lambda: one_step(dropout(MIRROR, 0.5, key=KEY), (ONES, ONES))[1],
    "input": lambda: one_step(dropout(MIRROR, 0.5, key=KEY, where="input"), (ONES, ONES))[1][2:],
    "state": lambda: one_step(dropout(MIRROR, 0.5, key=KEY, where="state"), (ONES, ONES))[1][:2],
    "sequence": lambda: one_step(variational_dropout(MIRROR, 0.5, key=KEY), (ONES, ONES))[1][:2],
}


def one_step(cell, state):
    start = cell.initial_state((), (ROWS,))._replace(cell=state)
    after, y = cell.step((), start, (ONES, ONES))
    return after.cell, y


@pytest.mark.parametrize("kind", list(MASKS))
def test_leaves_are_masked_apart(kind):
    leaves = [np.asarray(leaf) == 0 for leaf in MASKS[kind]()]
    for leaf in leaves:
        np.testing.assert_allclose(leaf.mean(), 0.5, atol=0.06)  # 2 000 draws: the standard error is 0.011
    for index, leaf in enumerate(leaves):
        for other in leaves[:index]:
            np.testing.assert_allclose(np.mean(leaf == other), 0.5, atol=0.06)


WRAPPERS = {
    "dropout": lambda cell, key: dropout(cell, 0.4, key=key),
    "dropout of the input": lambda cell, key: dropout(cell, 0.4, key=key, where="input"),
    "variational_dropout": lambda cell, key: variational_dropout(cell, 0.4, key=key),
    "zoneout": lambda cell, key: zoneout(cell, 0.4, key=key),
    "gaussian_noise": lambda cell, key: gaussian_noise(cell, 0.4, key=key),
}
T, B, D, H = 6, 4, 3, 8
every_wrapper = pytest.mark.parametrize("name", list(WRAPPERS))


@functools.cache
def setting():
    """The same input for all rows, so that only their noise tells them apart."""
    inner = gru(D, H, param_dtype=jnp.float64)
    params = perturbed(inner.init(jax.random.key(0)), 1)
    return inner, params, jnp.broadcast_to(random_array((T, 1, D), 2), (T, B, D))


def assert_rows_differ(ys):
    rows = np.asarray(ys).transpose(1, 0, 2).reshape(B, -1)
    assert all(not np.allclose(a, b) for index, a in enumerate(rows) for b in rows[:index])


@every_wrapper
def test_rows_with_their_keys_in_the_state_are_the_batch(name):
    inner, params, xs = setting()
    cell = WRAPPERS[name](inner, KEY)
    state = cell.initial_state(params, (B,))
    rows = jax.vmap(functools.partial(unroll, cell, params), in_axes=(1, 0), out_axes=(0, 1))
    found, batch = rows(xs, state), unroll(cell, params, xs, state)
    np.testing.assert_array_equal(found[0].key, batch[0].key)
    assert relative_error((found[0].cell, found[1]), (batch[0].cell, batch[1])) < 1e-12
    assert_rows_differ(found[1])


@every_wrapper
def test_rows_with_keys_of_their_own_have_noise_of_their_own(name):
    inner, params, xs = setting()
    alone = lambda key, x: unroll(WRAPPERS[name](inner, key), params, x)[1]  # noqa: E731
    keys = jax.random.split(KEY, B)
    ys = jax.vmap(alone, in_axes=(0, 1), out_axes=1)(keys, xs)
    assert_rows_differ(ys)
    for row in range(B):
        assert relative_error(ys[:, row], alone(keys[row], xs[:, row])) < 1e-12


@pytest.mark.parametrize(("where", "noisy"), [("state", (0, 1)), ("input", (2, 3)), ("output", (0, 1, 2, 3))])
def test_gaussian_noise_is_normal_and_of_its_own_in_every_leaf(where, noisy):
    _, seen = one_step(gaussian_noise(MIRROR, 0.3, key=KEY, where=where), (ONES, ONES))
    drawn = {index: np.asarray(seen[index] - 1).ravel() / 0.3 for index in noisy}
    for index, values in drawn.items():
        # 2 000 draws: standard errors of 0.022, 0.032 and 0.11 of mean, variance and fourth moment
        np.testing.assert_allclose([values.mean(), values.var()], [0, 1], atol=0.1)
        np.testing.assert_allclose(np.mean(values**4), 3, atol=0.6)
        assert all(abs(np.corrcoef(values, drawn[other])[0, 1]) < 0.1 for other in noisy if other < index)
    assert all(np.all(seen[index] == 1) for index in range(4) if index not in noisy)


def test_gaussian_noise_is_the_same_in_both_precisions_and_none_in_evaluation():
    cell = gaussian_noise(MIRROR, 0.3, key=KEY)
    _, seen = one_step(cell, (ONES, ONES.astype(jnp.float32)))
    _, wide = one_step(cell, (ONES, ONES))
    np.testing.assert_allclose(seen[1], wide[1], atol=1e-5)
    assert seen[1].dtype == jnp.float32
    _, clean = one_step(gaussian_noise(MIRROR, 0.3, key=None), (ONES, ONES))
    assert all(np.all(leaf == 1) for leaf in clean)


@pytest.mark.parametrize("size", [-0.1, float("nan"), float("inf"), ()])
def test_a_bad_size_of_gaussian_noise_is_refused(size):
    with pytest.raises(ValueError, match="standard_deviation must be a number"):
        gaussian_noise(MIRROR, size, key=KEY)
