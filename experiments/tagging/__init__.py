"""Every character of Python source with the class of its token: aligned many to many, with and without the right-hand context.

Whether `format` is called shows at its parenthesis, and that it is not the keyword `for` at its fourth letter.

Claim. A bidirectional LSTM tags characters better than one that reads from the left, and better than one that also reads from
the left but answers late: it has read some characters ahead before it must answer. The second is the fair control, for the
first lacks the right-hand context altogether.

Data. Modules of the standard library, whole files: some to train on, others to choose on, others to test on. Windows are cut
without regard to tokens, so that their first characters lack left-hand context: what counts is the second half of each window,
and the accuracy in all places stands beside it.

What is chosen. Networks have about the same number of parameters. Learning rates (`--learning-rates`) are chosen for each kind
on the validation files, by one network of a seed that is not used again. The delayed network takes the learning rate of the
one that is not, and its delay (`--delays`) is chosen in the same way: as many trials as the others have. A network without
recurrence sees a window of characters on both sides, of a reach (`--reaches`) that is chosen on the validation files, too.
Earlier versions of this experiment tested on what are the validation files now, so that the test files have chosen nothing.

Criteria, fixed before the first run. Accuracies are those in the second half of the test windows, differences are paired by
seed (same batches), and intervals are Student's over 5 seeds:
- bidirectional minus delayed: lower bound at least 0;
- bidirectional minus left to right: lower bound at least 0.03;
- the same for the mean F1 of called and assigned names, which the characters to come decide: lower bound at least 0.2;
- bidirectional minus the window without recurrence: lower bound at least 0;
- the worst network of all minus the most frequent class: at least 0.
The three ways to stack two layers have no criterion: their differences from one bidirectional layer are in the table.

What a sceptic can still say. Seeds leave open what other files would give; the table has intervals over test files, which are
few. All networks are small and trained briefly, and the delayed one
may need more of both than the bidirectional one: with a long delay it was worse than without one on the validation files, which
more updates may change.
"""

import dataclasses
import functools
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.common.checks import Check, at_least
from experiments.common.devices import PARTS
from experiments.common.experiment import Experiment, Results
from experiments.common.intervals import of_items, of_mean
from experiments.common.options import check_counts, option
from experiments.common.parts import Part, compute_now
from experiments.tagging.baseline import predict_from_around
from experiments.tagging.data import (
    CLASSES,
    FROM_THE_RIGHT,
    Corpus,
    cut,
    join,
    make_alphabet,
    split_file,
    split_library,
)
from experiments.tagging.figure import BASELINE, plot
from experiments.tagging.networks import NETWORKS, STACKINGS, make_layer, matched_sizes, parameters_of
from experiments.tagging.scores import accuracy, f1, late, late_accuracy, scores
from experiments.tagging.training import Functions, compiled, predict, train
from recurrent import Layer

