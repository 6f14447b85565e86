"""What the networks of `gradient_decay` read."""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common import handwritten
from experiments.common.text import standard_library_text

Input = Literal["digits", "text", "noise"]


def load_sequences(source: Input, num_steps: int, count: int, seed: int) -> tuple[jax.Array, jax.Array, int]:
    """Returns inputs `[T, count, features]`, labels `[count]` and the number of classes."""
    if source == "digits":
        (xs, labels), classes = handwritten.draw_sequences(count, seed), 10
    elif source == "text":
        xs, labels = text_sequences(standard_library_text(), num_steps, count, seed)
        classes = xs.shape[-1]
    else:
        rng, classes = np.random.default_rng(seed), 10
        xs = rng.normal(size=(num_steps, count, 1)).astype(np.float32)
        labels = rng.integers(0, 10, count)
    return jnp.asarray(xs), jnp.asarray(labels), classes


def text_sequences(text: str, num_steps: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws windows of text: one-hot characters `[num_steps, count, alphabet]` and the character after each window `[count]`.

    Raises:
      ValueError: the text is shorter than a window.
    """
    if len(text) <= num_steps:
        raise ValueError(f"the text has {len(text)} characters, too few for windows of {num_steps} and one to predict")
    alphabet, codes = np.unique(np.array(list(text)), return_inverse=True)
    starts = np.random.default_rng(seed).integers(0, len(text) - num_steps, count)
    windows = codes[starts[:, None] + np.arange(num_steps + 1)]
    return np.eye(len(alphabet), dtype=np.float32)[windows[:, :-1].T], windows[:, -1].astype(np.int32)
