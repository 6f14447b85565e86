"""He ... himself, she ... herself: which reflexive follows, the further the pronoun lies back.

A sentence is a pronoun, d distractor words drawn at random, and the reflexive that agrees with the pronoun. Among the
distractors are nouns with a gender of their own ("king", "mother"), which say nothing about the reflexive. An n-gram sees the
pronoun only within its context of order - 1 words. Short and long sentences are mixed in training, and only the reflexive is
predicted: this is a test of memory that a tanh network passes, too, and it does not rank recurrent networks.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.agreement.figure import COLOURS, plot
from experiments.agreement.ngram import Ngram
from experiments.agreement.sentences import REFLEXIVES, VOCABULARY, random_sentences, sentences, spelled
from experiments.common.checks import Check
from experiments.common.experiment import Experiment, Results
from experiments.common.networks import draw_all, from_arrays, hidden, logits_of, mean_loss, to_arrays, unstack
from experiments.common.options import check_counts, check_positive
from experiments.common.parts import Part, compute_now
from experiments.common.training import batch_keys, train
from recurrent import Cell, elman, gru, lstm, unroll
from recurrent.initializers import gaussian


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    longest: int = 40
    """Largest number of words between pronoun and reflexive in training; every number from 1 on is equally likely."""
    test_longest: int = 60
    """Largest number of words between them in the test; beyond `longest` the networks have to extrapolate."""
    order: int = 5
    """Order of the n-gram: it sees order - 1 words."""
    hidden_size: int = 32
    """Units of every network."""
    batch_size: int = 32
    """Sentences per update, all fresh."""
    updates: int = 1000
    """Updates per training; the n-gram counts as many sentences as a network sees."""
    learning_rate: float = 1e-2
    """Learning rate of Adam at the start; it falls to 0 along a cosine."""
    test_sentences: int = 600
    """Fresh sentences per distance, half of them with each pronoun."""
    seeds: int = 3
    """Networks per kind."""
    seed: int = 0
    """Seed of networks and sentences."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "longest", "hidden_size", "batch_size", "updates", "seeds", "order")
        if self.test_longest < self.longest:
            raise ValueError(f"--test-longest must be at least longest = {self.longest}; got {self.test_longest}")
        if self.test_sentences < 2 or self.test_sentences % 2:
            raise ValueError(f"--test-sentences must be even and at least 2; got {self.test_sentences}: try 600")
        check_positive(self, "learning_rate")
        check_counts(self, "seed", least=0)


def test_set(config: Config) -> tuple[Array, Array, Array]:
    """Fresh sentences of every distance 1 ... test_longest, both genders equally often: codes, distances, genders."""
    distances = jnp.repeat(jnp.arange(1, config.test_longest + 1), config.test_sentences)
    genders = jnp.tile(jnp.arange(config.test_sentences) % 2, config.test_longest)
    return sentences(jax.random.key(config.seed + 1000), distances, genders, config.test_longest), distances, genders


def cells(config: Config) -> dict[str, Cell]:
    """The networks, in the order of `COLOURS`."""
    inputs, size = len(VOCABULARY), config.hidden_size
    return {
        "tanh": elman(inputs, size, recurrent_init=gaussian()),
        "LSTM": lstm(inputs, size),
        "GRU": gru(inputs, size),
    }


def make_functions(config: Config, cell: Cell) -> tuple[Any, Any]:
    """The loss on fresh sentences, and which reflexive is predicted."""

    def final(network, codes, distances):
        xs = jax.nn.one_hot(codes, len(VOCABULARY))  # padding is -1: all zeros
        state, _ = unroll(cell, network.cell, xs, lengths=1 + distances, backprop="explicit")
        return hidden(state)

    def loss_of(network, given, key):
        del given
        codes, distances, genders = random_sentences(key, config.batch_size, config.longest)
        return mean_loss(network, final(network, codes, distances), genders)

    @jax.jit
    def predict(network, codes, distances):
        return logits_of(network, final(network, codes, distances)).argmax(axis=-1)

    return loss_of, predict


