"""A character language model on real text: "jeep" by hand, then an LSTM against n-grams on text that neither was chosen on.

Claims. The LSTM needs fewer nats per character than every n-gram. One wrong character changes its next prediction, but fades
from its state as it reads on; when the model reads its own output, the error stays.

Data. The text is split once, in order: eight tenths to train on, the next to test on, the last to validate on. Earlier
versions of this experiment reported the last tenth, so that it may have shaped the settings of the LSTM: it chooses now, and
the test part has chosen nothing. Every number is one of the test part, unless its name says otherwise.

Baselines. n-grams of orders 1 to `--max-order` with the interpolation of Witten and Bell and with modified Kneser-Ney
smoothing. The best of them on the validation part is mixed with a cache, n-grams of the recent text: order, length and weight
of the cache are the best on the validation part. That is more trials than the LSTM gets, whose settings and number of updates
are fixed.

Criteria, fixed before the test part was looked at. Intervals are 95 % bootstraps over blocks of 1,000 characters (of a
twentieth of the part, if that is less), differences of the same characters:
- the n-gram chosen on the validation part minus the LSTM, nats per character: lower bound at least 0;
- the same for the n-gram that is nearest on the test part, whichever it is: lower bound at least 0;
- total variation between predictions with and without a wrong character, right after it: lower bound at least 0.3;
- the same 51 to 60 characters later, reading the true text: upper bound at most 0.1;
- characters that differ 51 to 60 characters later in the free run: lower bound at least 0.5;
- on tiny Shakespeare, the LSTM's nats per character: upper bound at most 1.6.
The first run missed the first two, for a cache of long n-grams repeats what the text repeats, and the LSTM forgets it. Two more
criteria stand beside them since, of models that are alike in what they may remember of the test part:
- the best n-gram without a cache minus the LSTM, nats per character: lower bound at least 0 (it was known to
  hold in that run, with orders up to 8; they go up to 12 since, for 8 was the best one);
- the n-gram with a cache minus the LSTM with a cache, chosen in the same way: lower bound at least 0.

What a sceptic can still say. One network per text: the intervals are about the text, not about seeds. n-grams with far more
text, or neural ones with a short context, are not compared. Other texts may rank the models otherwise.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.char_lm.baselines import choose, ngram_losses, with_cache
from experiments.char_lm.brackets import distances
from experiments.char_lm.comparison import (
    CACHED,
    CHOSEN,
    FIRST,
    FIXED,
    FORCED,
    FREE,
    LSTM,
    NEAREST,
    block_length,
    compare,
    measures_of,
)
from experiments.char_lm.data import Corpus, encode, read
from experiments.char_lm.figure import plot
from experiments.char_lm.generation import FOLLOWED, SHOWN, spread_of_an_error, write_samples
from experiments.char_lm.jeep import jeep_rows
from experiments.char_lm.networks import Model, make_model
from experiments.char_lm.training import losses_of, train
from experiments.common.checks import Check, at_least, at_most
from experiments.common.experiment import Experiment, Results
from experiments.common.options import check_counts, check_positive, check_shares
from experiments.common.parts import Part, compute_now
from experiments.common.tables import table
from experiments.common.text import standard_library_text


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
    max_order: int = 12
    """Longest n-gram of the baselines, and of their cache."""
    seed: int = 0
    """Seed of parameters, dropout, samples and wrong characters."""
    tensorboard: bool = False
    """Write event files for TensorBoard into the folder of the run; needs recurrent-jax[tensorboard]."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "hidden_size", "embed_size", "batch_size", "window", "updates", "max_characters")
        check_counts(self, "max_order", least=2)
        check_shares(self, "dropout")
        check_positive(self, "learning_rate")
        check_counts(self, "seed", least=0)
        if self.text is not None:
            load_corpus(self)


