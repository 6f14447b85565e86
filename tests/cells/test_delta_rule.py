"""The delta rule against its equation, as an exact memory, and as a product of reflections."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn, random_array, relative_error

from recurrent import unroll, unroll_parallel
from recurrent.cells import DeltaRuleParams, delta_rule

T, B, D, H, K = 7, 3, 2, 4, 5
F64 = {"param_dtype": jnp.float64}


@pytest.mark.parametrize("max_beta", [1.0, 2.0])
def test_against_its_equation(max_beta):
    cell = delta_rule(D, H, key_size=K, max_beta=max_beta, **F64)
    (params, memory), xs = drawn(cell), random_array((T, B, D), 2)
    p, expected, ms = jax.tree.map(np.asarray, params), np.zeros((T, B, H)), np.array(memory)
    for t, row in np.ndindex(T, B):
        x = np.asarray(xs[t, row])
        q, k = np.split(x @ p.query_key_kernel + p.query_key_bias, 2)
        k = k / np.linalg.norm(k)
        beta = max_beta / (1 + np.exp(-(x @ p.gate_kernel + p.gate_bias)))
        v = x @ p.value_kernel + p.value_bias
        ms[row] = (np.eye(K) - beta * np.outer(k, k)) @ ms[row] + beta * np.outer(k, v)
        expected[t, row] = q @ ms[row]
    for run in (unroll, unroll_parallel):
        found = jax.jit(functools.partial(run, cell))(params, xs, memory)[:2]
        assert relative_error(found, (ms, expected)) < 1e-12


def read_from_inputs(gate, addresses):
    """A cell whose inputs are an index into the addresses for q, one for k (one-hot), and v."""
    kernel = lambda *blocks: jnp.asarray(np.concatenate(blocks))  # noqa: E731
    nothing, none = np.zeros((K, K)), np.zeros((K, H))
    return DeltaRuleParams(
        query_key_kernel=kernel(np.hstack([addresses, nothing]), np.hstack([nothing, 3 * addresses]), np.zeros((H, 2 * K))),
        value_kernel=kernel(none, none, np.eye(H)),
        gate_kernel=jnp.zeros((2 * K + H, 1)),
        query_key_bias=jnp.zeros(2 * K),
        value_bias=jnp.zeros(H),
        gate_bias=jnp.full(1, gate),
    )


def commands(queries, keys, values):
    return jnp.asarray(np.concatenate([np.eye(K)[queries], np.eye(K)[keys], values], axis=-1))


ORTHONORMAL = np.linalg.qr(np.random.default_rng(0).normal(size=(K, K)))[0]
CELL = delta_rule(2 * K + H, H, key_size=K, **F64)


@pytest.mark.parametrize(("max_beta", "gate", "run"), [(2.0, 0.0, unroll), (1.0, 1e3, unroll_parallel)])
def test_with_orthonormal_keys_and_a_beta_of_1_it_is_a_dictionary(max_beta, gate, run):
    rng = np.random.default_rng(1)
    queries, keys, values = rng.integers(K, size=30), rng.integers(K, size=30), rng.normal(size=(30, H))
    cell = delta_rule(2 * K + H, H, key_size=K, max_beta=max_beta, **F64)
    params, xs = read_from_inputs(gate, ORTHONORMAL), commands(queries, keys, values)
    memory, ys = jax.jit(functools.partial(run, cell))(params, xs)[:2]
    stored, read = {}, []
    for query, key, value in zip(queries, keys, values, strict=True):
        stored[key] = value
        read.append(stored.get(query, np.zeros(H)))
    np.testing.assert_allclose(ys, read, atol=1e-13)
    np.testing.assert_allclose(ORTHONORMAL @ memory, [stored[key] for key in range(K)], atol=1e-13)


def test_a_beta_of_2_reflects():
    memory, zero = random_array((K, H), 1), np.zeros((1, H))
    xs = commands([0], [2], zero)
    after, _ = unroll(CELL, read_from_inputs(1e3, ORTHONORMAL), xs, memory)
    signs = np.where(np.arange(K) == 2, -1.0, 1.0)[:, None]
    np.testing.assert_allclose(ORTHONORMAL @ after, signs * (ORTHONORMAL @ memory), atol=1e-13)
    np.testing.assert_allclose(np.linalg.norm(after), np.linalg.norm(memory), rtol=1e-14)


def test_transpositions_multiply_to_permutations():
    """A reflection along e_i - e_j swaps rows i and j: the word problem of the symmetric group, exactly."""
    rng = np.random.default_rng(2)
    swaps = np.stack([rng.choice(H, 2, replace=False) for _ in range(40)])
    cell = delta_rule(H, H, **F64)
    params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0)))
    params = params._replace(query_key_kernel=jnp.eye(H, 2 * H, k=H, dtype=jnp.float64), gate_bias=jnp.full(1, 1e3))
    xs = np.eye(H)[swaps[:, 0]] - np.eye(H)[swaps[:, 1]]
    memory, _ = unroll(cell, params, jnp.asarray(xs), jnp.eye(H, dtype=jnp.float64))
    order = list(range(H))
    for i, j in swaps:
        order[i], order[j] = order[j], order[i]
    np.testing.assert_allclose(memory, np.eye(H)[order], atol=1e-13)


@pytest.mark.parametrize("run", [unroll, unroll_parallel])
def test_a_key_of_0_writes_nothing_and_has_a_gradient(run):
    cell = delta_rule(D, H)
    params, memory = drawn(cell)
    params = params._replace(query_key_bias=params.query_key_bias.at[H:].set(0))
    xs = jnp.zeros((3, B, D), jnp.float32)

    def loss(params, xs, memory):
        final, ys = run(cell, params, xs, memory)[:2]
        return jnp.sum(jnp.sin(ys)) + jnp.sum(final), final

    gradient, final = jax.jit(jax.grad(loss, (0, 1, 2), has_aux=True))(params, xs, memory)
    np.testing.assert_array_equal(final, memory)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_keys_have_length_1_however_short_they_are():
    cell = delta_rule(1, 1, key_size=1, max_beta=1.0)
    params = jax.tree.map(jnp.ones_like, cell.init(jax.random.key(0)))._replace(query_key_bias=jnp.zeros(2, jnp.float32))
    for size in (1e-6, 1.0, 1e6):
        memory, _ = cell.step(
            params._replace(gate_bias=jnp.full(1, 1e3, jnp.float32)),
            jnp.zeros((1, 1), jnp.float32),
            jnp.full(1, size, jnp.float32),
        )
        np.testing.assert_allclose(memory, [[1 + size]], rtol=1e-6)


@pytest.mark.parametrize("max_beta", [0.0, -1.0, 2.1, float("nan"), float("inf")])
def test_beta_beyond_its_range_is_refused(max_beta):
    with pytest.raises(ValueError, match=r"max_beta must lie in \(0, 2\].*got"):
        delta_rule(D, H, max_beta=max_beta)


def test_a_key_size_is_a_positive_integer():
    with pytest.raises(ValueError, match="key_size must be a positive integer; got 2.0"):
        delta_rule(D, H, key_size=2.0)  # pyright: ignore[reportArgumentType]
