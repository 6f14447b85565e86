"""Choosing a setting on validation names."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from experiments.names.splits import Split


class Learner(NamedTuple):
    """A way to learn the language of names.

    Attributes:
      settings: to choose from.
      fit: `(setting, rows, seed) -> guesses` for all names, after training on those at `rows`.
    """

    settings: tuple[Any, ...]
    fit: Callable[[Any, np.ndarray, int], np.ndarray]


def tuned(learner: Learner, split: Split, languages: np.ndarray, seed: int, label: str) -> dict[str, np.ndarray]:
    """Tries every setting, chooses by validation names, and trains the best again on all training names.

    Returns:
      Accuracy of every setting on validation names, which one is chosen, and its guesses for all names.
    """
    with tqdm(total=len(learner.settings) + 1, desc=f"{label}: starting", unit="training", leave=False) as progress:

        def fit(setting, rows):
            guesses = learner.fit(setting, rows, seed)
            progress.set_description(label, refresh=False)
            progress.update()
            return guesses

        tried = [fit(setting, split.fitting) for setting in learner.settings]
        validation = np.array([accuracy(guesses, languages, split.validation) for guesses in tried])
        chosen = int(validation.argmax())
        guesses = fit(learner.settings[chosen], split.training)
    return {"validation": validation, "chosen": np.array(chosen), "guesses": guesses}


def accuracy(guesses: np.ndarray, languages: np.ndarray, rows: np.ndarray) -> float:
    """The share of right guesses among the names at `rows`."""
    return float(np.mean(guesses[rows] == languages[rows]))
