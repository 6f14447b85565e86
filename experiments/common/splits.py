"""Which digits are learned, which choose settings, and which are tested."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedKFold, train_test_split

VALIDATION = 0.2
"""Share of all digits on which settings are chosen."""


class Split(NamedTuple):
    """Indices of digits; no digit is in two parts."""

    training: np.ndarray
    validation: np.ndarray
    test: np.ndarray


class Run(NamedTuple):
    """What networks that are compared share: a split, and a seed for weights, batches and noise."""

    split: Split
    seed: int


def draw_runs(config: Any, labels: np.ndarray) -> list[Run]:
    """One run per seed and fold of `config.folds` and `config.seeds`; neighbours differ in the fold."""
    splits = draw_splits(labels, config.folds, config.seed)
    return [Run(splits[i % config.folds], 1000 * config.seed + i) for i in range(config.folds * config.seeds)]


def draw_splits(labels: np.ndarray, folds: int, seed: int) -> list[Split]:
    """Sets validation digits aside for good, and tests each of the others in one of the splits; all parts are stratified."""
    parted = train_test_split(np.arange(len(labels)), test_size=VALIDATION, random_state=seed, stratify=labels)
    rest, validation = map(np.asarray, parted)
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed).split(rest, labels[rest])
    return [Split(rest[training], validation, rest[test]) for training, test in parts]
