"""Real inputs that need no download: handwritten digits and the standard library's own source text."""

import functools
import sysconfig
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits


@functools.cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Returns scikit-learn's 1,797 handwritten digits, images `[n, 8, 8]` in [0, 1], and their labels `[n]`."""
    pixels, labels = load_digits(return_X_y=True)
    return pixels.reshape(-1, 8, 8).astype(np.float32) / 16.0, labels.astype(np.int32)


def digit_sequences(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws digits and reads them pixel by pixel: xs `[64, count, 1]` and labels `[count]`."""
    images, labels = digits()
    chosen = np.random.default_rng(seed).choice(len(labels), count, replace=count > len(labels))
    return images[chosen].reshape(count, 64).T[..., None], labels[chosen]


@functools.cache
def standard_library_text(max_characters: int = 2_000_000) -> str:
    """Joins the sources of the Python standard library, in alphabetical order of their paths, up to a size."""
    root, texts, size = Path(sysconfig.get_paths()["stdlib"]), [], 0
    for path in sorted(p for p in root.glob("*.py")):
        text = path.read_text(encoding="utf-8", errors="ignore")
        texts.append(text)
        size += len(text)
        if size >= max_characters:
            break
    return "".join(texts)[:max_characters]


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
