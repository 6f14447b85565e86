"""Choosing a setting on validation sentences, and counting right guesses on test sentences."""

from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from experiments.agreement.learners import Guess, Learner
from experiments.agreement.options import Config
from experiments.agreement.sentences import SHORTEST, Sentences, cells_of
from experiments.agreement.splits import test_sentences, validation_sentences
from experiments.common.intervals import Interval, of_mean


def tried(config: Config, learner: Learner, label: str) -> dict[str, np.ndarray]:
    """Accuracy of every setting on validation sentences, `[setting, tuning seed]`; no seed is one of those tested."""
    seeds = range(config.seeds, config.seeds + config.tuning_seeds)
    with tqdm(total=len(learner.settings) * len(seeds), desc=f"{label}: starting", unit="trial", leave=False) as progress:

        def score(setting, seed):
            found = _right(learner.fit(setting, seed), validation_sentences(config, seed)).mean()
            progress.set_description(f"{label}: choosing", refresh=False)
            progress.update()
            return found

        return {"validation": np.array([[score(setting, seed) for seed in seeds] for setting in learner.settings])}


def best(validation: np.ndarray) -> int:
    """The setting with the best mean over seeds `[setting, seed]`, the first of equals."""
    return int(validation.mean(axis=1).argmax())


def tested(config: Config, learner: Learner, setting: float, label: str) -> dict[str, np.ndarray]:
    """Accuracy on test sentences, `[seed, distance, clauses - 1, relation]`, and on validation sentences, `[seed]`."""
    accuracy, validation = [], []
    for seed in tqdm(range(config.seeds), desc=label, unit="seed", leave=False):
        guess = learner.fit(setting, seed)
        accuracy.append(cells_of(_right(guess, test_sentences(config, seed)), config.test_sentences))
        validation.append(_right(guess, validation_sentences(config, seed)).mean())
    return {"accuracy": np.stack(accuracy), "validation": np.array(validation)}


def ruled(config: Config, rule: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Accuracy of a rule that needs no training, as `tested` gives it."""

    def guess(sentences: Sentences) -> np.ndarray:
        return rule(np.asarray(sentences.codes))

    return np.stack(
        [cells_of(_right(guess, test_sentences(config, seed)), config.test_sentences) for seed in range(config.seeds)]
    )


def beyond(accuracy: np.ndarray, longest: int, *, opposed: bool = False) -> np.ndarray:
    """Accuracy of every seed at distances above `longest`; where all competing pronouns are opposed, or everywhere."""
    far = accuracy[:, longest + 1 - SHORTEST :]
    return far[..., 1 if opposed else slice(None)].reshape(len(far), -1).mean(axis=1)


def difference(ours: np.ndarray, theirs: np.ndarray, longest: int) -> Interval:
    """How much better ours is at distances above `longest`, paired by seeds."""
    return of_mean(beyond(ours, longest) - beyond(theirs, longest))


def _right(guess: Guess, sentences: Sentences) -> np.ndarray:
    return guess(sentences) == np.asarray(sentences.genders)
