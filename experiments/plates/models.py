"""Four models of a plate: two that share weights over its columns, two that have weights for every pixel of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from experiments.common.networks import Network, draw, logits_of
from recurrent import count_parameters, gru, unroll
from recurrent.dense import dense
from recurrent.layers import DenseParams, mean_over_time

CLASSES, ROWS, WIDTH = 10, 8, 8
"""Digits, pixels per column, and columns that one window of the convolution sees: those of one digit."""
POOLS: dict[str, Callable[[Array], Array]] = {"mean": mean_over_time, "max": lambda features: features.max(axis=0)}
"""How features `[T, n, f]` become those of a plate, `[n, f]`."""
OLDER = "gru_mean"
"""The GRU of the older experiment, whose states are averaged."""
SHARED = ("gru", "convolution", OLDER)
"""Models that read plates of any length."""


class Model(NamedTuple):
    """A family of functions from columns to classes.

    Attributes:
      init: draws parameters.
      features: `(parameters, columns [T, n, 8]) -> [n, features]`, for the readout.
      penalty: weight of the sum of squares of the readout's weights in the loss.
    """

    init: Callable[[Array], Network]
    features: Callable[[Network, Array], Array]
    penalty: float = 0.0

    def logits(self, network: Network, columns: Array) -> Array:
        """o = features V + c."""
        return logits_of(network, self.features(network, columns))

    def size(self) -> int:
        """The number of its parameters."""
        return count_parameters(jax.eval_shape(self.init, jax.random.key(0)))


def gru_model(units: int, pool: str) -> Model:
    """A GRU that reads columns; its states are pooled."""
    cell = gru(ROWS, units)

    def features(network: Network, columns: Array) -> Array:
        return POOLS[pool](unroll(cell, network.cell, columns, backprop="explicit")[1])

    return Model(lambda key: draw(cell, key, CLASSES, units), features)


def convolution_model(channels: int, pool: str) -> Model:
    """max(0, columns * K + b), windows of one digit's width at every column; they are pooled."""

    def features(network: Network, columns: Array) -> Array:
        return POOLS[pool](jax.nn.relu(dense(network.cell, windows(columns))))

    return Model(lambda key: _rectified(key, (WIDTH * ROWS, channels)), features)


def windows(columns: Array) -> Array:
    """Every `WIDTH` neighbouring columns side by side, `[T, n, 8]` to `[T, n, WIDTH * 8]`; blank ones beyond the ends."""
    # a product of windows is the convolution, and on a CPU far faster than XLA's
    padded = jnp.pad(columns, (((WIDTH - 1) // 2, WIDTH // 2), (0, 0), (0, 0)))
    return jnp.concatenate([padded[i : i + len(columns)] for i in range(WIDTH)], axis=-1)


def mlp_model(columns: int, units: int) -> Model:
    """max(0, plate K + b), a weight for every pixel of the plate."""

    def features(network: Network, plate: Array) -> Array:
        return jax.nn.relu(dense(network.cell, _flat(plate)))

    return Model(lambda key: _rectified(key, (ROWS * columns, units)), features)


def linear_model(columns: int, penalty: float) -> Model:
    """Logistic regression on all pixels of the plate."""

    def init(key: Array) -> Network:
        del key  # a convex problem has one solution
        return Network((), jnp.zeros((ROWS * columns, CLASSES)), jnp.zeros(CLASSES))

    return Model(init, lambda network, plate: _flat(plate), penalty)


def candidates(units: int, slots: int) -> dict[str, dict[str, Model]]:
    """The models with the variants that each of them chooses from: two for each, but one for the older GRU."""
    columns = WIDTH * slots + WIDTH
    channels = channels_for(gru_model(units, "mean").size())
    return {
        "gru": {pool: gru_model(units, pool) for pool in POOLS},
        "convolution": {pool: convolution_model(channels, pool) for pool in POOLS},
        "mlp": {f"{width} units": mlp_model(columns, width) for width in (64, 256)},
        "linear": {f"penalty {penalty:g}": linear_model(columns, penalty) for penalty in (0.0, 1e-3)},
        OLDER: {"mean": gru_model(units, "mean")},
    }


def channels_for(parameters: int) -> int:
    """Channels of a convolution with so many parameters, as nearly as whole channels allow."""
    return max(1, round((parameters - CLASSES) / (WIDTH * ROWS + 1 + CLASSES)))


def _rectified(key: Array, shape: tuple[int, ...]) -> Network:
    """Weights N(0, 2 / inputs) before rectification, N(0, 1 / features) in the readout."""
    k_kernel, k_readout = jax.random.split(key)
    kernel = jax.nn.initializers.he_normal()(k_kernel, shape)
    readout: Any = jax.random.normal(k_readout, (shape[-1], CLASSES)) / shape[-1] ** 0.5
    return Network(DenseParams(kernel, jnp.zeros(shape[-1])), readout, jnp.zeros(CLASSES))


def _flat(columns: Array) -> Array:
    return columns.swapaxes(0, 1).reshape(columns.shape[1], -1)
