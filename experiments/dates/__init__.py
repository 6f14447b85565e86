"""Dates as ten languages write them to ISO 8601: does it pay to look at every character, or is one state enough?

Claim. An encoder-decoder with attention writes dates that it has never seen, also in a format that it has never read in that
language and in the middle of a text longer than any it was trained on; there it is ahead of the same model whose decoder knows
one state only; and it learns faster.

Task. The source is the language's tag, other text, the date, other text; the target is the date in ISO 8601. Other text is
words of random letters, in training 0 to 10 characters in all. Every language is trained in three of the CLDR's four formats.
The fourth, "long" or "full" in turn, is held out in this language and trained in others; the names of the months are the same
in both. Days are split before they are written: no day of a test is trained in any language.

Models. Same bidirectional GRU encoder and same GRU decoder; they differ in the context alone. The one state is the end of both
directions, [→h_T, ←h_1]. Both contexts are the decoder's first state and beside its input at every step.

Data. Per seed 80 % of the days for training, 10 % for validation, 10 % for testing; seeds differ in the split, in the held-out
combinations (the other one of long and full), in the written dates, the parameters and the batches. There are 5 seeds.

Choices. The learning rate, for every context on its own: the one with the lowest loss on the first seed's validation days, in
trained combinations with trained lengths; the other seeds use it. Every context has the same two trials, each of all updates.
Nothing else is chosen. Only chosen networks are tested, once, on: trained combinations; unseen combinations; and trained
combinations with other text of exactly 0, 10, 20 and 40 characters. Scored is the exact match of all characters, greedily.

Criteria, by bounds of Student's 95 % intervals over the seeds, differences paired by seed:
- attention, trained combinations: exact match at least 0.99;
- attention minus last state, unseen combinations: at least 0.02;
- attention minus last state, 40 characters of other text: at least 0.10;
- the same lead minus the lead in trained combinations, so that a last state that is only slower to learn does not count: at
  least 0.05;
- attention, 40 characters of other text: exact match at least 0.90;
- updates to a training loss of 0.01 (mean of 20), last state over attention: at least 2. A last state that never gets there
  counts with all its updates, an attention that does not with a ratio of 0.

The number of updates, the rates and the criterion beyond the lead in trained combinations were fixed after the training and
validation losses of one seed with 1,200 updates and rates 3e-3 and 1e-2, in which the last state was not done learning; no test
result of that run was looked at.

Baseline: the most frequent training date.

What a sceptic can still say. Attention has more parameters (the score) and takes longer per update; updates are counted, not
seconds. Two learning rates and one size are a small search; a larger last state, or one trained for longer, may remember more.
Days that chose the learning rate are test days of other seeds. Random letters are easier to tell from a date than prose. The
languages share most of their formats, so an unseen combination is not an unseen format.
"""

import dataclasses
import functools
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from babel import Locale, UnknownLocaleError

from experiments.common.checks import Check, at_least
from experiments.common.devices import PARTS
from experiments.common.experiment import Experiment, Results
from experiments.common.intervals import of_mean
from experiments.common.options import check_counts, option
from experiments.common.parts import Part, compute_now
from experiments.common.tables import over_seeds
from experiments.dates.data import (
    FIRST,
    FORMATS,
    ISO_STEPS,
    LAST,
    NUM_DAYS,
    Pairs,
    alphabet,
    combinations,
    draw,
    longest,
    split,
)
from experiments.dates.figure import plot
from experiments.dates.networks import CONTEXTS, Sizes, functions, mean_loss, right, train

