"""Networks that read a window and say quantiles of what comes next; they are stages on top of each other."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.common.training import fitted
from experiments.forecasting.forecasters import QUANTILES, About
from experiments.forecasting.learners import LOOKBACK, Extract, Learner, Predict, held_out
from recurrent import Layer, elman, gru, lstm, scanned, serial
from recurrent.dense import dense, draw_dense
from recurrent.initializers import glorot_uniform, zeros
from recurrent.layers import linear

UNITS = 16
"""Of every stage."""
WIDTH = 8
"""Steps that one convolution sees; three of them see 22."""
RATES = (0.003, 0.01)
"""Learning rates to choose from."""
BATCH = 32
"""Windows in an update."""
BLOCK = 256
"""Windows are forecast in so many at a time, so that one shape is compiled."""


def causal(inputs: int, units: int, width: int) -> Layer:
    """y_t = relu([x_{t - width + 1}, ..., x_t] W + b), zeros before the first step: a convolution over time."""

    def init(key):
        return draw_dense(key, width * inputs, units, glorot_uniform, zeros, jnp.float32)

    def apply(params, xs, state=None, **flags):
        del flags
        padded = jnp.concatenate([jnp.zeros((width - 1, *xs.shape[1:]), xs.dtype), xs])
        seen = jnp.concatenate([padded[i : i + len(xs)] for i in range(width)], axis=-1)
        return state, jax.nn.relu(dense(params, seen))

    return Layer(init, apply, lambda params, batch_shape=(): None)


def perceptron(inputs: int) -> Layer:
    """A hidden layer that sees all of the window behind each step."""
    return causal(inputs, UNITS, LOOKBACK)


STAGES: dict[str, Callable[[int], Layer]] = {
    "MLP": perceptron,
    "ANN": perceptron,
    "DNN": lambda inputs: serial(perceptron(inputs), causal(UNITS, UNITS, 1), causal(UNITS, UNITS, 1)),
    "CNN": lambda inputs: serial(causal(inputs, UNITS, WIDTH), causal(UNITS, UNITS, WIDTH), causal(UNITS, UNITS, WIDTH)),
    "RNN": lambda inputs: scanned(elman(inputs, UNITS)),
    "LSTM": lambda inputs: scanned(lstm(inputs, UNITS)),
    "GRU": lambda inputs: scanned(gru(inputs, UNITS)),
}
"""Layers from sequence to sequence, by their inputs."""


class Functions(NamedTuple):
    """Compiled once for all series, seeds and rates: `fit(key, rate, batches)`, `quantiles` and `features` of windows."""

    fit: Callable[..., Any]
    quantiles: Callable[[Any, Array], Array]
    features: Callable[[Any, Array], Array]


@functools.cache
def functions(kinds: tuple[str, ...], columns: int, horizon: int) -> Functions:
    """Stages of these kinds on top of each other, and a linear readout of the last step."""
    sizes = (columns, *[UNITS] * (len(kinds) - 1))
    stages = serial(*(STAGES[kind](size) for kind, size in zip(kinds, sizes, strict=True)))
    readout = linear(UNITS, horizon * len(QUANTILES))

    def features(params, seen):
        return stages.apply(params[0], jnp.moveaxis(seen, 1, 0))[1][-1]

    def quantiles(params, seen):
        _, said = readout.apply(params[1], features(params, seen))
        return said.reshape(-1, horizon, len(QUANTILES))

    def loss_of(params, given, batch):
        del given
        seen, targets = batch
        return pinball(quantiles(params, seen), targets).mean()

    def fit(key, rate, batches):
        k_stages, k_readout = jax.random.split(key)
        return fitted(loss_of, (stages.init(k_stages), readout.init(k_readout)), rate, (), batches)

    return Functions(jax.jit(fit), jax.jit(quantiles), jax.jit(features))


def pinball(quantiles: Array, targets: Array) -> Array:
    """max(q e, (q - 1) e) with the error e of each quantile: least, on average, at the true one.

    Reference: Koenker & Bassett (1978), Regression quantiles.
    """
    errors, levels = targets[..., None] - quantiles, jnp.array(QUANTILES, quantiles.dtype)
    return jnp.maximum(levels * errors, (levels - 1) * errors)


def network(*kinds: str) -> Learner:
    """Stages trained on the quantile loss; the rate is the one with the least loss on the windows held out."""

    def learner(seen: np.ndarray, targets: np.ndarray, about: About) -> Predict:
        of, params = _trained(kinds, seen, targets, about)
        return lambda seen: np.sort(_in_blocks(functools.partial(of.quantiles, params), seen), axis=-1)

    return learner


def features_of(*kinds: str) -> Extract:
    """What the last of some stages says at the last step, after they were trained with a readout."""

    def extract(seen: np.ndarray, targets: np.ndarray, about: About) -> Callable[[np.ndarray], np.ndarray]:
        of, params = _trained(kinds, seen, targets, about)
        return lambda seen: _in_blocks(functools.partial(of.features, params), seen)

    return extract


def _trained(kinds: tuple[str, ...], seen: np.ndarray, targets: np.ndarray, about: About) -> tuple[Functions, Any]:
    of, key = functions(kinds, seen.shape[-1], about.horizon), jax.random.key(about.seed)
    known, held = held_out(len(seen), about.horizon)

    def train(rate: float, chosen: slice) -> Any:
        places = np.arange(len(seen))[chosen]
        drawn = np.random.default_rng(about.seed).choice(places, (about.updates, BATCH))
        return of.fit(key, jnp.float32(rate), (jnp.asarray(seen[drawn]), jnp.asarray(targets[drawn])))

    def loss(rate: float) -> float:
        said = _in_blocks(functools.partial(of.quantiles, train(rate, known)), seen[held])
        return float(np.nan_to_num(pinball(jnp.asarray(said), jnp.asarray(targets[held])).mean(), nan=np.inf))

    return of, train(min(RATES, key=loss), slice(None))


def _in_blocks(function: Callable[[Array], Array], seen: np.ndarray) -> np.ndarray:
    missing = -len(seen) % BLOCK if len(seen) > 1 else 0
    padded = np.pad(seen, ((0, missing), (0, 0), (0, 0)))
    blocks = np.split(padded, max(len(padded) // BLOCK, 1))
    return np.concatenate([function(jnp.asarray(block)) for block in blocks])[: len(seen)]
