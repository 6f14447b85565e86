"""Every character of Python source with the class of its token: aligned many to many, with and without the right-hand context.

Whether `format` is called shows at its parenthesis, and that it is not the keyword `for` at its fourth letter. One LSTM reads
from the left, the others in both directions; all have about the same number of parameters. Networks and baselines see the same
windows, cut without regard to tokens, and nothing beyond them. No file is in both training and test. Margins were fixed before
the first run.

Part of the gain is left-hand context that is missing where a window begins: the summary has the accuracy in the second half of
the windows, too, where the LSTM that reads from the left is nearer, and the figure the accuracy at every place.
"""

import bisect
import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.neural_network import MLPClassifier
from tqdm import tqdm

from experiments._run import Check, Experiment, Part, Results, check_counts, compute_now, main
from experiments._tagging_data import (
    CLASSES,
    FROM_THE_RIGHT,
    Corpus,
    accuracy,
    cut,
    f1,
    join,
    make_alphabet,
    one_hot_contexts,
    recall,
    scores,
    split_file,
    split_library,
)
from experiments._tagging_figure import BASELINES, NETWORKS, plot
from recurrent import clip_by_global_norm, count_parameters, lstm, stack
from recurrent.layers import bidirectional, embed, linear, scanned, serial
from recurrent.losses import cross_entropy
from recurrent.types import Layer

MARGIN = 0.03
"""How much better, in accuracy, the bidirectional layer must be than the one that reads from the left."""
RIGHT_MARGIN = 0.2
"""The same for the F1 of the classes that the characters to come decide, on average."""
TICK = 50
"""Updates between two reports of progress."""


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
        if not 0 < self.learning_rate < np.inf:
            raise ValueError(f"learning_rate must be positive and finite; got {self.learning_rate}: try 0.01")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0; got {self.seed}: give 0, 1, ...")
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


def make_layer(kind: str, symbols: int, features: int, size: int) -> Layer:
    """Embedding, one of the five `NETWORKS` with so many units in each cell, and linear readout."""

    def cell(inputs=features):
        return lstm(inputs, size)

    def both(forward, backward):
        return bidirectional(forward, backward, backprop="explicit")

    if kind == "left to right":
        core, width = scanned(cell(), backprop="explicit"), size
    elif kind == "bidirectional":
        core, width = both(cell(), cell()), 2 * size
    elif kind == "merged":
        core, width = serial(both(cell(), cell()), both(cell(2 * size), cell(2 * size))), 2 * size
    elif kind == "towers":
        core, width = both(stack(cell(), cell(size)), stack(cell(), cell(size))), 2 * size
    elif kind == "alternating":
        back = scanned(cell(size), reverse=True, backprop="explicit")
        core, width = serial(scanned(cell(), backprop="explicit"), back), size
    else:
        raise ValueError(f"kind must be one of {tuple(NETWORKS)}; got {kind!r}")
    return serial(embed(symbols, features), core, linear(width, len(CLASSES)))


def parameters_of(layer: Layer) -> int:
    """How many numbers a layer has."""
    return count_parameters(jax.eval_shape(layer.init, jax.random.key(0)))


def matched_layers(config: Config, symbols: int) -> dict[str, tuple[Layer, int]]:
    """The five networks and their units per cell: the most with which they have no more parameters than the first."""

    def made(kind: str, size: int) -> Layer:
        return make_layer(kind, symbols, config.embed_size, size)

    target, found = parameters_of(made("left to right", config.hidden_size)), {}
    for kind in NETWORKS:
        sizes = range(1, config.hidden_size + 1)
        size = max(1, bisect.bisect(sizes, target, key=lambda size, kind=kind: parameters_of(made(kind, size))))
        found[kind] = made(kind, size), size
    return found


def make_functions(config: Config, layer: Layer) -> tuple[Any, Any, Any]:
    """The optimiser's first state, several updates, and the most probable classes: compiled once for all seeds."""
    schedule = optax.cosine_decay_schedule(config.learning_rate, config.updates)
    optimizer = optax.chain(clip_by_global_norm(1.0), optax.adam(schedule))

    def loss_of(params, codes, labels):
        return cross_entropy(layer.apply(params, codes), labels).mean()

    def update(carry, batch):
        params, state = carry
        loss, gradient = jax.value_and_grad(loss_of)(params, *batch)
        changes, state = optimizer.update(gradient, state, params)
        return (optax.apply_updates(params, changes), state), loss

    several = jax.jit(lambda carry, batches: jax.lax.scan(update, carry, batches))
    return jax.jit(optimizer.init), several, jax.jit(lambda params, codes: layer.apply(params, codes).argmax(axis=-1))


def train(config: Config, layer: Layer, functions: Any, data: Corpus, seed: int, name: str) -> tuple[Any, np.ndarray]:
    """Trains one network; returns its parameters and the loss of every update, in nats per character."""
    init_optimizer, several, _ = functions
    params = jax.jit(layer.init)(jax.random.key(seed))
    carry, losses = (params, init_optimizer(params)), []
    starts = np.random.default_rng(seed).choice(data.starts, (config.updates, config.batch_size))
    with tqdm(total=config.updates, desc=f"tagging, {name}", unit="update") as progress:
        for first in range(0, config.updates, TICK):
            chosen = starts[first : first + TICK]
            codes, labels = (np.stack([cut(values, s, config.window) for s in chosen]) for values in (data.codes, data.labels))
            carry, loss = several(carry, (jnp.asarray(codes), jnp.asarray(labels, jnp.int32)))
            losses.append(np.asarray(loss))
            progress.set_postfix(loss=f"{losses[-1].mean():.4f}")
            progress.update(len(chosen))
    return carry[0], np.concatenate(losses)


def predict(functions: Any, params: Any, codes: np.ndarray, at_a_time: int = 500) -> np.ndarray:
    """The most probable class of every character of windows `[T, N]`."""
    chunks = np.split(codes, range(at_a_time, codes.shape[1], at_a_time), axis=1)
    return np.concatenate([functions[2](params, jnp.asarray(chunk)) for chunk in chunks], axis=1).astype(np.int8)


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
    for kind, (layer, units) in matched_layers(config, symbols).items():
        functions = make_functions(config, layer)

        def trained(seed, kind=kind, layer=layer, functions=functions):
            params, losses = train(config, layer, functions, training, seed, f"{kind}, seed {seed}")
            return {"said": predict(functions, params, codes), "loss": losses}

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
    duration="about three minutes",
    config=Config,
    run=run,
    plot=plot,
    check=check,
)

if __name__ == "__main__":
    main(EXPERIMENT)