LOW_LOSS = 0.01
"""Nats per character; the time to get there is a model's speed."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    languages: tuple[str, ...] = ("en_US", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "tr")
    """Babel's names of the languages; each is written in the CLDR's formats short, medium, long and full."""
    contexts: tuple[str, ...] = ("last", "attention")
    """What the decoder knows of the source, one model each, of none, last, transformed, attention; the claim needs last and
    attention."""
    other_text: int = 10
    """Most characters of other text around a date in training."""
    tested_texts: tuple[int, ...] = (0, 10, 20, 40)
    """Characters of other text in the tests, rising; the last one must be more than in training."""
    hidden_size: int = 32
    """Units of the encoder, in each direction; the decoder has twice as many."""
    embed_size: int = 32
    """Features of an embedded symbol."""
    batch_size: int = 32
    """Written dates per update."""
    updates: int = 2000
    """Updates per training."""
    learning_rates: tuple[float, ...] = (1e-2, 2e-2)
    """Peaks of Adam's learning rate, which then falls to 0 along a cosine, to choose from on validation days."""
    training_pairs: int = 30_000
    """Written dates to train on, per seed."""
    test_pairs: int = 1000
    """Written dates per test, and for validation."""
    held_out: float = 0.1
    """Share of the century's dates that is held out for validation, and the same share again for testing."""
    seeds: int = 5
    """Networks per context, each with its own split."""
    seed: int = 0
    """First of the seeds."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "hidden_size", "embed_size", "batch_size", "updates", "training_pairs", "test_pairs", "seeds")
        check_counts(self, "other_text", "seed", least=0)
        if not 0.001 <= self.held_out <= 0.45:
            raise ValueError(f"--held-out must lie between 0.001 and 0.45; got {self.held_out}: try 0.1")
        _check_each_once("learning_rates", self.learning_rates, "try 3e-3 1e-2")
        for rate in self.learning_rates:
            if rate <= 0:
                raise ValueError(f"--learning-rates must be positive; got {rate}: try 3e-3 1e-2")
        _check_each_once("contexts", self.contexts, "try last attention")
        if not {"attention"} <= set(self.contexts) <= set(CONTEXTS):
            raise ValueError(f"--contexts must be some of {' '.join(CONTEXTS)}, attention among them; got {self.contexts}")
        texts = self.tested_texts
        if not texts or list(texts) != sorted(set(texts)) or texts[0] < 0 or texts[-1] <= self.other_text:
            raise ValueError(
                f"--tested-texts must rise from 0 or more to more than {self.other_text}, as in training; got {texts}"
            )
        _check_each_once("languages", self.languages, "try en_US de fr")
        for name in self.languages:
            try:
                Locale.parse(name)
            except (ValueError, UnknownLocaleError) as error:
                raise ValueError(f"--languages must be names that Babel knows; got {name!r}: try en_US, de or pt_BR") from error


def _check_each_once(name: str, values: tuple, advice: str) -> None:
    if not values or len(set(values)) < len(values):
        raise ValueError(f"{option(name)} must be one or more, each once; got {values}: {advice}")


class Data(NamedTuple):
    """What one seed trains on, chooses the learning rate on, and is tested on, in the order of `test_names`."""

    training: Pairs
    validation: Pairs
    tests: list[Pairs]


def test_names(config: Config) -> list[str]:
    """The tests."""
    return ["trained combinations", "unseen combinations", *(f"{n} characters of other text" for n in config.tested_texts)]


def sizes(config: Config, context: str) -> Sizes:
    """Sizes of the model with one of the `CONTEXTS`."""
    return Sizes(len(alphabet(config.languages)), config.embed_size, config.hidden_size, context)


def data_of(config: Config, seed: int) -> Data:
    """Draws what one seed sees."""
    days, (seen, unseen) = split(config.held_out, seed), combinations(config.languages, seed)
    rng, usual = np.random.default_rng(seed), (0, config.other_text)
    short, wide = (longest(config.languages) + n for n in (config.other_text, config.tested_texts[-1]))

    def pairs(some, count, chosen, other, steps):
        return draw(some, count, config.languages, chosen, other, steps, rng)

    training = pairs(days.training, config.training_pairs, seen, usual, short)
    validation = pairs(days.validation, config.test_pairs, seen, usual, short)
    kinds = [(seen, usual), (unseen, usual), *((seen, (n, n)) for n in config.tested_texts)]
    return Data(training, validation, [pairs(days.test, config.test_pairs, chosen, other, wide) for chosen, other in kinds])


def one_network(config: Config, context: str, seed: int, data: Data, rates: Sequence[float]) -> dict[str, Any]:
    """Trains with every one of some learning rates, and tests the network with the lowest loss on the validation days."""
    of, trials = sizes(config, context), []
    settings = {"seed": seed, "updates": config.updates, "batch_size": config.batch_size}
    for rate in rates:
        label = f"dates, {context}, seed {seed}, rate {rate:g}"
        trials.append(train(of, data.training, learning_rate=rate, label=label, **settings))
    losses = [mean_loss(of, params, data.validation) for params, _ in trials]
    best = int(np.argmin(losses))
    params, training = trials[best]
    shown = example(data.tests[-1])
    _, weights = functions(of).look(params, shown.source, shown.lengths, shown.target)
    return {
        "training": training,
        "updates to low loss": updates_to(LOW_LOSS, training),
        "validation": np.array(losses),
        "learning rate": np.array(rates[best]),
        "exact": np.array([right(of, params, test).mean() for test in data.tests]),
        "parameters": np.array(sum(leaf.size for leaf in jax.tree.leaves(params))),
        "shown": shown.source[: shown.lengths[0], 0],
        "weights": np.asarray(weights[:, : shown.lengths[0], 0]),
        "target": shown.target[:, 0],
    }


def example(test: Pairs) -> Pairs:
    """The pair whose attention is drawn: the first that is written in full, or the first."""
    chosen = int(np.argmax(test.formats == FORMATS.index("full")))
    source, lengths, target, *rest = test
    some = slice(chosen, chosen + 1)
    return Pairs(source[:, some], lengths[some], target[:, some], *(values[some] for values in rest))


def updates_to(target: float, losses: np.ndarray, width: int = 20) -> float:
    """The first update at which the mean of the last `width` losses is below the target; infinite if there is none."""
    if len(losses) < width:
        return np.inf
    below = np.convolve(losses, np.full(width, 1 / width), mode="valid") < target
    return float(np.argmax(below)) + width if below.any() else np.inf


def usual_date(data: Data) -> np.ndarray:
    """Exact match of the most frequent training date in every test."""
    days, counts = np.unique(data.training.days, return_counts=True)
    return np.array([np.mean(test.days == days[counts.argmax()]) for test in data.tests])


def run(config: Config, part: Part = compute_now) -> Results:
    """Trains and tests all models on every seed's data."""
    data = functools.cache(lambda seed: data_of(config, seed))  # drawn only if a part has to be computed
    first, *others = seeds = range(config.seed, config.seed + config.seeds)
    chosen = part.each(
        "first", lambda context: one_network(config, context, first, data(first), config.learning_rates), config.contexts
    )

    def compute(key):
        context, seed = key
        return one_network(config, context, seed, data(seed), [float(chosen[context]["learning rate"])])

    later = part.each("later", compute, itertools.product(config.contexts, others))
    usual = part.each("usual", lambda seed: {"exact": usual_date(data(seed))}, seeds)
    found = {context: [chosen[context], *(later[context, seed] for seed in others)] for context in config.contexts}
    return _results(config, found, np.array([usual[seed]["exact"] for seed in seeds]))


