"""The mLSTM against its equations without the stabiliser, and its parallel form against the loop and plain sums."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn, random_array, relative_error

from recurrent import gru, unroll
from recurrent.cells import MLSTMParams, mlstm, mlstm_parallel

B, D, H, K = 3, 2, 4, 3
F64 = {"param_dtype": jnp.float64}
CELL = mlstm(D, H, key_size=K, **F64)
parallel = jax.jit(mlstm_parallel)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def projected(params, xs):
    """q, k, v, o, i and f, in float64."""
    p, xs = MLSTMParams(*(np.asarray(leaf, np.float64) for leaf in params)), np.asarray(xs, np.float64)
    q, k = np.split(xs @ p.query_key_kernel + p.query_key_bias, 2, axis=-1)
    v, o = np.split(xs @ p.value_output_kernel + p.value_output_bias, 2, axis=-1)
    i, f = np.moveaxis(xs @ p.gate_kernel + p.gate_bias, -1, 0)
    return q, k / np.sqrt(k.shape[-1]), v, sigmoid(o), np.exp(i), sigmoid(f)


def by_hand(params, xs, state):
    """The published equations, without m, row by row: C, n and y of every step."""
    c, n, m = (np.asarray(leaf, np.float64) for leaf in state)
    c, n, steps = c * np.exp(m)[:, None, None], n * np.exp(m)[:, None], []
    for q, k, v, o, i, f in zip(*projected(params, xs), strict=True):
        y = np.zeros_like(v)
        c, n = c.copy(), n.copy()
        for row in range(len(q)):
            c[row] = f[row] * c[row] + i[row] * np.outer(k[row], v[row])
            n[row] = f[row] * n[row] + i[row] * k[row]
            y[row] = o[row] * (q[row] @ c[row]) / max(abs(q[row] @ n[row]), 1)
        steps.append((c, n, y))
    return [np.stack(leaf) for leaf in zip(*steps, strict=True)]


def as_sums(params, xs):
    """y_t as a sum over all s up to t, of one row, from an empty memory."""
    q, k, v, o, i, f = projected(params, xs)
    ys = []
    for t in range(len(xs)):
        weights = np.array([np.prod(f[s + 1 : t + 1]) * i[s] * (q[t] @ k[s]) for s in range(t + 1)])
        ys.append(o[t] * (weights @ v[: t + 1]) / max(abs(weights.sum()), 1))
    return np.stack(ys)


def test_against_the_equations_without_a_stabiliser():
    (params, state), xs = drawn(CELL), 3 * random_array((7, B, D), 2)
    final, ys = jax.jit(functools.partial(unroll, CELL))(params, xs, state)
    c, n, y = by_hand(params, xs, state)
    scale = jnp.exp(final.m)
    assert relative_error((ys, scale[:, None, None] * final.c, scale[:, None] * final.n), (y, c[-1], n[-1])) < 1e-12


def loss(outputs):
    weighted = lambda leaf: jnp.sum(jnp.cos(jnp.arange(leaf.size, dtype=leaf.dtype)).reshape(leaf.shape) * leaf)  # noqa: E731
    return sum(map(weighted, jax.tree.leaves(outputs))), outputs


@pytest.mark.parametrize(("num_steps", "given"), [(1, True), (2, False), (7, True), (50, False)])
def test_the_parallel_form_is_the_recurrent_one(num_steps, given):
    (params, state), xs = drawn(CELL), 2 * random_array((num_steps, B, D), 2)
    state = state if given else CELL.initial_state(params, (B,))

    def run(form):
        of_params = lambda params, xs, state: loss(form(params, xs, state if given else None))  # noqa: E731
        return jax.jit(jax.grad(of_params, (0, 1, 2), has_aux=True))(params, xs, state)

    (found, outputs), (expected, expected_outputs) = run(mlstm_parallel), run(functools.partial(unroll, CELL))
    assert relative_error(outputs, expected_outputs) < 1e-10
    assert relative_error(found, expected) < 1e-10


def test_the_parallel_form_is_a_sum_over_the_past():
    params, xs = drawn(CELL)[0], 3 * random_array((7, D), 2)
    assert relative_error(parallel(params, xs)[1], as_sums(params, xs)) < 1e-12


def test_the_parallel_form_of_no_steps_and_of_chunks():
    (params, state), xs = drawn(CELL), random_array((5, B, D), 2)
    assert relative_error(parallel(params, xs[:0], state), (state, xs[:0, :, [0] * H])) == 0
    middle, first = parallel(params, xs[:2], state)
    final, second = parallel(params, xs[2:], middle)
    assert relative_error((final, jnp.concatenate([first, second])), parallel(params, xs, state)) < 1e-13


@pytest.mark.parametrize("form", ["recurrent", "parallel"])
def test_extreme_gates(form):
    """Both gates at ±200 in every combination of three steps, and rows where query, key and value are 0."""
    cell = mlstm(5, H, key_size=K)
    params = drawn(cell, seed=3)[0]
    params = MLSTMParams(*params[:3], *map(jnp.zeros_like, params[3:]))._replace(
        gate_kernel=jnp.eye(5, 2, dtype=jnp.float32), query_key_kernel=params.query_key_kernel.at[:2].set(0)
    )
    signs = np.moveaxis(np.stack(np.meshgrid(*[[-200.0, 200.0]] * 6), axis=-1).reshape(-1, 3, 2), 1, 0)
    xs = np.concatenate([np.tile(signs, (1, 2, 1)), random_array((3, 128, 3), 4)], axis=-1)
    xs[:, 64:, 2:] = 0
    xs, run = jnp.asarray(xs, jnp.float32), mlstm_parallel if form == "parallel" else functools.partial(unroll, cell)

    def of_all(params, xs, state):
        return loss(run(params, xs, state))

    state = cell.initial_state(params, (128,))
    gradient, (final, ys) = jax.jit(jax.grad(of_all, (0, 1, 2), has_aux=True))(params, xs, state)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((gradient, final, ys)))
    np.testing.assert_allclose(ys, by_hand(params, xs, state)[2], rtol=1e-5, atol=1e-5)


def test_a_query_that_meets_no_key_reads_nothing_and_has_a_gradient():
    params = drawn(mlstm(D, H))[0]._replace(query_key_kernel=jnp.zeros((D, 2 * H)), query_key_bias=jnp.zeros(2 * H))
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), params)._replace(
        gate_bias=jnp.array([200.0, 200.0], jnp.float32)
    )
    run = jax.value_and_grad(lambda p: jnp.sum(unroll(mlstm(D, H), p, jnp.ones((3, D), jnp.float32))[1]))
    y, gradient = run(params)
    assert y == 0
    assert all(np.isfinite(leaf).all() for leaf in gradient)


def test_key_size_and_forget_bias():
    params = mlstm(D, H, forget_bias=3.0).init(jax.random.key(0))
    assert params.query_key_kernel.shape == (D, 2 * H)
    np.testing.assert_array_equal(params.gate_bias, [0, 3])
    assert mlstm(D, H, key_size=K).initial_state(mlstm(D, H, key_size=K).init(jax.random.key(0)), (B,)).c.shape == (B, K, H)


XS = jnp.zeros((5, B, D))


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda: mlstm(D, H, key_size=0), "key_size must be a positive integer; got 0"),
        (lambda: mlstm(D, H, forget_bias=float("inf")), "forget_bias must be finite; got inf"),
        (lambda: mlstm_parallel(gru(D, H).init(jax.random.key(0)), XS), "expected params of type MLSTMParams, got GRUParams"),  # pyright: ignore
        (lambda: mlstm_parallel(drawn(CELL)[0], XS[..., :1]), "inputs must have 2 features"),
        (lambda: mlstm_parallel(drawn(CELL)[0], XS[0, 0]), r"must have shape \[T, \*batch, features\]; got \(2,\)"),
        (lambda: mlstm_parallel(drawn(CELL)[0], XS, drawn(CELL, batch=2)[1]), "given state: .c has shape .2, 3, 4"),
        (lambda: mlstm_parallel(drawn(CELL)[0], XS, drawn(CELL)[1][:2]), "given state has the structure"),  # pyright: ignore
    ],
)
def test_mistakes_are_refused(mistake, message):
    with pytest.raises(ValueError, match=message):
        mistake()
