"""NARMA10 from reservoirs, and from nothing but the last inputs."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.reservoirs.capacity import line, tanh
from experiments.reservoirs.options import Config
from recurrent import Cell
from recurrent.dense import DenseParams
from recurrent.readouts import RidgeSums, add_run, fit_ridge, mean_squared_error, no_rows, variance
from recurrent.wrappers import emit_with_input

STRENGTHS = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Input scalings that a reservoir chooses from."""
LENGTHS = (10, 20, 40)
"""Numbers of inputs that the delay line chooses from."""
RIDGES = 10.0 ** np.arange(-12, 1, 2)
"""Penalties that all readouts choose from."""
LEAST = 200
"""Steps that are left out at the beginning of each part."""
LARGEST = 1.0
"""Outputs; a series that exceeds it is about to diverge, and is drawn anew."""


Pair = tuple[np.ndarray, np.ndarray]


class Parts(NamedTuple):
    """Inputs and outputs `[T, 1]` for training, for choosing and for the test."""

    training: Pair
    validation: Pair
    test: Pair


def series(steps: int, rng: np.random.Generator) -> Pair:
    """u_t ~ U(0, 0.5) and y_{t+1} = 0.3 y_t + 0.05 y_t Σ_{i<10} y_{t-i} + 1.5 u_{t-9} u_t + 0.1, both `[steps, 1]`."""
    while True:
        u, y = rng.uniform(0, 0.5, steps), np.zeros(steps + 1)
        for t in range(9, steps):
            y[t + 1] = 0.3 * y[t] + 0.05 * y[t] * y[t - 9 : t + 1].sum() + 1.5 * u[t - 9] * u[t] + 0.1
            if y[t + 1] > LARGEST:
                break
        else:
            return u[:, None], y[1:, None]


def compute(config: Config) -> dict[str, np.ndarray]:
    """NRMSE on the test part, `[network]`, of reservoirs of every size and of the delay line, all chosen by validation."""
    found: dict[str, list[float]] = {}
    for i in range(config.networks):
        rng = np.random.default_rng((config.seed, i))
        parts = Parts(*(series(config.narma_steps + LEAST, rng) for _ in Parts._fields))
        key = jax.random.fold_in(jax.random.key(config.seed), i)
        found.setdefault("delay line", []).append(_best(parts, [line(length, key) for length in LENGTHS]))
        for size in config.narma_sizes:
            found.setdefault(str(size), []).append(_best(parts, [tanh(size, key, strength) for strength in STRENGTHS]))
    return {name: np.array(values) for name, values in found.items()}


def _best(parts: Parts, candidates: list[tuple[Cell, Any]]) -> float:
    """The NRMSE on the test part of the candidate and penalty that have the least one on the validation part."""
    tried = []
    for cell, params in candidates:
        training, validation, test = (_sums(emit_with_input(cell), params, *map(jnp.asarray, pair)) for pair in parts)
        readouts = fit_ridge(training, RIDGES)
        tried.append((_nrmse(validation, readouts), _nrmse(test, readouts)))
    validation, test = (np.concatenate(column) for column in zip(*tried, strict=True))
    return float(test[validation.argmin()])


@functools.partial(jax.jit, static_argnames="cell")
def _sums(cell: Cell, params: Any, inputs: Array, outputs: Array) -> RidgeSums:
    empty = no_rows(1 + len(params.bias), 1, jnp.float64)
    return add_run(empty, cell, params, inputs, outputs, washout=LEAST, chunk=4000)[1]


def _nrmse(sums: RidgeSums, readouts: DenseParams) -> np.ndarray:
    return np.asarray(jnp.sqrt(mean_squared_error(sums, readouts)[:, 0] / variance(sums)[0]))
