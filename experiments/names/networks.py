"""The recurrent classifiers of `names`."""

import functools
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.common.networks import draw, hidden, logits_of, mean_loss
from experiments.common.training import fitted
from experiments.names.data import LANGUAGES, UNKNOWN, Letters, hide_strangers
from recurrent import Cell, gru, lengths_to_mask, lstm, unroll
from recurrent.layers import mean_over_time

KINDS = {"GRU": gru, "LSTM": lstm}
READOUTS = ("last", "mean")
SETTINGS = tuple(itertools.product((3e-3, 1e-2), (0.2, 0.5)))
"""Learning rate of Adam at the start, and dropout of the features."""

Fit = Callable[[tuple[float, float], np.ndarray, int], np.ndarray]


class Given(NamedTuple):
    """What the loss depends on beside network and batch; settings are data, so that one compiled program serves all."""

    tokens: Array
    lengths: Array
    languages: Array
    dropout: float
    mean: bool


def features(cell: Cell, params: Any, tokens: Array, lengths: Array, symbols: int, mean: bool | Array) -> Array:
    """h_T of every name, or the mean of h_1 ... h_T if `mean`."""
    state, hs = unroll(cell, params, jax.nn.one_hot(tokens, symbols), lengths=lengths, backprop="explicit")
    return jnp.where(mean, mean_over_time(hs, lengths_to_mask(lengths, len(tokens))), hidden(state))


def make_fits(config, kind: str, letters: Letters, languages: np.ndarray) -> dict[str, Fit]:
    """The training of one kind of network, for each readout."""
    cell = KINDS[kind](letters.symbols, config.hidden_size)
    of = functools.partial(features, cell, symbols=letters.symbols)

    def loss_of(network, given, batch):
        rows, key = batch
        k_letters, k_features = jax.random.split(key)
        tokens = given.tokens[:, rows]
        shown = jax.random.bernoulli(k_letters, 1 - config.hidden_letters, tokens.shape)
        vectors = of(network.cell, jnp.where(shown, tokens, UNKNOWN), given.lengths[rows], mean=given.mean)
        kept = jax.random.bernoulli(k_features, 1 - given.dropout, vectors.shape) / (1 - given.dropout)
        return mean_loss(network, vectors * kept, given.languages[rows])

    @jax.jit
    def trained(key, rate, given, batches):
        return fitted(loss_of, draw(cell, key, len(LANGUAGES), config.hidden_size), rate, given, batches)

    @jax.jit
    def guess(network, given):
        vectors = of(network.cell, given.tokens, given.lengths, mean=given.mean)
        return logits_of(network, vectors).argmax(axis=-1)

    def fit(setting, rows, seed, *, mean):
        rate, dropout = setting
        tokens = jnp.asarray(hide_strangers(letters, rows))
        given = Given(tokens, jnp.asarray(letters.lengths), jnp.asarray(languages), dropout, mean)
        k_network, k_updates = jax.random.split(jax.random.key(seed))
        drawn = np.random.default_rng(seed).choice(rows, (config.updates, config.batch_size))
        batches = jnp.asarray(drawn), jax.random.split(k_updates, config.updates)
        return np.asarray(guess(trained(k_network, rate, given, batches), given))

    return {readout: functools.partial(fit, mean=readout == "mean") for readout in READOUTS}