def load_corpus(config: Config) -> Corpus:
    """Reads the text and splits it.

    Raises:
      ValueError: a file that is no text, or one too short for one window of every stream in each part.
    """
    most = config.max_characters
    text = standard_library_text(most) if config.text is None else read(config.text, most)
    needed = max(config.batch_size * config.window + 1, SHOWN + FOLLOWED + 2)
    if len(text) // 10 < needed:
        raise ValueError(
            f"the text has {len(text)} characters, of which a tenth must fill one window of every stream and show how an error "
            f"spreads, {needed} characters: give a longer text or larger --max-characters, or smaller --batch-size or --window"
        )
    return encode(text)


def run(config: Config, part: Part = compute_now) -> Results:
    """Runs the worked example, the baselines, the training, and the analyses."""
    corpus = load_corpus(config)
    print(table(jeep_rows()))
    ngrams = part("ngrams", lambda: ngram_losses(corpus, config.max_order))
    model = make_model(len(corpus.alphabet), config.embed_size, config.hidden_size)
    params = _trained(config, corpus, model, part)
    lstms = part("lstms", lambda: _tested(config, corpus, model, params))
    spread = spread_of_an_error(corpus, model, params, config.seed)
    rows, compared = compare(ngrams, lstms)
    closing = _closing(corpus, ngrams, lstms)
    summary = {
        "text": "the standard library's sources" if config.text is None else config.text.name,
        "characters": len(corpus.codes),
        **compared,
        **{
            f"nats per closing character, {name}": float(closing[name].mean())
            for name in ("lstm", "ngram")
            if len(closing[name])
        },
        **measures_of(spread, block_length(lstms["test"].shape[1])),
        **write_samples(corpus, model, params, config.seed),
    }
    return Results(rows, summary, {**closing, **spread})


def _trained(config: Config, corpus: Corpus, model: Model, part: Part) -> Any:
    """The parameters, as a part of the run."""

    def compute():
        params = train(config, corpus, model, part.folder)
        return {f"{i:02d}": leaf for i, leaf in enumerate(jax.tree.leaves(params))}

    leaves = part("parameters", compute)
    structure = jax.tree.structure(jax.eval_shape(model.init, jax.random.key(0)))
    return jax.tree.unflatten(structure, [jnp.asarray(leaves[name]) for name in sorted(leaves)])


def _tested(config: Config, corpus: Corpus, model: Model, params: Any) -> dict[str, np.ndarray]:
    """The LSTM, and the LSTM with a cache, in the form of `ngram_losses`."""
    test, validation = (losses_of(model, params, codes, config.batch_size) for codes in (corpus.test, corpus.validation))
    name, *mixed = with_cache(corpus, np.exp(-validation), np.exp(-test), config.max_order)
    cached_validation, cached_test = (-np.log(probabilities) for probabilities in mixed)
    return {
        "names": np.array([f"lstm {config.hidden_size}", f"lstm {config.hidden_size}, {name}"]),
        "validation": np.array([validation.mean(), cached_validation.mean()]),
        "test": np.stack([test, cached_test]).astype(np.float32),
    }


def _closing(corpus: Corpus, ngrams: dict[str, np.ndarray], lstms: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Losses of closing brackets and quotes, and how far back they were opened; of the models without a cache."""
    lstm = lstms["test"][0]
    apart = distances(corpus.text(corpus.test[1:]))[: len(lstm)]
    ngram = ngrams["test"][choose(list(map(str, ngrams["names"])), ngrams["validation"], cached=False)][: len(lstm)]
    return {"distance": apart[apart > 0], "lstm": lstm[apart > 0], "ngram": ngram[apart > 0]}


def check(config: Config, results: Results) -> list[Check]:
    """Tests the criteria fixed in advance, of which the level on tiny Shakespeare needs that text."""
    found = results.summary
    checks = [at_least(name, found[name], 0.0) for name in (CHOSEN, NEAREST, FIXED, CACHED)]
    checks += [at_least(FIRST, found[FIRST], 0.3), at_most(FORCED, found[FORCED], 0.1), at_least(FREE, found[FREE], 0.5)]
    if config.text is not None and "shakespeare" in config.text.name.lower():
        checks.append(at_most(f"{LSTM}, tiny Shakespeare", found[LSTM], 1.6))
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
    spreads="batch_size",
)
