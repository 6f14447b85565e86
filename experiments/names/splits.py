"""Nested splits by territory: test parts, validation parts within what is left, and smaller parts for the learning curve."""

from typing import NamedTuple

import numpy as np

VALIDATION = 5
"""One in so many training territories is for validation."""


class Split(NamedTuple):
    """Places of names; no territory is in two parts.

    Attributes:
      fitting: on which every setting is tried.
      validation: by which one is chosen.
      test: for the one that is chosen, trained again on fitting and validation names.
    """

    fitting: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @property
    def training(self) -> np.ndarray:
        """All names but those of the test."""
        return np.concatenate([self.fitting, self.validation])


def split(territories: np.ndarray, folds: int, seed: int) -> list[Split]:
    """Shuffles territories into as many parts as there are folds; each part is the test of one."""
    order = np.random.default_rng(seed).permutation(np.unique(territories))
    parts = np.array_split(order, folds)
    return [_split(territories, parts[:i] + parts[i + 1 :], part) for i, part in enumerate(parts)]


def smaller(territories: np.ndarray, rows: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The names among `rows` of a random share of their territories; a larger share contains a smaller one."""
    order = np.random.default_rng(seed).permutation(np.unique(territories[rows]))
    kept = order[: max(1, round(share * len(order)))]
    return rows[np.isin(territories[rows], kept)]


def _split(territories: np.ndarray, others: list[np.ndarray], test: np.ndarray) -> Split:
    training = np.concatenate(others)
    validation = training[::VALIDATION]
    fitting = np.setdiff1d(training, validation)
    return Split(*(np.flatnonzero(np.isin(territories, part)) for part in (fitting, validation, test)))
