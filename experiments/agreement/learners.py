"""What learns agreement: three networks and an n-gram, each with the same number of settings to choose from."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.agreement.ngram import Ngram
from experiments.agreement.options import Config
from experiments.agreement.sentences import REFLEXIVES, VOCABULARY, Sentences, random_sentences
from experiments.agreement.splits import key_of, training_keys, training_sentences
from experiments.common.networks import draw, hidden, logits_of, mean_loss
from experiments.common.training import fitted
from recurrent import Cell, elman, gru, lstm, unroll
from recurrent.initializers import gaussian

RATES = (0.003, 0.01, 0.03)
"""Learning rates of Adam at the start to choose from."""
ORDERS = (3, 5, 7)
"""Orders of the n-gram to choose from; one of order n sees n - 1 words."""
NETWORKS = ("tanh", "LSTM", "GRU")
NGRAM = "n-gram"

Guess = Callable[[Sentences], np.ndarray]
"""The gender of the reflexive of every sentence."""


class Learner(NamedTuple):
    """A way to learn from the training sentences of a seed.

    Attributes:
      settings: to choose from.
      fit: `(setting, seed) -> guess`.
    """

    settings: tuple[Any, ...]
    fit: Callable[[Any, int], Guess]


def all_learners(config: Config) -> dict[str, Learner]:
    """The n-gram and the networks by their names."""
    inputs, size = len(VOCABULARY), config.hidden_size
    cells = {"tanh": elman(inputs, size, recurrent_init=gaussian()), "LSTM": lstm(inputs, size), "GRU": gru(inputs, size)}
    networks = {name: Learner(RATES, _make_fit(config, cells[name])) for name in NETWORKS}
    return {NGRAM: Learner(ORDERS, lambda order, seed: _counted(config, order, seed)), **networks}


def _counted(config: Config, order: int, seed: int) -> Guess:
    codes, distances, genders = map(np.asarray, training_sentences(config, seed))
    model = Ngram(order).fit(codes, distances, genders)
    return lambda sentences: model.predict(np.asarray(sentences.codes), np.asarray(sentences.distances))


def _make_fit(config: Config, cell: Cell) -> Callable[[float, int], Guess]:
    """The training of one kind of network; the learning rate is data, so that one compiled program serves all."""

    def final(network, codes, distances):
        xs = jax.nn.one_hot(codes, len(VOCABULARY))  # padding is -1: all zeros
        state, _ = unroll(cell, network.cell, xs, lengths=1 + distances, backprop="explicit")
        return hidden(state)

    def loss_of(network, given, key):
        del given
        batch = random_sentences(key, config.batch_size, config.longest)
        return mean_loss(network, final(network, batch.codes, batch.distances), batch.genders)

    @jax.jit
    def trained(key, rate, keys):
        return fitted(loss_of, draw(cell, key, len(REFLEXIVES), config.hidden_size), rate, (), keys)

    @jax.jit
    def guess(network, codes, distances):
        return logits_of(network, final(network, codes, distances)).argmax(axis=-1)

    def fit(rate: float, seed: int) -> Guess:
        network = trained(key_of(config, seed, "network"), rate, training_keys(config, seed))
        return lambda sentences: _in_pieces(lambda *piece: guess(network, *piece), sentences)

    return fit


def _in_pieces(guess: Callable[..., jax.Array], sentences: Sentences, size: int = 2000) -> np.ndarray:
    """A few sentences at a time, so that little memory is needed."""
    codes, distances, genders = sentences
    pieces = [np.arange(first, min(first + size, len(genders))) for first in range(0, len(genders), size)]
    return np.concatenate([np.asarray(guess(jnp.asarray(codes)[:, piece], distances[piece])) for piece in pieces])
