"""Which templates a linear readout tells from features, its penalty being chosen on validation sequences."""

from typing import NamedTuple

import jax
import numpy as np
from jax import Array

from recurrent.layers import DenseParams
from recurrent.readouts import add_rows, fit_ridge, no_rows

RIDGES = 10.0 ** np.arange(2, -15, -1)
"""Penalties, over the sum of squares of an average feature; the largest of the best ones is taken."""


class Told(NamedTuple):
    """Shares of right answers, and the penalty that was chosen, `[segment]`."""

    validation: np.ndarray
    test: np.ndarray
    ridge: np.ndarray


class Split(NamedTuple):
    """Counts of sequences: the first ones are learned, the next ones choose, the last ones are tested."""

    training: int
    validation: int
    test: int

    def parts(self) -> tuple[slice, slice, slice]:
        """The rows of every part."""
        first, second = self.training, self.training + self.validation
        return slice(0, first), slice(first, second), slice(second, second + self.test)


def filtered(trains: np.ndarray, times_ms: np.ndarray) -> np.ndarray:
    """What exponential filters hold of spikes `[step, sequence, channel]` at the end: `[filter, sequence, channel]`."""
    ages = np.arange(len(trains))[::-1]
    return np.tensordot(np.exp(-ages / np.asarray(times_ms, float)[:, None]), trains, axes=1).astype(np.float32)


def tell(features: np.ndarray, labels: np.ndarray, split: Split) -> Told:
    """Regresses the labels 0 and 1 `[sequence, segment]` on features `[sequence, n]`, as -1 and 1; the sign is the answer."""
    training, *others = split.parts()
    scale = split.training * features[training].var(axis=0, dtype=float).mean()
    with jax.enable_x64(True):
        found = _readouts(
            features[training].astype(float), 2.0 * labels[training] - 1, RIDGES * max(scale, np.finfo(float).tiny)
        )
        kernel, bias = map(np.asarray, found)
    outputs = features.astype(float) @ kernel + bias[:, None]
    right = (outputs >= 0) == labels
    validation, test = (right[:, rows].mean(axis=1) for rows in others)
    best = validation.argmax(axis=0)
    segments = np.arange(labels.shape[1])
    return Told(validation[best, segments], test[best, segments], RIDGES[best])


@jax.jit
def _readouts(features: Array, targets: Array, ridges: Array) -> DenseParams:
    """One for every penalty, in the dtype of the features."""
    sums = no_rows(features.shape[1], targets.shape[1], features.dtype)
    return fit_ridge(add_rows(sums, features, targets), ridges)


def best_of(told: list[Told]) -> tuple[Told, np.ndarray]:
    """For every segment the one with the highest validation accuracy, the first of several, and its place."""
    places = np.argmax([one.validation for one in told], axis=0)
    chosen = [np.array([getattr(told[place], name)[i] for i, place in enumerate(places)]) for name in Told._fields]
    return Told(*chosen), places
