"""The five networks: gating, the recurrent matrix at the start, the bias of the update gate; equal numbers of parameters."""

from typing import NamedTuple

from experiments.common.networks import closest, count
from recurrent import Cell, elman, gru
from recurrent.initializers import chrono, gaussian, orthogonal

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


def make_cell(kind: Kind, features: int, hidden_size: int, steps: int) -> Cell:
    """A cell of one kind, for sequences of so many steps."""
    matrix = MATRICES[kind.matrix]
    if kind.family == "tanh":
        return elman(features, hidden_size, recurrent_init=matrix)
    return gru(features, hidden_size, recurrent_init=matrix, **(chrono("gru", steps) if kind.remembers else {}))


def size(cell: Cell, hidden_size: int) -> int:
    """Parameters of a network, with its readout."""
    return count(cell, CLASSES, hidden_size)


def width(family: str, features: int, hidden_size: int) -> int:
    """Units of a network with as many parameters as tanh with `hidden_size` units, as nearly as whole units allow."""
    if family == "tanh":
        return hidden_size
    target = size(elman(features, hidden_size), hidden_size)
    return closest(range(1, hidden_size + 1), target, lambda units: size(gru(features, units), units))
