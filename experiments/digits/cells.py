"""The five networks: gating, the recurrent matrix at the start, the bias of the update gate; equal numbers of parameters."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from experiments.common.networks import draw
from recurrent import Cell, count_parameters, elman, gru
from recurrent.initializers import Initializer, PerGate, gaussian, orthogonal, zeros

CLASSES = 10
MATRICES = {"Gaussian": gaussian(), "orthogonal": orthogonal()}
"""Recurrent matrices at the start, of spectral radius about 1, one per gate."""


class Kind(NamedTuple):
    """What is varied: "tanh" or "GRU", one of the `MATRICES`, and whether gates start out remembering."""

    family: str
    matrix: str
    remembers: bool = False


NETWORKS = {
    "tanh Gaussian": Kind("tanh", "Gaussian"),
    "tanh orthogonal": Kind("tanh", "orthogonal"),
    "GRU Gaussian": Kind("GRU", "Gaussian", remembers=True),
    "GRU orthogonal": Kind("GRU", "orthogonal", remembers=True),
    "GRU orthogonal, no bias": Kind("GRU", "orthogonal"),
}


def remembering(steps: int) -> Initializer:
    """b_z = -ln u with u ~ U(1, steps - 1): at rest the update gate is 1 / (1 + u), and the unit forgets in about u steps.

    Reference: Tallec & Ollivier (2018), Can recurrent neural networks warp time?
    """

    def init(key, shape, dtype=jnp.float32):
        return -jnp.log(jax.random.uniform(key, shape, dtype, 1.0, max(steps - 1.0, 2.0)))

    return init


def make_cell(kind: Kind, features: int, hidden_size: int, steps: int) -> Cell:
    """A cell of one kind, for sequences of so many steps."""
    matrix = MATRICES[kind.matrix]
    if kind.family == "tanh":
        return elman(features, hidden_size, recurrent_init=matrix)
    bias = PerGate((zeros, remembering(steps), zeros)) if kind.remembers else zeros  # gates in the order r, z, n
    return gru(features, hidden_size, recurrent_init=matrix, bias_init=bias)


def size(cell: Cell, hidden_size: int) -> int:
    """Parameters of a network, with its readout."""
    return count_parameters(jax.eval_shape(lambda key: draw(cell, key, CLASSES, hidden_size), jax.random.key(0)))


def width(family: str, features: int, hidden_size: int) -> int:
    """Units of a network with as many parameters as tanh with `hidden_size` units, as nearly as whole units allow."""
    if family == "tanh":
        return hidden_size
    target = size(elman(features, hidden_size), hidden_size)
    return min(range(1, hidden_size + 1), key=lambda units: abs(size(gru(features, units), units) - target))
