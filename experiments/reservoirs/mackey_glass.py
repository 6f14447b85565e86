"""Echo state networks that go on with a Mackey-Glass series by themselves."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from tqdm import tqdm

from experiments.common.solving import CHOICE
from experiments.reservoirs.options import WASHOUT, Config
from recurrent import Cell, unroll
from recurrent.cells import echo_state
from recurrent.dense import DenseParams
from recurrent.initializers import signs, sparse, uniform
from recurrent.readouts import add_run, fit_ridge, no_rows
from recurrent.wrappers import ClosedLoopParams, ClosedLoopState, closed_loop

HORIZON = 84
"""Steps ahead at which the error is read."""
RIDGES = 10.0 ** np.arange(-20, -3, 2)
"""Penalties that every network chooses from."""
CHOOSING = 100
"""Free runs on which it chooses, of another series than those that are reported."""
JUDGED = 200
"""Free runs that are reported; published errors are of 20 (tau = 17) and 50."""
STEP, EVERY = 0.1, 10
"""Of Euler's method, and how many of them are a step of the series."""
FORGET, GAIN = 0.9, 0.44
"""Of the published unit, x_t = (1 - 0.44 · 0.9) x_{t-1} + 0.44 tanh(...); here r = 0.9 x, so that it is a leaky unit."""


class Setting(NamedTuple):
    """Which series, units and training steps, and the error that is published of them."""

    tau: int
    units: int
    steps: int
    published: float

    @property
    def name(self) -> str:
        """For rows and curves."""
        return f"tau {self.tau}, {self.units} units, {self.steps} steps"


def settings(config: Config) -> list[Setting]:
    """The three published ones."""
    return [
        Setting(17, config.units, config.steps, 2.8e-4),
        Setting(17, config.large_units, config.steps, 10**-4.2),
        Setting(30, config.units, config.long_steps, 0.032),
    ]


def series(tau: int, steps: int, rows: int, seed: int) -> np.ndarray:
    """tanh(y - 1) of dy/dt = 0.2 y(t - τ) / (1 + y(t - τ)¹⁰) - 0.1 y, `[steps, rows]`, from random pasts that have worn off."""
    delay, total = EVERY * tau, EVERY * (steps + WASHOUT)
    y = np.empty((total + delay + 1, rows))
    y[: delay + 1] = 1.2 + 0.2 * (np.random.default_rng((seed, tau)).random((delay + 1, rows)) - 0.5)
    for t in range(delay, total + delay):
        late = y[t - delay]
        y[t + 1] = y[t] + STEP * (0.2 * late / (1 + late**10) - 0.1 * y[t])
    return np.tanh(y[delay + 1 :: EVERY][WASHOUT:] - 1)


def reservoir(units: int) -> Cell:
    """The published reservoir: sparse, leaky, a constant input, and the output before as its only other one."""
    return echo_state(
        1,
        units,
        spectral_radius=0.79 / FORGET,
        leak=GAIN * FORGET,
        kernel_init=uniform(0.56),
        recurrent_init=sparse(0.0125, signs()),
        bias_init=sparse(0.5, signs(0.2 * 0.14)),
        param_dtype=jnp.float64,
    )


def predict(config: Config, setting: Setting) -> dict[str, np.ndarray]:
    """Normalised errors of free runs.

    Returns:
      errors: `[network, step ahead]`, NRMSE over the free runs.
      ridges: chosen, `[network]`.
    """
    length, networks = WASHOUT + HORIZON, config.networks
    training = jnp.asarray(series(setting.tau, setting.steps + 1, networks, config.seed))
    choosing = jnp.asarray(series(setting.tau, length, CHOOSING, config.seed + CHOICE))
    judged = jnp.asarray(series(setting.tau, length, JUDGED, config.seed + 2 * CHOICE))
    cell, found = reservoir(setting.units), []
    for i in tqdm(range(networks), desc=setting.name, unit="network", leave=False):
        params = cell.init(jax.random.key(config.seed + i))
        readouts = fit_ridge(_sums(cell, params, training[:, i : i + 1]), RIDGES)
        tried = np.asarray(_nrmse(_free(cell, params, readouts, choosing), choosing))[:, -1]
        best = int(np.nan_to_num(tried, nan=np.inf).argmin())
        runs = _free(cell, params, jax.tree.map(lambda leaf, best=best: leaf[best : best + 1], readouts), judged)
        found.append((np.asarray(_nrmse(runs, judged))[0], RIDGES[best]))
    errors, ridges = (np.array(column) for column in zip(*found, strict=True))
    return {"errors": errors, "ridges": ridges}


@functools.partial(jax.jit, static_argnames="cell")
def _sums(cell: Cell, params: Any, data: Array) -> Any:
    """Rows of states and the values that follow them."""
    empty = no_rows(len(params.bias), 1, jnp.float64)
    return add_run(empty, cell, params, data[:-1], data[1:], washout=WASHOUT, chunk=4000)[1]


@functools.partial(jax.jit, static_argnames="cell")
def _free(cell: Cell, params: Any, readouts: DenseParams, data: Array) -> Array:
    """What networks say that have been told the first values of rows of a series, `[readout, step ahead, row]`."""
    told = data[:WASHOUT, :, None]
    state, _ = unroll(cell, params, told[:-1])
    loop = closed_loop(cell, len(params.bias), 1, param_dtype=jnp.float64)
    nothing = jnp.zeros((HORIZON, data.shape[1], 0))

    def run(readout):
        return unroll(loop, ClosedLoopParams(params, readout), nothing, ClosedLoopState(state, told[-1]))[1][..., 0]

    return jax.vmap(run)(readouts)


@jax.jit
def _nrmse(runs: Array, data: Array) -> Array:
    """The root of the mean squared error over rows, in standard deviations of the series, `[readout, step ahead]`."""
    return jnp.sqrt(jnp.mean(jnp.square(runs - data[WASHOUT:][None]), axis=-1) / jnp.var(data))
