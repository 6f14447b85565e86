"""The names of the ten digits, in letters."""

import numpy as np

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LETTERS = "".join(sorted(set("".join(NAMES))))
END = len(LETTERS)
"""The symbol after a name, and also the one before its first letter."""
STEPS = max(map(len, NAMES)) + 1


def spelled() -> tuple[np.ndarray, np.ndarray]:
    """The ten names as symbols with the end symbol behind them, `[6, 10]`, and which of these count: up to the first end."""
    tokens = np.full((STEPS, 10), END, np.int32)
    for digit, name in enumerate(NAMES):
        tokens[: len(name), digit] = [LETTERS.index(letter) for letter in name]
    return tokens, np.arange(STEPS)[:, None] <= np.array([len(name) for name in NAMES])


def as_names(written: np.ndarray) -> np.ndarray:
    """Joins letters `[seed, 6, pictures]` to names `[seed, pictures]`."""
    letters = np.array([*LETTERS, ""])
    return np.array([["".join(column) for column in letters[one].T] for one in written])
