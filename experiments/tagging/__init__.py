"""Every character of Python source with the class of its token: aligned many to many, with and without the right-hand context.

Whether `format` is called shows at its parenthesis, and that it is not the keyword `for` at its fourth letter. One LSTM reads
from the left, the others in both directions; all have about the same number of parameters. Networks and baselines see the same
windows, cut without regard to tokens, and nothing beyond them. No file is in both training and test. Margins were fixed before
the first run.

Part of the gain is left-hand context that is missing where a window begins: the summary has the accuracy in the second half of
the windows, too, where the LSTM that reads from the left is nearer, and the figure the accuracy at every place.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.neural_network import MLPClassifier
from tqdm import tqdm

from experiments.common.checks import Check
from experiments.common.experiment import Experiment, Results
from experiments.common.options import check_counts, check_positive
from experiments.common.parts import Part, compute_now
from experiments.common.training import train_one
from experiments.tagging.data import (
    CLASSES,
    FROM_THE_RIGHT,
    Corpus,
    cut,
    join,
    make_alphabet,
    one_hot_contexts,
    split_file,
    split_library,
)
from experiments.tagging.figure import BASELINES, plot
from experiments.tagging.networks import NETWORKS, matched_layers, parameters_of
from experiments.tagging.scores import accuracy, f1, recall, scores
from recurrent import Layer
from recurrent.losses import cross_entropy

MARGIN = 0.03
"""How much better, in accuracy, the bidirectional layer must be than the one that reads from the left."""
RIGHT_MARGIN = 0.2
"""The same for the F1 of the classes that the characters to come decide, on average."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    text: Path | None = None
    """A file of Python source, of which the last fifth is the test; files of the standard library by default."""
    training_characters: int = 1_500_000
    """How much of the standard library is for training, rounded up to whole files."""
    test_characters: int = 200_000
    """How much of it is for the test, in other files."""
    window: int = 80
    """Characters that are read at a time."""
    hidden_size: int = 96
    """Units of the LSTM that reads from the left; the other networks get as many parameters."""
    embed_size: int = 16
    """Features of an embedded character."""
    batch_size: int = 32
    """Windows per update."""
    updates: int = 600
    """Updates per network."""
    learning_rate: float = 1e-2
    """Learning rate of Adam at the start; it falls to 0 along a cosine."""
    reach: int = 4
    """Characters that the baseline sees on either side; the one on the left alone sees twice as many."""
    baseline_characters: int = 200_000
    """Characters that the baselines are fitted to."""
    baseline_epochs: int = 10
    """How often they see them."""
    seeds: int = 3
    """Networks of each kind."""
    seed: int = 0
    """Seed of parameters and batches; the split into training and test files is always the same."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        counts = (field.name for field in dataclasses.fields(self) if field.type is int and field.name != "seed")
        check_counts(self, *counts)
        check_positive(self, "learning_rate")
        check_counts(self, "seed", least=0)
        if self.text is not None:
            load(self)


def load(config: Config) -> tuple[Corpus, Corpus, int]:
    """Windows to train and to test on, which do not overlap; and the number of symbols.

    Raises:
      ValueError: a text that cannot be read, does not tokenize, or is shorter than a window in one of its parts.
    """
    if config.text is None:
        training, test = split_library(config.training_characters, config.test_characters)
    else:
        training, test = split_file(config.text)
    alphabet = make_alphabet(training)
    window = config.window
    return join(training, alphabet, window), join(test, alphabet, window, stride=window), len(alphabet)


def make_functions(layer: Layer) -> tuple[Any, Any]:
    """The loss of a batch, and the most probable classes: both are compiled once for all seeds."""

    def loss_of(params, given, batch):
        del given
        codes, labels = batch
        return cross_entropy(layer.apply(params, codes)[1], labels).mean()

    return loss_of, jax.jit(lambda params, codes: layer.apply(params, codes)[1].argmax(axis=-1))


def train(config: Config, layer: Layer, loss_of: Any, data: Corpus, seed: int, name: str) -> tuple[Any, np.ndarray]:
    """Trains one network; returns its parameters and the loss of every update, in nats per character."""
    params = jax.jit(layer.init)(jax.random.key(seed))
    starts = np.random.default_rng(seed).choice(data.starts, (config.updates, config.batch_size))
    codes, labels = (np.stack([cut(values, s, config.window) for s in starts]) for values in (data.codes, data.labels))
    return train_one(loss_of, params, (codes, labels.astype(np.int32)), config.learning_rate, f"tagging, {name}")


def predict(classes_of: Any, params: Any, codes: np.ndarray, at_a_time: int = 500) -> np.ndarray:
    """The most probable class of every character of windows `[T, N]`."""
    chunks = np.split(codes, range(at_a_time, codes.shape[1], at_a_time), axis=1)
    return np.concatenate([classes_of(params, jnp.asarray(chunk)) for chunk in chunks], axis=1).astype(np.int8)


def baseline(config: Config, kind: str, data: Corpus, symbols: int, codes: np.ndarray) -> np.ndarray:
    """What a network without recurrence, 64 ReLU units on the characters around, says of windows `[T, N]`."""
    left, right = (2 * config.reach, 0) if kind == "left window" else (config.reach, config.reach)
    rng = np.random.default_rng(config.seed)
    starts = rng.choice(data.starts, -(-config.baseline_characters // config.window))
    xs = one_hot_contexts(cut(data.codes, starts, config.window), left, right, symbols)
    model = MLPClassifier(hidden_layer_sizes=(64,), random_state=config.seed)
    for _ in tqdm(range(config.baseline_epochs), desc=f"tagging, {kind}", unit="epoch"):
        model.partial_fit(xs, cut(data.labels, starts, config.window).reshape(-1), classes=np.arange(len(CLASSES)))
    said = np.asarray(model.predict(one_hot_contexts(codes, left, right, symbols)))
    return said.reshape(codes.shape).astype(np.int8)


def run(config: Config, part: Part = compute_now) -> Results:
    """Trains the five networks and the baselines, and tests them on other files."""
    training, test, symbols = load(config)
    codes, labels, to_end = (cut(v, test.starts, config.window) for v in (test.codes, test.labels, test.to_end))
    usual = int(np.bincount(training.labels).argmax())
    predicted = {"most frequent class": np.full((1, *labels.shape), usual)}
    for kind in BASELINES:
        found = part(kind.replace(" ", "_"), lambda kind=kind: {"said": baseline(config, kind, training, symbols, codes)})
        predicted[kind] = found["said"][None]
    sizes, curves = {}, {}
    for kind, (layer, units) in matched_layers(symbols, config.embed_size, config.hidden_size).items():
        loss_of, classes_of = make_functions(layer)

        def trained(seed, kind=kind, layer=layer, loss_of=loss_of, classes_of=classes_of):
            params, losses = train(config, layer, loss_of, training, seed, f"{kind}, seed {seed}")
            return {"said": predict(classes_of, params, codes), "loss": losses}

        seeds = range(config.seed, config.seed + config.seeds)
        found = [part(f"{kind.replace(' ', '_')}-{seed}", lambda seed=seed, trained=trained: trained(seed)) for seed in seeds]
        predicted[kind] = np.stack([one["said"] for one in found])
        curves[f"loss/{kind}"] = np.stack([one["loss"] for one in found])
        sizes[kind] = {"units": units, "parameters": parameters_of(layer)}
    for kind, said in predicted.items():
        curves |= {f"{name}/{kind}": value for name, value in scores(labels, to_end, said).items()}
    summary = {
        "text": "the standard library" if config.text is None else config.text.name,
        "test characters": labels.size,
        "reach of the baselines": config.reach,
        "most frequent class": CLASSES[usual],
    }
    for kind in ("left to right", "bidirectional"):
        late = curves[f"place/{kind}"][:, config.window // 2 :].mean(axis=1)
        summary[f"accuracy in the second half of the windows, {kind}"] = float(np.median(late))
    return Results([*(_row(kind, sizes, curves) for kind in predicted), *_gains(curves)], summary, curves)


def _row(kind: str, sizes: dict[str, dict[str, int]], curves: dict[str, np.ndarray]) -> dict[str, Any]:
    confusion = curves[f"confusion/{kind}"]
    found = accuracy(confusion)
    row = {"F1 by class": kind, **sizes.get(kind, {"units": "", "parameters": ""})}
    row |= {"accuracy": float(np.median(found)), "lowest": float(found.min())}
    return row | dict(zip(CLASSES, np.median(f1(confusion), axis=0).tolist(), strict=True))


def _gains(curves: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """What the bidirectional layer has more than the one that reads from the left, in F1 and in recall."""
    rows = []
    for name, measure in (("F1", f1), ("recall", recall)):
        one, two = (np.median(measure(curves[f"confusion/{kind}"]), axis=0) for kind in ("left to right", "bidirectional"))
        rows.append({"F1 by class": f"gain in {name}", **dict(zip(CLASSES, (two - one).tolist(), strict=True))})
    return rows


def check(config: Config, results: Results) -> list[Check]:
    """Tests the margins fixed in advance."""
    del config
    rows = {row["F1 by class"]: row for row in results.rows}
    right, both = rows["left to right"], rows["bidirectional"]
    gain = both["accuracy"] - right["accuracy"]
    decided = float(np.mean([rows["gain in F1"][name] for name in FROM_THE_RIGHT]))
    worst = min(rows[kind]["lowest"] for kind in NETWORKS) - rows["most frequent class"]["accuracy"]
    window = both["accuracy"] - rows["both sides"]["accuracy"]
    return [
        Check("accuracy, bidirectional minus left to right, medians", gain, f"at least {MARGIN}", gain >= MARGIN),
        Check(
            f"the same of the mean F1 of {' and '.join(FROM_THE_RIGHT)}",
            decided,
            f"at least {RIGHT_MARGIN}",
            decided >= RIGHT_MARGIN,
        ),
        Check("accuracy, worst network of all minus the most frequent class", worst, "above 0", worst > 0),
        Check("accuracy, bidirectional minus the window on both sides", window, "above 0", window > 0),
    ]


EXPERIMENT = Experiment(
    name="tagging",
    claim="Labels at every step need both directions: a bidirectional LSTM tags source code better than one from the left.",
    source="Graves & Schmidhuber (2005), Framewise phoneme classification with bidirectional LSTM; Schuster & Paliwal (1997)",
    config=Config,
    run=run,
    plot=plot,
    check=check,
)
