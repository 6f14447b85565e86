"""One fold: every model is tuned and tested, and the chosen ones are trained on fewer names."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.common.parts import Part
from experiments.names.data import LANGUAGES, Names
from experiments.names.scores import CHOSEN, MAJORITY, NGRAMS
from experiments.names.splits import Split, smaller
from experiments.names.tuning import Learner, accuracy, tuned

SHARES = (0.125, 0.25, 0.5)
"""Of the training territories, in the learning curve; all of them come last."""


def measured(learners: Mapping[str, Learner], names: Names, split: Split, fold: int, seed: int, part: Part) -> dict[str, Any]:
    """Accuracies of every model by name, the learning curve `[share]`, and which network is chosen."""
    languages, found = names.languages, {}
    for model, learner in learners.items():

        def tune(learner=learner, model=model):
            return tuned(learner, split, languages, seed, f"fold {fold + 1}, {model}")

        found[model] = part(f"fold{fold}-{model}".replace(", ", "-").replace(" ", "-"), tune)
    network = max((model for model in found if model != NGRAMS), key=lambda model: found[model]["validation"].max())
    shown = {**found, CHOSEN: found[network]}
    results: dict[str, Any] = {"network": network, f"test/{MAJORITY}": _majority(languages, split)}
    for model, one in shown.items():
        results[f"validation/{model}"] = one["validation"].max()
        results[f"training/{model}"] = accuracy(one["guesses"], languages, split.training)
        results[f"test/{model}"] = accuracy(one["guesses"], languages, split.test)
    compared = {NGRAMS: NGRAMS, CHOSEN: network}

    def learning():
        rows = [smaller(names.territories, split.training, share, seed) for share in SHARES]
        curve: dict[str, Any] = {"names": [len(row) for row in rows]}
        for title, model in compared.items():
            learner = learners[model]
            setting = learner.settings[int(found[model]["chosen"])]
            curve[title] = [accuracy(learner.fit(setting, row, seed), languages, split.test) for row in rows]
        return curve

    full = {"names": len(split.training), **{title: results[f"test/{title}"] for title in compared}}
    curve = part(f"fold{fold}-curve", learning)
    return results | {f"curve/{title}": np.append(curve[title], full[title]) for title in full}


def _majority(languages: np.ndarray, split: Split) -> float:
    most = np.bincount(languages[split.training], minlength=len(LANGUAGES)).argmax()
    return float(np.mean(languages[split.test] == most))
