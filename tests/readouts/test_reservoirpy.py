"""The same reservoir, readout and memory in reservoirpy, with its matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrent import unroll
from recurrent.cells import LeakyParams, leaky
from recurrent.readouts import add_rows, fit_ridge, no_rows, squared_correlation

pytestmark = pytest.mark.peers
UNITS, LAGS = 100, 50


def ours(reservoir, leak=1.0):
    """The cell and its params with the matrices of a reservoir that has run."""
    dense = [np.asarray(m.todense() if hasattr(m, "todense") else m) for m in (reservoir.Win, reservoir.W)]
    bias = np.broadcast_to(
        np.ravel(np.asarray(reservoir.bias.todense() if hasattr(reservoir.bias, "todense") else reservoir.bias)), UNITS
    )
    params = LeakyParams(jnp.asarray(dense[0].T), jnp.asarray(dense[1].T), jnp.asarray(bias), None)
    return leaky(dense[0].shape[1], UNITS, leak=leak, param_dtype=jnp.float64), params


def test_states_and_readout_of_a_sparse_leaky_reservoir():
    from reservoirpy.nodes import Reservoir, Ridge

    rng = np.random.default_rng(0)
    xs, targets = rng.normal(size=(300, 3)), rng.normal(size=(300, 2))
    reservoir = Reservoir(UNITS, sr=0.9, lr=0.3, rc_connectivity=0.1, seed=3)
    states = reservoir.run(xs)
    cell, params = ours(reservoir, 0.3)
    _, found = jax.jit(lambda xs: unroll(cell, params, xs))(jnp.asarray(xs))
    np.testing.assert_allclose(found, states, atol=1e-8)
    ridge = Ridge(ridge=1e-3)
    ridge.fit(states, targets, warmup=20)
    sums = add_rows(no_rows(UNITS, 2, jnp.float64), found[20:], jnp.asarray(targets[20:]))
    readout = fit_ridge(sums, 1e-3)
    np.testing.assert_allclose(readout.kernel, np.asarray(ridge.Wout).reshape(UNITS, 2), atol=1e-8)
    np.testing.assert_allclose(readout.bias, np.ravel(ridge.bias), atol=1e-8)


def test_the_memory_capacity_of_its_documentation():
    """Reservoirpy 0.4.2 prints 18.78; 0.3.12 to 0.4.0, which draw other matrices for the same seed, 12.77."""
    from reservoirpy.nodes import Reservoir, Ridge
    from reservoirpy.observables import memory_capacity

    model = Reservoir(UNITS, sr=1, seed=1) >> Ridge(ridge=1e-4)
    published = memory_capacity(model, k_max=LAGS, as_list=True, seed=1)
    np.testing.assert_allclose(np.sum(published), 18.78, atol=0.005)
    series = np.random.default_rng(1).uniform(-0.8, 0.8, 10 * LAGS)
    reservoir = Reservoir(UNITS, sr=1, seed=1)
    reservoir.run(series[:1, None])
    cell, params = ours(reservoir)
    lagged = np.stack([series[LAGS - k : len(series) - k] for k in range(LAGS + 1)], axis=1)  # [row, k] is u_{t-k}
    state, hs = unroll(cell, params, jnp.asarray(lagged[:-100][:, :1]))
    sums = add_rows(no_rows(UNITS, LAGS, jnp.float64), hs[LAGS:], jnp.asarray(lagged[:-100][LAGS:, 1:]))
    _, fresh = unroll(cell, params, jnp.asarray(lagged[-100:, :1]), state)
    tested = add_rows(no_rows(UNITS, LAGS, jnp.float64), fresh, jnp.asarray(lagged[-100:, 1:]))
    np.testing.assert_allclose(squared_correlation(tested, fit_ridge(sums, 1e-4)), published, atol=1e-8)
