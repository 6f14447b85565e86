"""Rates of curves that bend, and the decay of single leaves."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, random_array, restarted

from recurrent import gradient_decay, lstm
from recurrent.flow import decay_rate

T, B, D, H = 6, 2, 3, 4


def curve(by_lag):
    """Index T is lag 0."""
    return jnp.asarray(by_lag[::-1])


def test_a_bent_curve_has_a_rate_on_either_side():
    near, far, bend = -0.2, -0.03, 10
    lags = np.arange(31)
    by_lag = curve(np.where(lags <= bend, near * lags, near * bend + far * (lags - bend)))
    np.testing.assert_allclose(decay_rate(by_lag, max_lag=bend), near * np.log(10), rtol=1e-12)
    np.testing.assert_allclose(decay_rate(by_lag, min_lag=bend), far * np.log(10), rtol=1e-12)


@pytest.mark.parametrize(("min_lag", "max_lag"), [(0, None), (3, None), (0, 7), (2, 9)])
def test_the_rate_of_a_rough_curve_is_that_of_polyfit(min_lag, max_lag):
    by_lag = np.asarray(random_array((12, B), 1))
    chosen = slice(min_lag, None if max_lag is None else max_lag + 1)
    expected = np.polyfit(np.arange(12)[chosen], by_lag[chosen] * np.log(10), 1)[0]
    np.testing.assert_allclose(decay_rate(curve(by_lag), min_lag, max_lag), expected, rtol=1e-10)


def test_every_leaf_has_a_curve_of_its_own():
    cell = lstm(D, H, param_dtype=jnp.float64)
    params, xs = perturbed(cell.init(jax.random.key(0)), 1), random_array((T, B, D), 2)
    state = perturbed(cell.initial_state(params, (B,)), 3)
    loss = lambda s: jnp.sum(jnp.sin(s.h)) + jnp.sum(s.c**2)  # noqa: E731
    decay = jax.jit(functools.partial(gradient_decay, cell, loss=loss))(params, xs, state=state)

    flags = {"mask": jnp.ones((T, B), bool), "resets": jnp.zeros((T, B), bool)}
    gradient_after = restarted(cell, params, xs, state, lambda s, ys: loss(s), **flags)
    for t in range(T + 1):
        dc, dh = (np.linalg.norm(leaf, axis=1) for leaf in gradient_after(t))
        np.testing.assert_allclose(decay.leaves.c[t], np.log10(dc), rtol=1e-9)
        np.testing.assert_allclose(decay.leaves.h[t], np.log10(dh), rtol=1e-9)
        np.testing.assert_allclose(decay.total[t], np.log10(np.hypot(dc, dh)), rtol=1e-9)