def run(config: Config, part: Part = compute_now) -> Results:
    """Counts the n-gram, trains the networks, and measures accuracy at every distance."""
    codes, distances, genders = map(np.asarray, test_set(config))
    print("for example:", *(spelled(codes[:, i], genders[i]) for i in (2 * config.test_sentences, -1)), sep="\n  ")

    def by_distance(predicted):
        return (predicted == genders).reshape(config.test_longest, config.test_sentences).mean(axis=1)

    def predicted(predict, network):
        """One distance at a time, so that little memory is needed."""
        rows = np.split(np.arange(len(genders)), config.test_longest)
        return np.concatenate([predict(network, codes[:, row], distances[row]) for row in rows])

    def counted():
        drawn = random_sentences(jax.random.key(config.seed + 2000), config.updates * config.batch_size, config.longest)
        model = Ngram(config.order).fit(*map(np.asarray, drawn))
        return {"accuracy": by_distance(model.predict(codes, distances))[None]}

    curves = {"distance": np.arange(1, config.test_longest + 1)}
    ngram = f"{config.order}-gram"
    curves[f"accuracy/{ngram}"] = part("ngram", counted)["accuracy"]
    for name, cell in cells(config).items():
        keys = jax.random.split(jax.random.key(config.seed), config.seeds)
        networks = draw_all(cell, keys, len(REFLEXIVES), config.hidden_size)
        loss_of, predict = make_functions(config, cell)

        def trained(networks=networks, loss_of=loss_of, name=name):
            batches = batch_keys(config.seed + 1, config.seeds, config.updates)
            found, losses = train(loss_of, networks, batches, config.learning_rate, name)
            return {**to_arrays(found), "loss": losses}

        saved = part(name, trained)
        found = unstack(from_arrays(saved, networks))
        curves[f"accuracy/{name}"] = np.stack([by_distance(predicted(predict, network)) for network in found])
        curves[f"loss/{name}"] = saved["loss"]
    models = [ngram, *COLOURS]
    shown = [d for d in (1, 2, 3, 4, 5, 10, 20, 30, config.longest, config.test_longest) if d <= config.test_longest]
    rows = [_row(curves, name, sorted(set(shown))) for name in models]
    rows.append({"model": "always the same reflexive", **{f"d = {d}": 0.5 for d in sorted(set(shown))}})
    summary: dict[str, Any] = {"longest": config.longest, "n-gram": ngram, "test sentences per distance": config.test_sentences}
    for name in models:
        scores = curves[f"accuracy/{name}"][:, config.longest - 1]
        summary[f"accuracy at {config.longest}, {name}, median"] = float(np.median(scores))
        summary[f"accuracy at {config.longest}, {name}, worst seed"] = float(scores.min())
    return Results(rows, summary, curves)


def _row(curves: dict[str, np.ndarray], name: str, shown: list[int]) -> dict[str, float | str]:
    median = np.median(curves[f"accuracy/{name}"], axis=0)
    return {"model": name, **{f"d = {d}": float(median[d - 1]) for d in shown}}


def check(config: Config, results: Results) -> list[Check]:
    """Tests that the LSTM agrees at the largest trained distance, in every seed, where the n-gram guesses."""
    at = f"accuracy at {config.longest}"
    ours, ngram = results.summary[f"{at}, LSTM, worst seed"], results.summary[f"{at}, {results.summary['n-gram']}, median"]
    return [
        Check(f"{at}, LSTM, worst seed", ours, "at least 0.99", ours >= 0.99),
        Check(f"{at}, {results.summary['n-gram']}", ngram, "between 0.45 and 0.55", 0.45 <= ngram <= 0.55),
    ]


EXPERIMENT = Experiment(
    name="agreement",
    claim="An LSTM makes a reflexive agree with its pronoun 40 words back, where an n-gram of order 5 is at chance.",
    source="Elman (1991), Distributed representations, simple recurrent networks; Linzen, Dupoux & Goldberg (2016)",
    config=Config,
    run=run,
    plot=plot,
    check=check,
)
