"""One fold: every model is tuned and tested, and the chosen ones are trained on fewer names."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.names.data import LANGUAGES, Names
from experiments.names.scores import CHOSEN, MAJORITY, NGRAMS
from experiments.names.splits import Split, smaller
from experiments.names.tuning import Learner, accuracy, tuned

SHARES = (0.125, 0.25, 0.5)
"""Of the training territories, in the learning curve; all of them come last."""


def measured(learners: Mapping[str, Learner], names: Names, split: Split, fold: int, seed: int) -> dict[str, Any]:
    """Accuracies of every model by name, the learning curve `[share]`, and which network is chosen."""
    languages = names.languages
    found = {model: tuned(learner, split, languages, seed, f"fold {fold + 1}, {model}") for model, learner in learners.items()}
    network = max((model for model in found if model != NGRAMS), key=lambda model: found[model]["validation"].max())
    shown = {**found, CHOSEN: found[network]}
    results: dict[str, Any] = {"network": network, f"test/{MAJORITY}": _majority(languages, split)}
    for model, one in shown.items():
        results[f"validation/{model}"] = one["validation"].max()
        results[f"training/{model}"] = accuracy(one["guesses"], languages, split.training)
        results[f"test/{model}"] = accuracy(one["guesses"], languages, split.test)
    compared = {NGRAMS: NGRAMS, CHOSEN: network}
    rows = [smaller(names.territories, split.training, share, seed) for share in SHARES]
    results["curve/names"] = np.array([*map(len, rows), len(split.training)])
    for title, model in compared.items():
        learner = learners[model]
        setting = learner.settings[int(found[model]["chosen"])]
        smaller_parts = [accuracy(learner.fit(setting, row, seed), languages, split.test) for row in rows]
        results[f"curve/{title}"] = np.array([*smaller_parts, results[f"test/{title}"]])
    return results


def _majority(languages: np.ndarray, split: Split) -> float:
    most = np.bincount(languages[split.training], minlength=len(LANGUAGES)).argmax()
    return float(np.mean(languages[split.test] == most))
