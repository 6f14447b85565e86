"""How well characters are tagged: what was taken for what, and what follows from it."""

import numpy as np

from experiments.tagging.data import CLASSES

SHOWN = 16
"""Characters before the end of a called name for which its recall is measured."""


def scores(labels: np.ndarray, to_end: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """Of predictions `[seed, T, N]`: what was taken for what, accuracy by place, share of called names found by `to_end`."""
    classes, right, called = len(CLASSES), predicted == labels, labels == CLASSES.index("called")
    pairs = [np.bincount((labels.astype(int) * classes + one).reshape(-1), minlength=classes**2) for one in predicted]
    found = [right[:, called & (to_end == d)].mean(axis=1) if (called & (to_end == d)).any() else np.full(len(right), np.nan)
             for d in range(1, SHOWN + 1)]  # fmt: skip
    confusion = np.stack(pairs).reshape(-1, classes, classes)
    return {"confusion": confusion, "place": right.mean(axis=2), "called": np.stack(found, axis=1)}


def accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share of characters that are right, by seed."""
    return np.trace(confusion, axis1=1, axis2=2) / confusion.sum(axis=(1, 2))


def recall(confusion: np.ndarray) -> np.ndarray:
    """By seed and class; 0 for a class that does not occur."""
    return np.diagonal(confusion, axis1=1, axis2=2) / np.maximum(confusion.sum(axis=2), 1)


def f1(confusion: np.ndarray) -> np.ndarray:
    """Harmonic mean of recall and precision, by seed and class; 0 for a class that neither occurs nor is predicted."""
    return 2 * np.diagonal(confusion, axis1=1, axis2=2) / np.maximum(confusion.sum(axis=2) + confusion.sum(axis=1), 1)