def _results(config: Config, found: dict[str, list[dict[str, np.ndarray]]], usual: np.ndarray) -> Results:
    """Lays out what was found of every context and seed."""
    curves = {}
    for context, networks in found.items():
        for key in ("exact", "training", "updates to low loss", "learning rate"):
            curves[f"{key}/{context}"] = np.array([network[key] for network in networks])
    first = found["attention"][0]
    curves |= {key: first[key] for key in ("shown", "weights", "target")}
    rows = [
        _row(name, context, curves[f"exact/{context}"][:, i])
        for i, name in enumerate(test_names(config))
        for context in config.contexts
    ]
    if "last" in config.contexts:
        differences = curves["exact/attention"] - curves["exact/last"]
        rows += [_row(name, "attention - last", differences[:, i]) for i, name in enumerate(test_names(config))]
    rows += [_row(test_names(config)[0], "most frequent training date", usual[:, 0])]
    summary = {
        "other text": list(config.tested_texts),
        "other text in training": config.other_text,
        "contexts": list(config.contexts),
        "parameters": {context: int(networks[0]["parameters"]) for context, networks in found.items()},
        "learning rate": {context: float(networks[0]["learning rate"]) for context, networks in found.items()},
        "validation loss of the trials": {context: networks[0]["validation"].tolist() for context, networks in found.items()},
        "updates to loss 0.01": {
            context: [_or_never(n["updates to low loss"]) for n in networks] for context, networks in found.items()
        },
        "loss of knowing only that it is a date of the century": float(np.log(NUM_DAYS) / ISO_STEPS),
        "written dates": f"{FIRST} to {LAST}",
        "languages": list(config.languages),
        "alphabet": alphabet(config.languages),
    }
    return Results(rows, summary, curves)


def _row(test: str, model: str, values: np.ndarray) -> dict[str, Any]:
    return {"test": test, "model": model, **over_seeds("exact match", values)}


def _or_never(updates: np.ndarray) -> int | str:
    return int(updates) if np.isfinite(updates) else "never"


def speedups(curves: dict[str, np.ndarray]) -> np.ndarray:
    """Updates to a loss of 0.01, last state over attention, `[seed]`; one that never arrives counts with all updates."""
    available = curves["training/last"].shape[1]
    return np.minimum(curves["updates to low loss/last"], available) / curves["updates to low loss/attention"]


def check(config: Config, results: Results) -> list[Check]:
    """Tests the six criteria, if both models and several seeds are there."""
    if config.seeds < 2 or "last" not in config.contexts:
        return []
    attention, last = (results.curves[f"exact/{context}"] for context in ("attention", "last"))
    ahead, (trained, unseen, longest_text) = attention - last, (0, 1, -1)
    beyond = ahead[:, longest_text] - ahead[:, trained]
    far = f"{config.tested_texts[-1]} characters of other text"
    return [
        at_least("exact match, trained combinations, attention", of_mean(attention[:, trained]), 0.99),
        at_least("exact match, unseen combinations, attention - last state", of_mean(ahead[:, unseen]), 0.02),
        at_least(f"exact match, {far}, attention - last state", of_mean(ahead[:, longest_text]), 0.10),
        at_least(f"the same beyond the lead in {test_names(config)[trained]}", of_mean(beyond), 0.05),
        at_least(f"exact match, {far}, attention", of_mean(attention[:, longest_text]), 0.90),
        at_least("updates to loss 0.01, last state / attention", of_mean(speedups(results.curves)), 2.0),
    ]


EXPERIMENT = Experiment(
    name="dates",
    claim="Attention reads dates in formats and lengths of text never trained better than one state does, and learns faster.",
    source="Bahdanau, Cho & Bengio (2015), sections 3 and 5; Cho et al. (2014); Sutskever, Vinyals & Le (2014)",
    config=Config,
    run=run,
    plot=plot,
    check=check,
    spreads=PARTS,
)
