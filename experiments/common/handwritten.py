"""Handwritten digits, real inputs that need no download: images, sequences of pixels or rows, and a fixed split."""

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split


@functools.cache
def load() -> tuple[np.ndarray, np.ndarray]:
    """Returns scikit-learn's 1,797 handwritten digits, images `[n, 8, 8]` in [0, 1], and their labels `[n]`."""
    found: Any = load_digits()
    pixels, labels = found.data, found.target
    return pixels.reshape(-1, 8, 8).astype(np.float32) / 16.0, labels.astype(np.int32)


def draw_sequences(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws digits and reads them pixel by pixel: xs `[64, count, 1]` and labels `[count]`."""
    images, labels = load()
    chosen = np.random.default_rng(seed).choice(len(labels), count, replace=count > len(labels))
    return images[chosen].reshape(count, 64).T[..., None], labels[chosen]


def split() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images `[n, 64]` and labels, test images and labels: 70 and 30 % of every class, always the same ones."""
    images, labels = load()
    found = train_test_split(images.reshape(-1, 64), labels, test_size=0.3, random_state=0, stratify=labels)
    images, test_images, labels, test_labels = map(np.asarray, found)
    return images, labels, test_images, test_labels


def read(images: np.ndarray | Array, steps: int, blanks: int = 0) -> Array:
    """Images `[n, 64]` as sequences `[steps + blanks, n, 64 / steps]`; blank steps are 0."""
    xs = jnp.asarray(images.reshape(len(images), steps, -1).swapaxes(0, 1))
    return jnp.pad(xs, ((0, blanks), (0, 0), (0, 0)))


def logistic_accuracy() -> float:
    """Test accuracy of logistic regression on all 64 pixels at once."""
    images, labels, test_images, test_labels = split()
    return float(LogisticRegression(max_iter=2000).fit(images, labels).score(test_images, test_labels))
