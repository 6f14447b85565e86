"""Orthogonal matrices from free parameters: against scipy and products by hand, before and after training; what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.linalg
from helpers import relative_error

from recurrent import elman, lru, lstm, unroll
from recurrent.initializers import cayley_angles, henaff, rotations
from recurrent.parametrizations import cayley, exponential, householder, skew, svd
from recurrent.wrappers import reparametrized, with_kernel

N = 6


def drawn(parametrization, n=N, dtype=jnp.float64):
    free = parametrization.init(jax.random.key(0), n, dtype)
    leaves, structure = jax.tree.flatten(free)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    return jax.tree.unflatten(
        structure, [x + 0.3 * jax.random.normal(k, x.shape, x.dtype) for x, k in zip(leaves, keys, strict=True)]
    )


def skew_by_hand(above, n=N):
    a, values = np.zeros((n, n)), iter(np.asarray(above).tolist())
    for i in range(n):
        for j in range(i + 1, n):
            a[i, j] = next(values)
            a[j, i] = -a[i, j]
    return a


def test_the_exponential_map_is_that_of_scipy():
    free = drawn(exponential())
    np.testing.assert_array_equal(skew(free), skew_by_hand(free))
    np.testing.assert_allclose(exponential().matrix(free), scipy.linalg.expm(skew_by_hand(free)), atol=1e-13)


@pytest.mark.parametrize("negative", [0, 2])
def test_the_cayley_map_solves_its_equation(negative):
    free = drawn(cayley())
    w, a = np.asarray(cayley(negative=negative).matrix(free)), skew_by_hand(free)
    signs = np.diag([-1.0] * negative + [1.0] * (N - negative))
    np.testing.assert_allclose((np.eye(N) + a) @ w, (np.eye(N) - a) @ signs, atol=1e-13)


@pytest.mark.parametrize("reflections", [1, 3, N])
def test_reflections_are_multiplied_in_order(reflections):
    vectors = np.asarray(drawn(householder(reflections)))
    expected = np.eye(N)
    for v in vectors:
        expected = expected @ (np.eye(N) - 2 * np.outer(v, v) / (v @ v))
    np.testing.assert_allclose(householder(reflections).matrix(vectors), expected, atol=1e-13)
    assert np.linalg.matrix_rank(expected - np.eye(N)) == reflections


@pytest.mark.parametrize("factor", [exponential(), cayley(negative=1), householder()], ids=str)
def test_singular_values_stay_within_the_margin(factor):
    free = drawn(svd(0.3, factor))
    w = np.asarray(svd(0.3, factor).matrix(free))
    expected = 1 + 0.3 * (2 / (1 + np.exp(-np.asarray(free.spread))) - 1)
    np.testing.assert_allclose(np.linalg.svd(w, compute_uv=False), np.sort(expected)[::-1], atol=1e-13)
    for far, bound in ((-1e3, 0.7), (1e3, 1.3)):
        reached = np.linalg.svd(svd(0.3, factor).matrix(free._replace(spread=jnp.full(N, far))), compute_uv=False)
        np.testing.assert_allclose(reached, bound, atol=1e-13)
    start = svd(0.3, factor)
    np.testing.assert_allclose(np.linalg.svd(start.matrix(start.init(jax.random.key(2), N, jnp.float64)), compute_uv=False), 1)
    assert svd(0.0, factor).init(jax.random.key(2), N, jnp.float64).spread is None


KINDS = [exponential(), cayley(cayley_angles, negative=3), householder(), householder(2), svd(0.0)]


@pytest.mark.parametrize("parametrization", KINDS, ids=str)
def test_w_is_still_orthogonal_after_1000_updates_in_float32(parametrization):
    n, optimizer = 32, optax.adam(1e-2)
    free = parametrization.init(jax.random.key(0), n, jnp.float32)
    rng = np.random.default_rng(3)
    xs, ys = (jnp.asarray(rng.normal(size=(64, n)), jnp.float32) for _ in range(2))

    def update(carry, _):
        free, state = carry
        gradient = jax.grad(lambda f: jnp.mean((xs @ parametrization.matrix(f) - ys) ** 2))(free)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(free, updates), state), None

    with jax.numpy_dtype_promotion("standard"):  # optax's Adam multiplies floats and integers
        (trained, _), _ = jax.jit(lambda c: jax.lax.scan(update, c, None, length=1000))((free, optimizer.init(free)))
    before, after = (np.asarray(jax.jit(parametrization.matrix)(f), np.float64) for f in (free, trained))
    assert np.abs(after - before).max() > 0.1  # it did learn
    assert np.abs(after.T @ after - np.eye(n)).max() <= 1e-6


def test_blocks_of_a_gated_cell_are_orthogonal_one_by_one():
    cell = reparametrized(lstm(3, N, param_dtype=jnp.float64), exponential())
    params = cell.init(jax.random.key(0))
    kernel = np.asarray(with_kernel(params, exponential()).recurrent_kernel)
    blocks = np.split(kernel, 4, axis=1)
    for block in blocks:
        np.testing.assert_allclose(block.T @ block, np.eye(N), atol=1e-13)
    assert np.abs(blocks[0] - blocks[1]).max() > 0.1
    xs = jax.random.normal(jax.random.key(1), (5, 2, 3), jnp.float64)
    expected = unroll(lstm(3, N, param_dtype=jnp.float64), with_kernel(params, exponential()), xs)
    assert relative_error(unroll(cell, params, xs), expected) == 0


def test_rotations_turn_pairs_of_units_by_the_angles_of_henaff():
    a, w = (np.asarray(f(jax.random.key(4), (N, N), jnp.float64)) for f in (henaff, rotations))
    np.testing.assert_allclose(w, scipy.linalg.expm(a), atol=1e-14)
    angles = np.abs(np.angle(np.linalg.eigvals(w)))
    np.testing.assert_allclose(np.sort(angles), np.sort(np.repeat(np.abs(a.diagonal(1)[::2]), 2)), atol=1e-12)


def test_angles_have_their_published_distributions():
    wide = np.asarray(henaff(jax.random.key(5), (4000, 4000))).diagonal(1)[::2]
    np.testing.assert_allclose(np.quantile(wide, (0.25, 0.5, 0.75)), (-np.pi / 2, 0, np.pi / 2), atol=0.2)
    assert np.abs(wide).max() <= np.pi
    a = np.asarray(cayley_angles(jax.random.key(5), (4000, 4000))).diagonal(1)[::2]
    assert a.min() >= 0
    angles = np.arccos((1 - a**2) / (1 + a**2))  # a = √((1 - cos θ) / (1 + cos θ))
    np.testing.assert_allclose(np.quantile(angles, (0.25, 0.5, 0.75)), np.pi / 2 * np.array((0.25, 0.5, 0.75)), atol=0.05)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: svd(1.5), r"margin must lie in \[0, 1\].*got 1.5"),
        (lambda: svd(float("nan")), r"margin must lie in \[0, 1\].*got nan"),
        (lambda: cayley(negative=-1), "negative must be an integer of at least 0"),
        (lambda: cayley(negative=5).init(jax.random.key(0), 4, jnp.float32), "at most the 4 units; got 5"),
        (lambda: householder(0), "reflections must be an integer of at least 1"),
        (lambda: householder(5).init(jax.random.key(0), 4, jnp.float32), "at most the 4 units; got 5"),
        (lambda: exponential().init(jax.random.key(0), 5, jnp.float32), r"come in pairs.*got shape \(5, 5\)"),
        (lambda: elman(3, 5, recurrent_init=rotations).init(jax.random.key(0)), "units come in pairs"),
        (lambda: reparametrized(lru(3, 4), exponential()), "must have a recurrent_kernel"),
    ],
)
def test_what_cannot_be_made_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
