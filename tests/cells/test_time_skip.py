"""Skips through time: a numpy loop, lags=(1,) as the vanilla cell, the steps a gradient takes back, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn, random_array, relative_error

from recurrent import elman, unroll
from recurrent.cells import ElmanParams, time_skip

T, B, D, H = 9, 3, 2, 4
F64 = {"param_dtype": jnp.float64}
XS = random_array((T, B, D), 2)
KEY = jax.random.key(0)


@pytest.mark.parametrize("lags", [(1, 4), (2, 3, 5), (12,)])
def test_time_skip_against_numpy(lags):
    cell = time_skip(D, H, lags, activation="sigmoid", **F64)
    params, past = drawn(cell)
    u, w, b = map(np.asarray, params)
    assert past.shape == (B, lags[-1], H)
    hs = list(np.asarray(past).swapaxes(0, 1)[::-1])  # h_{-D}, ..., h_{-1}
    for x_t in np.asarray(XS):
        a_t = x_t @ u + b + sum(hs[-lag] @ w[:, i * H : (i + 1) * H] for i, lag in enumerate(lags))
        hs.append(1 / (1 + np.exp(-a_t)))
    final, ys = jax.jit(lambda *a: unroll(cell, *a))(params, XS, past)
    assert relative_error(ys, np.stack(hs[lags[-1] :])) < 1e-12
    assert relative_error(final, np.stack(hs[: -lags[-1] - 1 : -1], axis=1)) < 1e-12


@pytest.mark.parametrize("backprop", ["autodiff", "explicit"])
def test_a_single_lag_of_1_is_the_vanilla_cell_bit_for_bit(backprop):
    cell, vanilla = time_skip(D, H, (1,), **F64), elman(D, H, **F64)
    params, past = drawn(cell)

    def run(cell, params, state):
        def loss(params):
            final, ys = unroll(cell, params, XS, state, backprop=backprop)
            return jnp.sum(jnp.sin(ys)), (final.reshape(B, H), ys)

        return jax.jit(jax.value_and_grad(loss, has_aux=True))(params)

    found, expected = run(cell, params, past), run(vanilla, ElmanParams(*params), past[:, 0])
    jax.tree.map(np.testing.assert_array_equal, jax.tree.leaves(found), jax.tree.leaves(expected))
    jax.tree.map(np.testing.assert_array_equal, list(cell.init(KEY)), list(vanilla.init(KEY)))


def test_blocks_are_drawn_apart():
    kernel = time_skip(D, H, (1, 2), **F64).init(KEY).recurrent_kernel
    first, second = kernel[:, :H], kernel[:, H:]
    for block in (first, second):
        np.testing.assert_allclose(block.T @ block, np.eye(H), atol=1e-12)
    assert np.abs(first - second).max() > 0.1


def test_a_gradient_reaches_the_multiples_of_a_lag_and_nothing_else():
    """dh_T/dx_t = U W^n at a distance of n lags, without an activation."""
    cell = time_skip(D, H, (3,), activation="identity", **F64)
    params, _ = drawn(cell)
    jacobian = jax.jit(jax.jacrev(lambda xs: unroll(cell, params, xs)[1][-1]))(XS[:, 0])
    u, w, _ = map(np.asarray, params)
    for distance in range(T):
        steps, between = divmod(distance, 3)
        expected = np.zeros((D, H)) if between else u @ np.linalg.matrix_power(w, steps)
        np.testing.assert_allclose(jacobian[:, T - 1 - distance].T, expected, atol=1e-12)


def test_masked_steps_hold_the_past_and_resets_forget_it():
    """Rows of their own histories: lags count the steps that a row has taken since its sequence began."""
    cell = time_skip(D, H, (1, 3), **F64)
    params, past = drawn(cell)
    rng = np.random.default_rng(5)
    mask, resets = rng.random((T, B)) < 0.6, rng.random((T, B)) < 0.2
    final, ys = jax.jit(lambda *a, **flags: unroll(cell, *a, **flags))(params, XS, past, mask=mask, resets=resets)
    step = jax.jit(cell.step)
    for row in range(B):
        state = past[row]
        for t in range(T):
            state = jnp.zeros_like(state) if resets[t, row] else state
            y_t = jnp.zeros(H)
            if mask[t, row]:
                state, y_t = step(params, state, XS[t, row])
            np.testing.assert_allclose(ys[t, row], y_t, atol=1e-12)
        np.testing.assert_allclose(final[row], state, atol=1e-12)


def test_the_explicit_pass_keeps_the_states_that_are_read_and_not_the_past():
    cell, num_steps = time_skip(D, H, (1, 64), **F64), 50
    params, xs = jax.eval_shape(cell.init, KEY), jax.ShapeDtypeStruct((num_steps, B, D), jnp.float64)
    gradient = jax.grad(lambda params, xs: jnp.sum(unroll(cell, params, xs, backprop="explicit")[1]))
    memory = jax.jit(gradient).lower(params, xs).compile().memory_analysis()
    assert memory.temp_size_in_bytes < num_steps * B * 64 * H * 8 / 2


@pytest.mark.parametrize(
    ("lags", "message"),
    [
        ((), "at least one"),
        ((0, 1), r"lags\[0\] must be a positive integer; got 0"),
        ((1, 2.5), r"lags\[1\] must be a positive integer; got 2.5"),
        ((4, 1), r"must be increasing.*got \(4, 1\)"),
        ((1, 1), r"must be increasing.*got \(1, 1\)"),
        ((1, float("nan")), "positive integer; got nan"),
    ],
)
def test_bad_lags_are_refused(lags, message):
    with pytest.raises(ValueError, match=message):
        time_skip(D, H, lags)
