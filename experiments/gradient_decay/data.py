"""What the networks of `gradient_decay` read."""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common import handwritten
from experiments.common.text import standard_library_text

Input = Literal["digits", "text", "noise"]
STEPS = 64
"""Steps of a digit that is read pixel by pixel; of text and noise unless an option says otherwise."""


def load_sequences(source: Input, num_steps: int, networks: int, count: int, seed: int) -> tuple[jax.Array, jax.Array, int]:
    """Returns inputs `[network, T, count, features]`, labels `[network, count]`, and the number of classes.

    Every network has sequences of its own, so that values of two networks are independent.
    """
    total = networks * count
    if source == "digits":
        (xs, labels), classes = handwritten.draw_sequences(total, seed), 10
    elif source == "text":
        xs, labels = text_sequences(standard_library_text(), num_steps, total, seed)
        classes = xs.shape[-1]
    else:
        rng, classes = np.random.default_rng(seed), 10
        xs = rng.normal(size=(num_steps, total, 1)).astype(np.float32)
        labels = rng.integers(0, 10, total)
    split = xs.reshape(len(xs), networks, count, -1).swapaxes(0, 1)
    return jnp.asarray(split), jnp.asarray(labels.reshape(networks, count)), classes


def longest_lag(xs: np.ndarray) -> int:
    """The largest lag T - t at which every sequence `[network, T, count, features]` has been read for one step or is about to.

    Before the first input that is not 0 the state is exactly 0, where the slope of a ReLU is a convention.
    """
    first = (np.asarray(xs) != 0).any(axis=-1).argmax(axis=1)
    return xs.shape[1] - int(min(first.max(), xs.shape[1] - 8))


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
