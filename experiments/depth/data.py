"""Digits as sequences of rows, in three parts, and the linear model beside the stacks."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from experiments.common import handwritten

STEPS = 8
"""Rows of a digit, read one by one."""
VALIDATION = 0.2
"""The share of the digits not tested on that is kept out of training."""


class Digits(NamedTuple):
    """Rows `[8, n, 8]` and labels `[n]` of each part."""

    training: tuple[Array, Array]
    validation: tuple[Array, Array]
    test: tuple[Array, Array]


def load() -> Digits:
    """Keeps a fifth of the training digits for validation; always the same ones."""
    images, labels, test_images, test_labels = handwritten.split()
    parted = train_test_split(images, labels, test_size=VALIDATION, random_state=1, stratify=labels)
    images, validation_images, labels, validation_labels = map(np.asarray, parted)
    pairs = (images, labels), (validation_images, validation_labels), (test_images, test_labels)
    return Digits(*((handwritten.read(part, STEPS), jnp.asarray(names)) for part, names in pairs))


def logistic(digits: Digits, penalties: int) -> dict[str, float]:
    """Accuracies of logistic regression on all pixels at once, its penalty the best of 0.01, 0.1, ... on validation digits."""
    training, validation, test = ((_pixels(xs), np.asarray(labels)) for xs, labels in digits)
    models = [LogisticRegression(C=10.0 ** (power - 2), max_iter=5000).fit(*training) for power in range(penalties)]
    best = max(models, key=lambda model: model.score(*validation))
    return {"validation": float(best.score(*validation)), "test": float(best.score(*test))}


def _pixels(xs: Array) -> np.ndarray:
    return np.asarray(xs).swapaxes(0, 1).reshape(xs.shape[1], -1)
