"""Dates as ten languages write them to ISO 8601: encoder-decoders that know nothing, one state, or attend to every character.

Every model has the same bidirectional encoder and the same decoder, and differs in the context alone. The one state is the end
of both directions, [→h_T, ←h_1]. Dates are split before they are written: no held-out date is seen in any language.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from babel import Locale, UnknownLocaleError

from experiments.common.checks import Check
from experiments.common.experiment import Experiment, Results
from experiments.common.options import check_counts, check_positive
from experiments.common.parts import Part, compute_now
from experiments.common.training import train_one
from experiments.dates.data import END, FIRST, ISO_STEPS, LAST, NUM_DAYS, Pairs, alphabet, draw, longest, split
from experiments.dates.figure import plot
from experiments.dates.networks import CONTEXTS, make_model
from recurrent.losses import cross_entropy
from recurrent.seq2seq import EncoderDecoder, beam_search, decoding_state, greedy, teacher_forcing, token_step

FINAL = 50
"""Updates at the end whose mean is the training loss."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    languages: tuple[str, ...] = ("en_US", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "tr")
    """Babel's names of the languages; each is written in the CLDR's formats short, medium, long and full."""
    contexts: tuple[str, ...] = CONTEXTS
    """What the decoder knows of the written date, one model each; "attention" must be among them."""
    hidden_size: int = 64
    """Units of the encoder, in each direction; the decoder has twice as many."""
    embed_size: int = 32
    """Features of an embedded symbol."""
    batch_size: int = 64
    """Written dates per update."""
    updates: int = 1000
    """Updates per model."""
    learning_rate: float = 5e-3
    """Peak of Adam's learning rate, which then falls to 0 along a cosine."""
    training_pairs: int = 60_000
    """Written dates to train on."""
    test_pairs: int = 2000
    """Written dates to test on, all of held-out dates."""
    held_out: float = 0.1
    """Share of the century's dates that is held out."""
    beam_width: int = 4
    """Beginnings that beam search keeps."""
    seed: int = 0
    """Seed of the split, the written dates, the parameters and the batches."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        counts = ("hidden_size", "embed_size", "batch_size", "updates", "training_pairs", "test_pairs", "beam_width")
        check_counts(self, *counts)
        check_positive(self, "learning_rate")
        if not 0.001 <= self.held_out <= 0.999:
            raise ValueError(f"--held-out must lie between 0.001 and 0.999; got {self.held_out}: try 0.1")
        check_counts(self, "seed", least=0)
        if "attention" not in self.contexts or sorted(set(self.contexts) & set(CONTEXTS)) != sorted(self.contexts):
            raise ValueError(f"--contexts must be some of {CONTEXTS}, each once, attention among them; got {self.contexts}")
        if not self.languages or len(set(self.languages)) < len(self.languages):
            raise ValueError(f"--languages must be one or more, each once; got {self.languages}: try en_US de fr")
        for name in self.languages:
            try:
                Locale.parse(name)
            except (ValueError, UnknownLocaleError) as error:
                raise ValueError(f"--languages must be names that Babel knows; got {name!r}: try en_US, de or pt_BR") from error


def model_of(config: Config, context: str) -> EncoderDecoder:
    """The encoder-decoder with one of the `CONTEXTS`."""
    return make_model(len(alphabet(config.languages)), config.embed_size, config.hidden_size, context)


def train(config: Config, context: str, data: Pairs) -> tuple[Any, np.ndarray]:
    """Trains one model with teacher forcing; returns its parameters and the loss of every update, in nats per character."""
    model = model_of(config, context)
    params = jax.jit(model.init)(jax.random.key(config.seed))

    def loss_of(params, given, batch):
        source, lengths, target = given
        memory = model.encode(params, source[:, batch], lengths[batch])
        logits = teacher_forcing(model, params, memory, target[:, batch], END).logits
        return cross_entropy(logits, target[:, batch]).mean()

    batches = np.random.default_rng(config.seed).integers(0, len(data.lengths), (config.updates, config.batch_size))
    given = tuple(map(jnp.asarray, (data.source, data.lengths, data.target)))
    return train_one(loss_of, params, batches, config.learning_rate, f"dates, {context}", given=given, warm_up=True)


def evaluate(config: Config, context: str, params: Any, data: Pairs) -> dict[str, np.ndarray]:
    """Decodes greedily and with a beam; returns what was written, `[11, pairs]`; of teacher forcing, losses and attention."""
    model = model_of(config, context)

    @jax.jit
    def some(source, lengths, target):
        memory = model.encode(params, source, lengths)
        outputs = teacher_forcing(model, params, memory, target, END)
        loss = cross_entropy(outputs.logits, target).mean(axis=0)
        state, start = decoding_state(model, params, memory), jnp.full(lengths.shape, END, jnp.int32)
        step, options = token_step(model, params), {"num_steps": ISO_STEPS, "end": END}
        wide = beam_search(step, state, start, width=config.beam_width, **options)
        plain = greedy(step, state, start, **options)
        return {"loss": loss, "greedy": plain.tokens, "beam": wide.tokens, "weights": outputs.weights}

    found = []
    for first in range(0, len(data.lengths), 500):
        chunk = slice(first, first + 500)
        found.append(some(*map(jnp.asarray, (data.source[:, chunk], data.lengths[chunk], data.target[:, chunk]))))
    return {key: np.concatenate([np.asarray(part[key]) for part in found], axis=-1) for key in found[0]}


def run(config: Config, part: Part = compute_now) -> Results:
    """Trains and tests the four models."""
    training_days, test_days = split(config.held_out, config.seed)
    steps = longest(config.languages)
    training = draw(training_days, config.training_pairs, config.languages, steps, config.seed + 1)
    test = draw(test_days, config.test_pairs, config.languages, steps, config.seed + 2)
    shown = _example(test)

    def trained(context):
        params, losses = train(config, context, training)
        found = evaluate(config, context, params, test)
        found["weights"] = found["weights"][:, :, shown]
        size = sum(leaf.size for leaf in jax.tree.leaves(params))
        return {**found, "training": losses, "parameters": np.array(size)}

    curves = {"language": test.languages, "format": test.formats, "shown source": test.source[: test.lengths[shown], shown]}
    curves["shown target"] = test.target[:, shown]
    rows = []
    for context in config.contexts:
        found = part(context, lambda context=context: trained(context))
        right = {how: np.all(found[how] == test.target, axis=0) for how in ("greedy", "beam")}
        curves |= {f"{key}/{context}": value for key, value in found.items()}
        curves |= {f"{how} right/{context}": value for how, value in right.items()}
        rows.append({
            "model": context,
            "updates": config.updates,
            "updates to 0.01": _updates_to(0.01, found["training"]),
            "parameters": int(found["parameters"]),
            "exact match greedy": float(right["greedy"].mean()),
            "exact match beam": float(right["beam"].mean()),
            "characters right": float((found["greedy"] == test.target)[:-1].mean()),
            "loss": float(found["loss"].mean()),
            "training loss": float(found["training"][-FINAL:].mean()),
        })  # fmt: skip
    days, counts = np.unique(training.days, return_counts=True)
    usual = np.array([np.bincount(row).argmax() for row in training.target])[:, None]
    summary = {
        "baseline, exact match of the most frequent training date": float(np.mean(test.days == days[counts.argmax()])),
        "baseline, characters right of the most frequent at each place": float((usual == test.target)[:-1].mean()),
        "loss of knowing only that it is a date of the century": float(np.log(NUM_DAYS) / ISO_STEPS),
        "written dates": f"{FIRST} to {LAST}, {len(training_days)} dates to train on, {len(test_days)} held out",
        "languages": list(config.languages),
        "beam width": config.beam_width,
        "alphabet": alphabet(config.languages),
    }
    return Results(rows, summary, curves)


def _example(test: Pairs) -> int:
    """The pair whose attention is drawn: the longest of all that are written in full in the second language, or of all."""
    wanted = (test.formats == 3) & (test.languages == min(1, test.languages.max()))
    return int(np.argmax(test.lengths * np.where(wanted, 100, 1)))


def _updates_to(target: float, losses: np.ndarray, width: int = 20) -> int | str:
    """The first update at which the mean of the last `width` losses is below the target."""
    below = np.convolve(losses, np.full(width, 1 / width), mode="valid") < target if len(losses) >= width else np.array([])
    return int(np.argmax(below)) + width if below.any() else "never"


def check(config: Config, results: Results) -> list[Check]:
    """Tests that attention converts dates it has never seen."""
    found = {row["model"]: row["exact match greedy"] for row in results.rows}["attention"]
    return [Check("exact match on held-out dates, attention, greedy", found, "at least 0.99", found >= 0.99)]


EXPERIMENT = Experiment(
    name="dates",
    claim="An encoder-decoder with attention reads dates in ten languages and writes dates it has never seen in ISO 8601.",
    source="Bahdanau, Cho & Bengio (2015), section 3; Cho et al. (2014); Sutskever, Vinyals & Le (2014)",
    config=Config,
    run=run,
    plot=plot,
    check=check,
)
