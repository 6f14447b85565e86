"""What the model writes on its own: samples, and how far one wrong character spreads."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.char_lm.data import Corpus
from experiments.char_lm.networks import Model
from recurrent.seq2seq import greedy, sample

SHOWN, FOLLOWED = 100, 60
"""Characters read before a wrong one, and followed from it on."""


def spread_of_an_error(corpus: Corpus, model: Model, params: Any, seed: int) -> dict[str, np.ndarray]:
    """Feeds one wrong character and runs on: the share of later characters that differ from the undisturbed run.

    Greedily on its own outputs (an error feeds the next), and reading the true text (only the state remembers the error).
    """
    rows, rng = 64, np.random.default_rng(seed)
    starts = rng.integers(corpus.split, len(corpus.codes) - SHOWN - FOLLOWED - 1, rows)
    tokens = jnp.asarray(corpus.codes[starts[:, None] + np.arange(SHOWN + FOLLOWED)].T)
    state, _ = model.outputs(params, model.initial_state(params, rows), tokens[:SHOWN])
    right = tokens[SHOWN]
    others = len(corpus.alphabet) - 1  # all but 0, which stands for characters never seen
    shift = jnp.asarray(rng.integers(1, others, rows), right.dtype)
    wrong = 1 + (right - 1 + shift) % others

    step = _step(model, params)
    free = [greedy(step, state, first, num_steps=FOLLOWED - 1, end=-1).tokens for first in (right, wrong)]
    forced = []
    for first in (right, wrong):
        fed = jnp.concatenate([first[None], tokens[SHOWN + 1 : -1]])
        forced.append(jax.nn.softmax(model.outputs(params, state, fed)[1]))
    return {
        "free": np.asarray((free[0] != free[1]).mean(axis=1)),
        "forced": np.asarray(0.5 * jnp.abs(forced[0] - forced[1]).sum(axis=-1).mean(axis=1)),
    }


def write_samples(corpus: Corpus, model: Model, params: Any, seed: int, length: int = 300) -> dict[str, str]:
    """Continues a line break, at temperatures 0.5 and 1."""
    start = jnp.full(1, corpus.alphabet.index("\n") if "\n" in corpus.alphabet else 1, jnp.int32)
    texts = {}
    for temperature in (0.5, 1.0):
        key = jax.random.key(seed)
        state = model.initial_state(params, 1)
        draw = jax.jit(functools.partial(sample, _step(model, params), num_steps=length, temperature=temperature))
        codes = np.asarray(draw(state, start, key).tokens[:, 0])
        texts[f"sample at temperature {temperature}"] = "".join(corpus.alphabet[code] for code in codes)
    return texts


def _step(model: Model, params: Any):
    """One step of the model, as decoding takes it."""

    def step(state, token):
        state, logits = model.outputs(params, state, token[None])
        return state, logits[0]

    return step
