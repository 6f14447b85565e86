"""Leaky integration: a numpy loop, the limit α = 1, time constants, learned leaks, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn, perturbed, random_array, relative_error

from recurrent import elman, gradient_decay, unroll
from recurrent.cells import ElmanParams, leaky

T, B, D, H = 7, 3, 2, 4
F64 = {"param_dtype": jnp.float64}
LEAKS = (1.0, 0.5, 0.1, 0.03)
XS = random_array((T, B, D), 2)
KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("options", "alpha"),
    [
        ({"leak": 0.2}, lambda params: 0.2),
        ({"leak": LEAKS, "activation": "sigmoid"}, lambda params: np.asarray(LEAKS)),
        ({"learned": True, "leak": 0.7}, lambda params: 1 / (1 + np.exp(-np.asarray(params.leak_logit)))),
    ],
)
def test_leaky_against_numpy(options, alpha):
    cell = leaky(D, H, **options, **F64)
    params, state = drawn(cell)
    u, w, b = map(np.asarray, params[:3])
    phi = np.tanh if "activation" not in options else lambda a: 1 / (1 + np.exp(-a))
    h, expected = np.asarray(state), []
    for x_t in np.asarray(XS):
        h = h + alpha(params) * (phi(x_t @ u + h @ w + b) - h)
        expected.append(h)
    final, ys = jax.jit(lambda *a: unroll(cell, *a))(params, XS, state)
    assert relative_error(ys, np.stack(expected)) < 1e-12
    assert relative_error(final, h) < 1e-12


def test_a_leak_of_1_is_the_vanilla_cell_bit_for_bit():
    cell, vanilla = leaky(D, H, leak=1.0, **F64), elman(D, H, **F64)
    params, state = drawn(cell)

    def run(cell, params):
        def loss(kernels):
            final, ys = unroll(cell, type(params)(*kernels, *params[3:]), XS, state)
            return jnp.sum(jnp.sin(ys)), (final, ys)

        return jax.jit(jax.value_and_grad(loss, has_aux=True))(params[:3])

    found, expected = run(cell, params), run(vanilla, ElmanParams(*params[:3]))
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    jax.tree.map(np.testing.assert_array_equal, cell.init(KEY)[:3], tuple(vanilla.init(KEY)))


def test_without_weights_each_unit_forgets_at_its_own_rate():
    cell = leaky(D, H, leak=LEAKS, **F64)
    params, state = drawn(cell)
    still = jax.tree.map(jnp.zeros_like, params)
    np.testing.assert_allclose(unroll(cell, still, XS, state)[0], np.asarray(state) * (1 - np.asarray(LEAKS)) ** T, rtol=1e-12)
    decay = jax.jit(lambda p, xs: gradient_decay(cell, p, xs, lambda h: h[:, 3].sum()).total)(still, XS)
    np.testing.assert_allclose(decay[-1] - decay[0], np.full(B, -T * np.log10(1 - LEAKS[3])), rtol=1e-10)


def test_a_learned_leak_starts_where_it_is_told_and_stays_in_range():
    leaks = (0.9, 0.5, 0.1, 1e-6)
    cell = leaky(D, H, leak=leaks, learned=True, **F64)
    params = perturbed(cell.init(KEY)._replace(leak_logit=None), 1)._replace(leak_logit=cell.init(KEY).leak_logit)
    np.testing.assert_allclose(jax.nn.sigmoid(params.leak_logit), leaks, rtol=1e-12)
    run = jax.jit(lambda params, state=None: unroll(cell, params, XS, state))
    state = random_array((B, H), 4)
    np.testing.assert_array_equal(run(params._replace(leak_logit=jnp.full(H, -800.0)), state)[0], state)
    without = leaky(D, H, leak=1.0, **F64)
    expected = jax.jit(lambda params: unroll(without, params, XS))(params._replace(leak_logit=None))
    np.testing.assert_array_equal(run(params._replace(leak_logit=jnp.full(H, 800.0)))[0], expected[0])
    gradient = jax.grad(lambda p: jnp.sum(run(p)[1] ** 2))(params).leak_logit
    assert np.all(np.abs(gradient) > 1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"leak": 0.0}, r"a leak must lie in \(0, 1\].*; got 0.0"),
        ({"leak": 1.5}, r"a leak must lie in \(0, 1\].*; got 1.5"),
        ({"leak": (0.1, 0.2, float("nan"), 0.3)}, r"a leak must lie in \(0, 1\].*nan"),
        ({"leak": (0.1, 0.2)}, r"one number, or one for each of 4 units; got shape \(2,\)"),
        ({"leak": 1.0, "learned": True}, "must start below 1; got 1.0"),
        ({"learned": "yes"}, "leaky: learned must be True or False; got 'yes'"),
        ({"activation": "tan"}, "unknown activation"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        leaky(D, H, **options)
