"""What the model writes on its own: samples, and how far one wrong character spreads."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.char_lm.data import Corpus
from experiments.char_lm.networks import Model
from recurrent.seq2seq import greedy, sample

SHOWN, FOLLOWED, ERRORS = 100, 60, 256
"""Characters read before a wrong one, characters followed from it on, and how often this is done."""


def spread_of_an_error(corpus: Corpus, model: Model, params: Any, seed: int) -> dict[str, np.ndarray]:
    """Feeds one wrong character and runs on beside the undisturbed run: `[FOLLOWED, ERRORS]`, and where each began.

    free: whether the characters differ, each run going on greedily with its own output.
    forced: ½ Σ |p - p'| of the predictions, both runs reading the true text from then on; the first one follows the wrong
    character itself.
    """
    rng = np.random.default_rng(seed)
    starts = rng.integers(corpus.split, corpus.end - SHOWN - FOLLOWED - 1, ERRORS)
    tokens = jnp.asarray(corpus.codes[starts[:, None] + np.arange(SHOWN + FOLLOWED)].T)
    state, _ = model.outputs(params, model.initial_state(params, ERRORS), tokens[:SHOWN])
    right = tokens[SHOWN]
    others = len(corpus.alphabet) - 1  # all but 0, which stands for characters never seen
    shift = jnp.asarray(rng.integers(1, others, ERRORS), right.dtype)
    wrong = 1 + (right - 1 + shift) % others

    step = _step(model, params)
    free = [greedy(step, state, first, num_steps=FOLLOWED - 1, end=-1).tokens for first in (right, wrong)]
    forced = []
    for first in (right, wrong):
        fed = jnp.concatenate([first[None], tokens[SHOWN + 1 : -1]])
        forced.append(jax.nn.softmax(model.outputs(params, state, fed)[1]))
    return {
        "free": np.asarray(free[0] != free[1], np.float64),
        "forced": np.asarray(0.5 * jnp.abs(forced[0] - forced[1]).sum(axis=-1), np.float64),
        "start": starts,
    }


def write_samples(corpus: Corpus, model: Model, params: Any, seed: int, length: int = 300) -> dict[str, str]:
    """Continues a line break, at temperatures 0.5 and 1."""
    start = jnp.full(1, corpus.alphabet.index("\n") if "\n" in corpus.alphabet else 1, jnp.int32)
    texts = {}
    for temperature in (0.5, 1.0):
        key = jax.random.key(seed)
        state = model.initial_state(params, 1)
        draw = jax.jit(functools.partial(sample, _step(model, params), num_steps=length, temperature=temperature))
        texts[f"sample at temperature {temperature}"] = corpus.text(np.asarray(draw(state, start, key).tokens[:, 0]))
    return texts


def _step(model: Model, params: Any):
    """One step of the model, as decoding takes it."""

    def step(state, token):
        state, logits = model.outputs(params, state, token[None])
        return state, logits[0]

    return step
