"""The seven networks: tanh with W = U diag(s) V' of five margins, and with a free W from two starts."""

from typing import NamedTuple

import jax
from jax import Array

from experiments.common.networks import Network, draw
from experiments.common.studies import CLASSES
from recurrent import Cell, elman
from recurrent.initializers import glorot_uniform
from recurrent.parametrizations import svd
from recurrent.wrappers import reparametrized, with_kernel


class Kind(NamedTuple):
    """What is varied: how far singular values of W may lie from 1, any distance if None; and whether W starts orthogonal."""

    margin: float | None
    orthogonal: bool = True

    @property
    def name(self) -> str:
        """For tables and figures."""
        if self.margin is None:
            return "free, orthogonal start" if self.orthogonal else "free, Glorot start"
        return f"margin {self.margin:g}"


ORTHOGONAL, WIDEST, FREE, GLOROT = Kind(0.0), Kind(1.0), Kind(None), Kind(None, orthogonal=False)
PUBLISHED_BEST = Kind(0.1)
INTERIOR = (Kind(0.001), Kind(0.01), PUBLISHED_BEST)
KINDS = (ORTHOGONAL, *INTERIOR, WIDEST, FREE, GLOROT)
PUBLISHED = dict(zip(KINDS, (77.18, 79.26, 85.47, 94.10, 93.84, 93.24, 66.71), strict=True))
"""Percent of sequential MNIST that were told right: Vorontsov et al. (2017), table 2, 784 steps."""


def make_cell(kind: Kind, units: int) -> Cell:
    """A cell that reads one pixel per step."""
    plain = elman(1, units)
    return plain if kind.margin is None else reparametrized(plain, svd(kind.margin))


def draw_network(kind: Kind, key: Array, units: int) -> Network:
    """Draws a network with its readout; one key gives all kinds the same start, but for Glorot's W."""
    if kind.margin is not None:
        return draw(make_cell(kind, units), key, CLASSES, units)
    network = plain(ORTHOGONAL, draw_network(ORTHOGONAL, key, units))
    if kind.orthogonal:
        return network
    w = glorot_uniform(jax.random.fold_in(key, 0), (units, units))
    return network._replace(cell=network.cell._replace(recurrent_kernel=w))


def plain(kind: Kind, network: Network) -> Network:
    """The same network with W itself among the parameters of its cell, which is `elman` then."""
    return network if kind.margin is None else network._replace(cell=with_kernel(network.cell, svd(kind.margin)))