USUAL = "most frequent class"
AGAINST = {"delayed": 0.0, "left to right": 0.03, BASELINE: 0.0}
"""What the bidirectional layer must be better than, in accuracy, and by how much."""
NAMES, NAMES_MARGIN = f"mean F1 of {' and '.join(FROM_THE_RIGHT)}, bidirectional minus left to right", 0.2
WORST = f"accuracy, worst network minus {USUAL}"


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    text: Path | None = None
    """A file of Python source, the last two fifths to choose and to test on; files of the standard library by default."""
    training_characters: int = 1_000_000
    """How much of the standard library is for training, rounded up to whole files."""
    validation_characters: int = 200_000
    """How much of it is to choose on, in other files."""
    test_characters: int = 200_000
    """How much of it is for the test, in yet other files."""
    window: int = 80
    """Characters that are read at a time."""
    hidden_size: int = 64
    """Units of the LSTM that reads from the left; the other networks get as many parameters."""
    embed_size: int = 16
    """Features of an embedded character."""
    batch_size: int = 32
    """Windows per update."""
    updates: int = 400
    """Updates per network."""
    learning_rates: tuple[float, ...] = (1e-2, 3e-2, 1e-1)
    """Learning rates of Adam at the start to choose from; they fall to 0 along a cosine."""
    delays: tuple[int, ...] = (1, 4, 16)
    """Characters that the delayed network reads ahead, to choose from."""
    reaches: tuple[int, ...] = (4, 8, 16)
    """Characters on either side that the network without recurrence sees, to choose from."""
    baseline_characters: int = 100_000
    """Characters that it is fitted to."""
    baseline_epochs: int = 5
    """How often it sees them."""
    seeds: int = 5
    """Networks of each kind."""
    seed: int = 0
    """Seed of parameters and batches; the split into files is always the same."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        counts = (field.name for field in dataclasses.fields(self) if field.type is int and field.name != "seed")
        check_counts(self, *counts)
        check_counts(self, "seeds", "window", least=2)
        check_counts(self, "seed", least=0)
        for name, most in (("learning_rates", 1.0), ("delays", self.window - 1), ("reaches", self.window - 1)):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given) or not all(0 < one <= most for one in given):
                raise ValueError(f"{option(name)} must be different numbers in (0, {most:g}]; got {given}: give others")
        if self.text is not None:
            load(self)


class Held(NamedTuple):
    """Windows of text that no network is trained on: `[window, N]`, and which file each is from, `[N]`."""

    codes: np.ndarray
    labels: np.ndarray
    to_end: np.ndarray
    files: np.ndarray


class Data(NamedTuple):
    """Text to train on, windows to choose and to test on, and the number of symbols."""

    training: Corpus
    validation: Held
    test: Held
    symbols: int


class Choice(NamedTuple):
    """What a trial decides: how a kind of network is trained."""

    kind: str
    rate: float
    delay: int = 0


def load(config: Config) -> Data:
    """Reads the text.

    Raises:
      ValueError: a text that cannot be read, does not tokenize, or is shorter than a window in one of its parts.
    """
    if config.text is None:
        split = split_library(config.training_characters, config.validation_characters, config.test_characters)
    else:
        split = split_file(config.text)
    alphabet = make_alphabet(split.training)
    validation, test = (hold(join(part, alphabet, config.window, stride=config.window), config.window) for part in split[1:])
    return Data(join(split.training, alphabet, config.window), validation, test, len(alphabet))


def hold(corpus: Corpus, window: int) -> Held:
    """Windows of a text, each character once."""
    codes, labels, to_end = (cut(values, corpus.starts, window) for values in (corpus.codes, corpus.labels, corpus.to_end))
    return Held(codes, labels, to_end, corpus.files[corpus.starts])


def run(config: Config, part: Part = compute_now) -> Results:
    """Trains the networks and the baseline, and tests them on other files."""
    data = load(config)
    usual = int(np.bincount(data.training.labels).argmax())
    windows = part.each("window", functools.partial(_around, config, data), config.reaches)
    reach = max(windows, key=lambda reach: float(windows[reach]["accuracy"]))
    predicted = {USUAL: np.full((1, *data.test.labels.shape), usual), BASELINE: windows[reach]["said"][None]}
    units = matched_sizes(data.symbols, config.embed_size, config.hidden_size)
    layer = functools.partial(_layer, config, data, units)
    functions = functools.cache(lambda kind, delay: compiled(layer(kind, delay), config.updates))

    def tried(trials):
        return part.each("trial", lambda key: trial(config, functions(key.kind, key.delay), data, key), trials)

    def trained(key):
        kind, seed = key
        return final(config, functions(kind, chosen[kind].delay), data, chosen[kind], seed)

    chosen = choose(tried(rates_of(config)))
    chosen |= choose(tried(delays_of(config, chosen["left to right"].rate)))
    found = part.each("network", trained, itertools.product(NETWORKS, range(config.seed, config.seed + config.seeds)))
    about: dict[str, dict[str, Any]] = {BASELINE: {"reach": reach}}
    losses = {}
    for kind in NETWORKS:
        networks = [one for (of, _), one in found.items() if of == kind]
        predicted[kind], losses[f"loss/{kind}"] = (np.stack([one[key] for one in networks]) for key in ("said", "loss"))
        about[kind] = {"units": units[kind], "parameters": parameters_of(layer(kind)), "learning rate": chosen[kind].rate}
    about["delayed"]["delay"] = chosen["delayed"].delay
    summary = {
        "text": "the standard library" if config.text is None else config.text.name,
        "test characters": data.test.labels.size,
        "test files": len(np.unique(data.test.files)),
        USUAL: CLASSES[usual],
        "delay": about["delayed"]["delay"],
        "reach": reach,
        **differences(data.test.labels, predicted),
    }
    curves = {}
    for kind, said in predicted.items():
        curves |= {f"{name}/{kind}": value for name, value in scores(data.test.labels, data.test.to_end, said).items()}
    rows = [_row(kind, about.get(kind, {}), curves) for kind in predicted]
    return Results([*rows, *_difference_rows(data.test, predicted)], summary, curves | losses)


def rates_of(config: Config) -> list[Choice]:
    """What is tried for all kinds of networks but the delayed one: learning rates."""
    return [Choice(kind, rate) for kind in NETWORKS if kind != "delayed" for rate in config.learning_rates]


def delays_of(config: Config, rate: float) -> list[Choice]:
    """What is tried for the delayed one: delays, at the rate of the one that is not."""
    return [Choice("delayed", rate, delay) for delay in config.delays]


def choose(trials: Mapping[Choice, Mapping[str, Any]]) -> dict[str, Choice]:
    """The trial of highest accuracy on the validation files for each kind, the first of equal ones."""
    kinds = dict.fromkeys(choice.kind for choice in trials)
    of = {kind: [choice for choice in trials if choice.kind == kind] for kind in kinds}
    return {kind: max(of[kind], key=lambda choice: float(trials[choice]["accuracy"])) for kind in kinds}


def trial(config: Config, functions: Functions, data: Data, choice: Choice) -> dict[str, Any]:
    """Accuracy on the validation files of a network whose seed is not used again."""
    label = f"{choice.kind}, trial of {choice.delay or choice.rate:g}"
    params, _ = train(config, functions, data.training, choice.rate, config.seed + config.seeds, label)
    return {"accuracy": late_accuracy(data.validation.labels, predict(functions, params, data.validation.codes))}


def final(config: Config, functions: Functions, data: Data, choice: Choice, seed: int) -> dict[str, Any]:
    """What a network says of the test files, and its losses in training."""
    params, losses = train(config, functions, data.training, choice.rate, seed, f"{choice.kind}, seed {seed}")
    return {"said": predict(functions, params, data.test.codes), "loss": losses}


def _layer(config: Config, data: Data, units: Mapping[str, int], kind: str, delay: int = 0) -> Layer:
    return make_layer(kind, data.symbols, config.embed_size, units[kind], delay)


def _around(config: Config, data: Data, reach: int) -> dict[str, Any]:
    """How right the network without recurrence is on the validation files, and what it says of the test files."""
    held = [data.validation.codes, data.test.codes]
    validation, test = predict_from_around(config, data.training, data.symbols, reach, held)
    return {"accuracy": late_accuracy(data.validation.labels, validation), "said": test}


def differences(labels: np.ndarray, predicted: dict[str, np.ndarray]) -> dict[str, Any]:
    """What the criteria are about, paired by seed; of a baseline there is one for all seeds."""
    found = {kind: late_accuracy(labels, said) for kind, said in predicted.items()}
    names = {
        kind: f1(scores(labels, np.ones_like(labels), predicted[kind])["confusion"])[
            :, [CLASSES.index(name) for name in FROM_THE_RIGHT]
        ].mean(axis=1)
        for kind in ("bidirectional", "left to right")
    }
    return {
        **{_minus("bidirectional", other): of_mean(found["bidirectional"] - found[other]) for other in AGAINST},
        NAMES: of_mean(names["bidirectional"] - names["left to right"]),
        WORST: float(min(found[kind].min() for kind in NETWORKS) - found[USUAL].min()),
    }


def _minus(one: str, other: str) -> str:
    return f"accuracy, {one} minus {other}"


def _row(kind: str, about: dict[str, Any], curves: dict[str, np.ndarray]) -> dict[str, Any]:
    """Mean accuracy of one kind with its interval over seeds, and F1 by class."""
    confusion, place = curves[f"confusion/{kind}"], curves[f"place/{kind}"]
    low, middle, high = of_mean(accuracy(confusion))
    row = {
        "tagged by": kind,
        **{name: about.get(name, "") for name in ("units", "parameters", "learning rate", "delay", "reach")},
    }
    bounds = {"low": low, "high": high} if len(confusion) > 1 else {"low": "", "high": ""}
    row |= {"accuracy": middle, **bounds, "files, low": "", "files, high": "", "all places": float(place.mean())}
    return row | dict(zip(CLASSES, f1(confusion).mean(axis=0).tolist(), strict=True))


def _difference_rows(held: Held, predicted: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Differences in accuracy with intervals over seeds, and over files with the mean of the seeds."""
    pairs = [*(("bidirectional", other) for other in AGAINST), *((kind, "bidirectional") for kind in STACKINGS)]
    files, rows = np.broadcast_to(held.files, late(held.labels).shape).reshape(-1), []
    for one, other in pairs:
        right = {kind: predicted[kind] == held.labels for kind in (one, other)}
        seeds = of_mean(late(right[one]).mean(axis=(1, 2)) - late(right[other]).mean(axis=(1, 2)))
        over = of_items((late(right[one]).mean(axis=0) - late(right[other]).mean(axis=0)).reshape(-1), files)
        row = {"tagged by": f"{one} minus {other}", "accuracy": seeds.middle, "low": seeds.low, "high": seeds.high}
        many = len(np.unique(held.files)) > 1
        row |= {"files, low": over.low if many else "", "files, high": over.high if many else ""}
        rows.append(row | {"all places": float(right[one].mean() - right[other].mean())})
    return rows


def check(config: Config, results: Results) -> list[Check]:
    """Tests the margins fixed in advance."""
    del config
    found = results.summary
    margins = {**{_minus("bidirectional", other): margin for other, margin in AGAINST.items()}, NAMES: NAMES_MARGIN, WORST: 0.0}
    return [at_least(name, found[name], margin) for name, margin in margins.items()]


EXPERIMENT = Experiment(
    name="tagging",
    claim="Labels at every step need both directions: a bidirectional LSTM tags source code better than one from the left, "
    "even one that answers late.",
    source="Graves & Schmidhuber (2005), Framewise phoneme classification with bidirectional LSTM; Schuster & Paliwal (1997)",
    config=Config,
    run=run,
    plot=plot,
    check=check,
    spreads=PARTS,
)
