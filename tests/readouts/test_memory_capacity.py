"""Memory capacity: of a delay line, of a nonlinear reservoir, of noise, and of its diagonal form."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_array

from recurrent.cells import diagonalized, echo_state, lru
from recurrent.initializers import delay_line
from recurrent.readouts import memory_capacity

F64 = {"param_dtype": jnp.float64}
INPUTS = jax.random.uniform(jax.random.key(1), (4000, 1), jnp.float64, -0.8, 0.8)


def line(size):
    cell = echo_state(1, size, spectral_radius=None, activation="identity", recurrent_init=delay_line(), **F64)
    params = cell.init(jax.random.key(0))
    return cell, params._replace(input_kernel=jnp.eye(1, size))


@functools.partial(jax.jit, static_argnums=(0, 2), static_argnames=("max_lag", "ridge"))
def capacities(cell, params, steps=4000, max_lag=60, ridge=0.0):
    return memory_capacity(cell, params, INPUTS[:steps], max_lag=max_lag, washout=max_lag, ridge=ridge, dtype=jnp.float64)


def test_a_delay_line_of_n_units_remembers_n_steps():
    """Unit i holds u_{t-i}, the first one the input of the step."""
    found = capacities(*line(20))
    np.testing.assert_allclose(found[:20], 1, atol=1e-3)
    np.testing.assert_allclose(np.sum(found), 20, rtol=0.01)


def test_what_is_forgotten_counts_nothing_in_the_mean():
    cell, params = line(2)
    found = np.asarray(capacities(cell, params, 500, max_lag=60))[2:]
    rows = 250
    # r² of white noise has the mean and the standard deviation 1/n and √2/n; 59 lags bring the latter down to 0.19/n
    assert abs(found.mean()) < 3 * np.sqrt(2 / len(found)) / rows < 1 / rows
    assert found.min() < 0


def test_the_state_at_the_half_is_handed_on():
    """Otherwise the first rows of the second half would lack their past."""
    cell, params = line(40)
    found = capacities(cell, params, 200, max_lag=39)
    assert found.shape == (40,)
    np.testing.assert_allclose(found, 1 - 1 / 99, atol=1e-9)


def test_a_nonlinear_reservoir_remembers_less_than_its_size_and_less_with_stronger_inputs():
    found = [
        float(capacities(cell, cell.init(jax.random.key(2)), ridge=1e-9).sum())
        for cell in (echo_state(1, 30, input_scaling=s, **F64) for s in (0.01, 1.0))
    ]
    assert 5 < found[1] < 0.8 * found[0] < 30


def test_the_diagonal_form_remembers_what_the_dense_one_does():
    dense = echo_state(1, 30, activation="identity", **F64)
    params = dense.init(jax.random.key(3))
    diagonal = lru(1, 30, output_size=30, skip="dense", **F64)
    found, expected = (capacities(*pair).sum() for pair in ((diagonal, diagonalized(params)), (dense, params)))
    np.testing.assert_allclose(found, expected, rtol=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_lag": 0, "washout": 10}, "max_lag must be an integer of at least 1; got 0"),
        ({"max_lag": 20, "washout": 10}, "at least max_lag = 20"),
        ({"max_lag": 20, "washout": 2000}, "below 2000, half of the steps; got 2000"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        memory_capacity(*line(3), INPUTS, dtype=jnp.float64, **options)
    with pytest.raises(ValueError, match="must have 1 features"):
        memory_capacity(*line(3), random_array((50, 2), 0), max_lag=2, washout=5)
