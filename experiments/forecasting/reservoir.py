"""An echo state network with one ridge readout for every step ahead."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.linear_model import Ridge

from experiments.forecasting.forecasters import About, Forecaster, around, futures
from experiments.forecasting.learners import held_out
from recurrent import unroll
from recurrent.cells import echo_state

UNITS = 100
RADIUS, LEAK, SCALING = 0.9, 0.5, 0.5
RIDGES = (0.1, 1.0, 10.0, 100.0)
"""Penalties to choose from."""
WASHOUT = 12
"""Steps that the network needs to forget where it began."""
BLOCK = 256
"""Histories are run in whole blocks, so that few shapes are compiled."""


def echo_state_network(values: np.ndarray, about: About) -> Forecaster:
    """Reads all changes so far, and says those from the last value to each coming one; the last part chooses the penalty."""
    deviation = np.diff(values, axis=0).std(axis=0)
    params = _cell(values.shape[1]).init(jax.random.key(about.seed))

    def states(history: np.ndarray) -> np.ndarray:
        scaled = (np.diff(history, axis=0, prepend=history[:1]) / deviation).astype(np.float32)
        padded = np.pad(scaled, ((0, -len(scaled) % BLOCK), (0, 0)))
        return np.asarray(_run(values.shape[1], params, jnp.asarray(padded)))[: len(history)]

    coming = futures(values, about.horizon)[WASHOUT + 1 :]
    last = values[WASHOUT : WASHOUT + len(coming), :1]
    features, targets = states(values)[WASHOUT : WASHOUT + len(coming)], (coming - last) / deviation[0]
    known, held = held_out(len(features), about.horizon)

    def errors(ridge: float) -> np.ndarray:
        return targets[held] - Ridge(ridge).fit(features[known], targets[known]).predict(features[held])

    tried = {ridge: errors(ridge) for ridge in RIDGES}
    ridge = min(tried, key=lambda ridge: np.abs(tried[ridge]).mean())
    readout, spread = Ridge(ridge).fit(features, targets), deviation[0] * tried[ridge]

    def forecast(history: np.ndarray) -> np.ndarray:
        return around(history[-1, 0] + deviation[0] * readout.predict(states(history)[-1:])[0], spread)

    def one_step(history: np.ndarray) -> np.ndarray:
        said = history[:-1, 0] + deviation[0] * readout.predict(states(history)[:-1])[:, 0]
        said[:WASHOUT] = np.nan
        return np.concatenate([[np.nan], said])

    return Forecaster(forecast, one_step)


@functools.cache
def _cell(columns: int):
    return echo_state(columns, UNITS, spectral_radius=RADIUS, leak=LEAK, input_scaling=SCALING)


@functools.partial(jax.jit, static_argnames="columns")
def _run(columns: int, params, xs):
    return unroll(_cell(columns), params, xs)[1]
