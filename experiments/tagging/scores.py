"""How well characters are tagged: what was taken for what, and what follows from it."""

import numpy as np

from experiments.tagging.data import CLASSES

SHOWN = 16
"""Characters before the end of a called name for which its recall is measured."""


def late(values: np.ndarray) -> np.ndarray:
    """The second half of windows `[..., T, N]`, where half a window of left-hand context is there at least."""
    return values[..., values.shape[-2] // 2 :, :]


def late_accuracy(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Share of characters in the second half of windows that are right, for predictions `[..., T, N]`."""
    return (late(predicted) == late(labels)).mean(axis=(-2, -1))


def scores(labels: np.ndarray, to_end: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """Of predictions `[seed, T, N]`: what was taken for what, accuracy by place, share of called names found by `to_end`.

    What was taken for what, and called names, are of the second half of the windows.
    """
    place = (predicted == labels).mean(axis=2)
    labels, to_end, predicted = late(labels), late(to_end), late(predicted)
    classes, right, called = len(CLASSES), predicted == labels, labels == CLASSES.index("called")
    pairs = [np.bincount((labels.astype(int) * classes + one).reshape(-1), minlength=classes**2) for one in predicted]
    found = [right[:, called & (to_end == d)].mean(axis=1) if (called & (to_end == d)).any() else np.full(len(right), np.nan)
             for d in range(1, SHOWN + 1)]  # fmt: skip
    confusion = np.stack(pairs).reshape(-1, classes, classes)
    return {"confusion": confusion, "place": place, "called": np.stack(found, axis=1)}


def accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share of characters that are right, by seed."""
    return np.trace(confusion, axis1=1, axis2=2) / confusion.sum(axis=(1, 2))


def f1(confusion: np.ndarray) -> np.ndarray:
    """Harmonic mean of recall and precision, by seed and class; 0 for a class that neither occurs nor is predicted."""
    return 2 * np.diagonal(confusion, axis1=1, axis2=2) / np.maximum(confusion.sum(axis=2) + confusion.sum(axis=1), 1)
