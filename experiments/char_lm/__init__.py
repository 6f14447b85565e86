"""A character language model on real text: "jeep" by hand, then an LSTM against n-grams on the same split."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.char_lm.brackets import distances
from experiments.char_lm.data import Corpus, encode
from experiments.char_lm.figure import plot
from experiments.char_lm.generation import FOLLOWED, SHOWN, spread_of_an_error, write_samples
from experiments.char_lm.jeep import jeep_rows
from experiments.char_lm.networks import Model, make_model
from experiments.char_lm.ngram import ngram_losses
from experiments.common.checks import Check
from experiments.common.experiment import Experiment, Results
from experiments.common.options import check_counts, check_positive, check_shares
from experiments.common.parts import Part, compute_now
from experiments.common.tables import table
from experiments.common.text import standard_library_text
from recurrent import fit, init_train_state, make_optimizer, make_train_step
from recurrent.data import windows
from recurrent.losses import cross_entropy
from recurrent.train import Checkpoints

FREE, FORCED = "characters changed by an error, end of the free run", "prediction changed by an error, end of the true text"


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    text: Path | None = None
    """A text file in UTF-8; the sources of the standard library by default."""
    max_characters: int = 1_200_000
    """How much of the text is used, from its beginning."""
    hidden_size: int = 256
    """Units of the LSTM."""
    embed_size: int = 64
    """Features of an embedded character."""
    batch_size: int = 32
    """Streams read side by side."""
    window: int = 64
    """Steps per window of truncated backpropagation through time; the state is carried on."""
    updates: int = 4500
    """Updates in all."""
    learning_rate: float = 4e-3
    """Peak of the learning rate, which then falls to 0 along a cosine."""
    dropout: float = 0.1
    """Share of the LSTM's outputs set to 0 in training."""
    max_order: int = 8
    """Longest n-gram of the baseline."""
    seed: int = 0
    """Seed of parameters, dropout and samples."""
    tensorboard: bool = False
    """Write event files for TensorBoard into the folder of the run; needs recurrent-jax[tensorboard]."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "hidden_size", "embed_size", "batch_size", "window", "updates", "max_order", "max_characters")
        check_shares(self, "dropout")
        check_positive(self, "learning_rate")
        check_counts(self, "seed", least=0)
        if self.text is not None and not self.text.is_file():
            raise ValueError(f"--text {self.text}: there is no such file; leave it out for the standard library's sources")


def load_corpus(config: Config) -> Corpus:
    """Reads the text; its first nine tenths are for training, the last one for validation.

    Raises:
      ValueError: a text too short for one window of every stream in both parts.
    """
    if config.text is None:
        text = standard_library_text(config.max_characters)
    else:
        text = config.text.read_text(encoding="utf-8", errors="replace")[: config.max_characters]
    split = len(text) * 9 // 10
    needed = max(config.batch_size * config.window + 1, SHOWN + FOLLOWED + 2)
    if len(text) - split < needed:
        raise ValueError(
            f"the text has {len(text)} characters; its last tenth must fill one window of every stream and show how an error "
            f"spreads, {needed} characters: give a longer text, or a smaller batch_size or window"
        )
    return encode(text, split)


def train(config: Config, corpus: Corpus, model: Model, folder: Path | None) -> Any:
    """Truncated backpropagation through time with the state carried from window to window; returns the parameters."""
    training = windows(corpus.codes[: corpus.split], config.batch_size, config.window)
    count = len(training.inputs)

    def loss_fn(params, state, batch, key):
        tokens, targets, first = batch
        state = jax.tree.map(lambda leaf: jnp.where(first, jnp.zeros_like(leaf), leaf), state)
        shape = (*tokens.shape, config.hidden_size)
        scale = jax.random.bernoulli(key, 1 - config.dropout, shape) / (1 - config.dropout) if config.dropout else None
        state, logits = model.outputs(params, state, tokens, scale)
        return cross_entropy(logits, targets).mean(), (state, {})

    def batches_at(position):
        index = position % count
        return training.inputs[index], training.targets[index], np.bool_(index == 0)

    warm_up = min(100, config.updates // 10)
    schedule = optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, max(warm_up, 1), max(config.updates, 2))
    optimizer = make_optimizer(schedule, max_norm=1.0)
    k_init, k_train = jax.random.split(jax.random.key(config.seed))
    params = model.init(k_init)
    state = init_train_state(params, optimizer, k_train, model.initial_state(params, config.batch_size))
    step = jax.jit(make_train_step(loss_fn, optimizer), donate_argnums=0)
    plain = {name: str(value) for name, value in dataclasses.asdict(config).items()}

    def diagnose(state, batch):
        tokens, targets, _ = batch
        return model.explain(state.params, tokens, targets)

    checkpoints = None if folder is None else Checkpoints(folder / "checkpoints", plain)
    measure = functools.partial(_validation, corpus, model, config)
    return fit(
        step,
        state,
        batches_at,
        config.updates,
        evaluate=lambda params: {"loss": float(measure(params).mean())},
        every=max(1, config.updates // 5),
        checkpoints=checkpoints,
        log=None if folder is None else folder / "training.csv",
        tensorboard=folder / "tensorboard" if folder is not None and config.tensorboard else None,
        diagnose=diagnose,
    ).params


def _validation(corpus: Corpus, model: Model, config: Config, params: Any) -> np.ndarray:
    """-ln p of every validation character, in order; the text is read in `batch_size` pieces side by side."""
    codes = corpus.codes[corpus.split - 1 :]
    rows = config.batch_size
    steps = (len(codes) - 1) // rows
    inputs, targets = (codes[shift : shift + rows * steps].reshape(rows, steps).T for shift in (0, 1))
    logits_of = _jitted_losses(model, rows)
    return np.asarray(logits_of(params, jnp.asarray(inputs), jnp.asarray(targets))).T.reshape(-1)


@functools.cache
def _jitted_losses(model: Model, rows: int):
    @jax.jit
    def losses(params, inputs, targets):
        return cross_entropy(model.outputs(params, model.initial_state(params, rows), inputs)[1], targets)

    return losses


def run(config: Config, part: Part = compute_now) -> Results:
    """Runs the worked example, the baselines, the training, and the analyses."""
    print(table(jeep_rows()))
    corpus = load_corpus(config)
    num_symbols = len(corpus.alphabet)
    model = make_model(num_symbols, config.embed_size, config.hidden_size)
    ngrams = part("ngrams", lambda: {"losses": ngram_losses(corpus.codes, corpus.split, num_symbols, config.max_order)})[
        "losses"
    ]

    def trained():
        params = train(config, corpus, model, part.folder)
        return {f"{i:02d}": leaf for i, leaf in enumerate(jax.tree.leaves(params))}

    leaves = part("parameters", trained)
    structure = jax.tree.structure(jax.eval_shape(model.init, jax.random.key(0)))
    params = jax.tree.unflatten(structure, [jnp.asarray(leaves[name]) for name in sorted(leaves)])
    losses = _validation(corpus, model, config, params)
    means = ngrams[:, : len(losses)].mean(axis=1)
    best = int(np.argmin(means))
    rows = [{"model": "uniform", "nats": float(means[0])}, {"model": "unigram", "nats": float(means[1])}]
    rows += [{"model": f"{n}-gram, interpolated", "nats": float(means[n])} for n in range(2, len(means))]
    rows.append({"model": f"lstm {config.hidden_size}", "nats": float(losses.mean())})
    rows = [{**row, "bits": row["nats"] / np.log(2)} for row in rows]
    text = "".join(corpus.alphabet[code] for code in corpus.codes[corpus.split :])[: len(losses)]
    apart = distances(text)
    closing = apart > 0
    curves = {
        "distance": apart[closing],
        "lstm": losses[closing],
        "ngram": ngrams[best, : len(losses)][closing],
        **spread_of_an_error(corpus, model, params, config.seed),
    }
    last = FOLLOWED // 6  # steps whose mean is taken at the end
    summary = {
        "text": str(config.text or "standard library"),
        "characters": len(corpus.codes),
        "nats per character, lstm": float(losses.mean()),
        "nats per character, best n-gram": float(means[best]),
        "best n-gram": best,
        **{f"nats per closing character, {name}": float(curves[name].mean()) for name in ("lstm", "ngram") if closing.any()},
        FREE: float(curves["free"][-last:].mean()),
        FORCED: float(curves["forced"][-last:].mean()),
        **write_samples(corpus, model, params, config.seed),
    }
    return Results(rows, summary, curves)


def check(config: Config, results: Results) -> list[Check]:
    """Tests that the LSTM beats the best n-gram, what a wrong character does, and the level reached on tiny Shakespeare."""
    ours, ngram = (results.summary[f"nats per character, {name}"] for name in ("lstm", "best n-gram"))
    limits = {FORCED: ("below 0.1", lambda value: value < 0.1), FREE: ("above 0.5", lambda value: value > 0.5)}
    checks = [Check("nats per character, lstm", ours, f"below the best n-gram's {ngram:.4f}", ours < ngram)]
    for name, (criterion, holds) in limits.items():
        checks.append(Check(name, results.summary[name], criterion, holds(results.summary[name])))
    if config.text is not None and "shakespeare" in config.text.name.lower():
        checks.append(Check("nats per character on tiny Shakespeare", ours, "at most 1.60", ours <= 1.60))
    return checks


EXPERIMENT = Experiment(
    name="char_lm",
    claim="A recurrent model of characters beats every n-gram; a wrong character fades from its state, not from its free run.",
    source="Mikolov et al. (2010); Karpathy, Johnson & Li (2015), Visualizing and understanding recurrent networks",
    config=Config,
    run=run,
    plot=plot,
    check=check,
    single_threaded=False,
)
