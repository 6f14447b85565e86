"""Tanh networks that also read the state of a few steps ago, and one that does not."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from experiments.common.networks import closest, count
from experiments.common.studies import CLASSES
from recurrent import Cell
from recurrent.cells import time_skip
from recurrent.initializers import orthogonal


class Kind(NamedTuple):
    """What is varied: how many steps ago the other state lies that is read; 1 if there is none."""

    skip: int

    @property
    def lags(self) -> tuple[int, ...]:
        """Of the states that are read."""
        return (1,) if self.skip == 1 else (1, self.skip)

    @property
    def name(self) -> str:
        """For tables and figures."""
        return "plain" if self.skip == 1 else f"skip {self.skip}"


PLAIN = Kind(1)
PUBLISHED = {1: 0.349, 5: 0.469, 9: 0.749, 13: 0.854, 21: 0.878}
"""Accuracy on sequential MNIST by skip coefficient: Zhang et al. (2016), section 4."""


def kinds(skips: Sequence[int]) -> list[Kind]:
    """The plain network, then those with skips."""
    return [PLAIN, *map(Kind, skips)]


def make_cell(kind: Kind, units: int) -> Cell:
    """A cell that reads one pixel per step; blocks of the recurrent matrix start orthogonal, and together keep the norm."""
    return time_skip(1, units, kind.lags, recurrent_init=orthogonal(len(kind.lags) ** -0.5))


def size(kind: Kind, units: int) -> int:
    """Parameters, with those of the readout."""
    return count(make_cell(kind, units), CLASSES, units)


def width(kind: Kind, hidden_size: int) -> int:
    """Units: as given, and for the plain network more, for as many parameters as whole units allow."""
    if kind != PLAIN:
        return hidden_size
    target = size(Kind(2), hidden_size)
    return closest(range(hidden_size, 2 * hidden_size), target, lambda units: size(PLAIN, units))


def newest(past: Any) -> Any:
    """h_T, which is read out, of the states that a cell keeps."""
    return past[..., 0, :]
