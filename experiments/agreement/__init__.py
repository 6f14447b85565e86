"""He ... because she saw ... himself: the reflexive agrees with the subject, whatever pronouns come between.

Claim: an LSTM and a GRU keep the gender of the subject past competing pronouns, also further than any sentence of training; a
tanh network does worse, and an n-gram guesses.

Sentence: a subject ("he" or "she"), d words, and the reflexive to be predicted. Among the d words are k clauses like "because
she saw" with a competing pronoun each. In training d is 1 ... 40, k at most 4, and the gender of every pronoun is drawn
independently, so that competing pronouns say nothing about the subject, neither straight nor inverted.

Test: d = 13 ... 60, the same number of sentences for every distance, gender and k = 1 ... 4. In one half all competing pronouns
have the subject's gender, in the other half ("opposed") all have the other one. "The last pronoun decides", its inverse, and
"most pronouns decide" are thus right in exactly half of the sentences, and the first rule in none of the opposed ones.

Splits and choices: training, validation and test sentences come from different keys; none of the test is met in training (so
short sentences, of which there are few, are not tested). Each network has three learning rates, the n-gram three orders (it
counts the sentences that the networks see). Each chooses on validation sentences at trained distances with 2 seeds that are not
tested. The test is made once, with 8 further seeds, each with networks, training and test sentences of its own. Intervals:
Student's 95 % over these seeds, paired for differences.

Criteria, fixed before the first full run, all at distances 41 ... 60, longer than any in training:
  LSTM: lower bound of the accuracy at least 0.9, in all sentences and in the opposed ones alone;
  n-gram: upper bound at most 0.55;
  LSTM minus tanh, and GRU minus tanh: lower bound at least 0.05.

Found in the first full run: all three networks are right in every test sentence, so that both criteria about tanh are missed.
A memory of one bit, shielded from a few competing words, is not what sets gates apart.

What a sceptic can say: the subject is always the first word, so that this tests memory under interference and not grammar; the
words are few and their order is random; widths are equal, so that parameters differ; budget and initial matrix (Gaussian) were
not tuned, and a tanh network may do better with others.
"""

from typing import Any

import numpy as np

from experiments.agreement.figure import plot
from experiments.agreement.heuristics import HEURISTICS
from experiments.agreement.learners import NGRAM, all_learners
from experiments.agreement.options import Config
from experiments.agreement.scores import best, beyond, difference, ruled, tested, tried
from experiments.agreement.sentences import MOST, SHORTEST, spelled
from experiments.agreement.splits import test_sentences
from experiments.common.checks import Check, at_least, at_most
from experiments.common.devices import PARTS
from experiments.common.experiment import Experiment, Results
from experiments.common.intervals import of_mean
from experiments.common.parts import Part, compute_now

STATED_FOR = {"longest": 40, "test_longest": 60}
"""Options for which the criteria are stated."""


def run(config: Config, part: Part = compute_now) -> Results:
    """Chooses a setting of every learner, and measures accuracy by distance and by competing pronouns."""
    _show(config)
    curves = {"distance": np.arange(SHORTEST, config.test_longest + 1)}
    rows, learners = [], all_learners(config)
    trials = part.each("trials", lambda name: tried(config, learners[name], name), learners)
    chosen = {name: learner.settings[best(trials[name]["validation"])] for name, learner in learners.items()}
    for name, found in part.each("test", lambda name: tested(config, learners[name], chosen[name], name), learners).items():
        curves |= {f"accuracy/{name}": found["accuracy"], f"trials/{name}": trials[name]["validation"]}
        about = {"model": name, "chosen": chosen[name], "validation": float(found["validation"].mean())}
        rows.append(about | _summed_up(config, found["accuracy"]))
    for name, rule in HEURISTICS.items():
        curves[f"accuracy/{name}"] = ruled(config, rule)
        rows.append({"model": name} | _summed_up(config, curves[f"accuracy/{name}"]))
    rows.append({"model": "always the same reflexive", "accuracy": 0.5, "low": 0.5, "high": 0.5})
    summary: dict[str, Any] = {"distances": f"{config.longest + 1}-{config.test_longest}", "longest": config.longest}
    summary |= {f"{name}, chosen": setting for name, setting in chosen.items()}
    return Results(rows, summary, curves)


def _show(config: Config) -> None:
    example = test_sentences(config, 0)
    codes, genders = np.asarray(example.codes), np.asarray(example.genders)
    print("for example:", *(spelled(codes[:, i], genders[i]) for i in (4 * MOST - 1, -2)), sep="\n  ")


def _summed_up(config: Config, accuracy: np.ndarray) -> dict[str, float]:
    """Columns of the table: accuracy at trained distances, and beyond with its interval, opposed, and by clauses."""
    far = accuracy[:, config.longest + 1 - SHORTEST :]
    everywhere, opposed = of_mean(beyond(accuracy, config.longest)), of_mean(beyond(accuracy, config.longest, opposed=True))
    return {
        "trained distances": float(accuracy[:, : config.longest + 1 - SHORTEST].mean()),
        "accuracy": everywhere.middle,
        "low": everywhere.low,
        "high": everywhere.high,
        "opposed": opposed.middle,
        "opposed low": opposed.low,
        "opposed high": opposed.high,
        **{f"opposed, {k + 1}": float(far[:, :, k, 1].mean()) for k in range(MOST)},
    }


def check(config: Config, results: Results) -> list[Check]:
    """Tests bounds over seeds at distances longer than any in training."""
    if any(getattr(config, name) != value for name, value in STATED_FOR.items()):
        return []
    longest, at = config.longest, f"at {config.longest + 1}-{config.test_longest}"
    accuracy = {name.removeprefix("accuracy/"): found for name, found in results.curves.items() if "accuracy/" in name}
    return [
        at_least(f"accuracy {at}, LSTM", of_mean(beyond(accuracy["LSTM"], longest)), 0.9),
        at_least(f"accuracy {at}, LSTM, opposed", of_mean(beyond(accuracy["LSTM"], longest, opposed=True)), 0.9),
        at_most(f"accuracy {at}, n-gram", of_mean(beyond(accuracy[NGRAM], longest)), 0.55),
        at_least(f"LSTM minus tanh {at}", difference(accuracy["LSTM"], accuracy["tanh"], longest), 0.05),
        at_least(f"GRU minus tanh {at}", difference(accuracy["GRU"], accuracy["tanh"], longest), 0.05),
    ]


EXPERIMENT = Experiment(
    name="agreement",
    claim="LSTM and GRU keep a subject's gender past competing pronouns and trained distances; tanh does worse, n-grams guess.",
    source="Elman (1991), Distributed representations, simple recurrent networks; Linzen, Dupoux & Goldberg (2016)",
    config=Config,
    run=run,
    plot=plot,
    check=check,
    spreads=PARTS,
)
