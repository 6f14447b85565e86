"""The networks of `memory_network`: memory networks, an LSTM that reads word by word, and a bag of words."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.common.networks import draw, logits_of
from experiments.memory_network.world import LONGEST, WORDS, Stories
from recurrent import lstm, unroll
from recurrent.dense import dense, draw_dense
from recurrent.initializers import glorot_uniform, normal, zeros
from recurrent.layers import embed
from recurrent.losses import cross_entropy
from recurrent.memories import memory_network

HOPS = ("1 hop", "2 hops", "3 hops")
MOST, LSTM, BAG = HOPS[-1], "LSTM", "bag of words"
NETWORKS = (*HOPS, LSTM, BAG)


class Texts(NamedTuple):
    """Stories with their questions, and the words of both in a row.

    Attributes:
      facts, questions, answers: as in `Stories`.
      words: of facts and question, without padding between, `[story, word]`.
      lengths: how many, `[story]`.
    """

    facts: Array
    questions: Array
    answers: Array
    words: Array
    lengths: Array


class Model(NamedTuple):
    """A network with a readout of all words: `init(key) -> params`, `logits(params, texts) -> [story, word]`."""

    init: Callable[[Array], Any]
    logits: Callable[[Any, Texts], Array]

    def loss(self, params: Any, training: Texts, batch: Array) -> Array:
        """Mean cross-entropy of the answers to some of the stories."""
        texts = jax.tree.map(lambda leaf: leaf[batch], training)
        return cross_entropy(self.logits(params, texts), texts.answers).mean()


def as_texts(stories: Stories) -> Texts:
    """Puts the words of every story in a row."""
    padded = np.concatenate([stories.facts.reshape(len(stories.facts), -1), stories.questions], axis=1)
    there = padded > 0
    # a stable sort by whether there is a word moves padding behind all words, and keeps their order
    words = np.take_along_axis(padded, np.argsort(~there, axis=1, kind="stable"), axis=1)
    lengths = there.sum(axis=1).astype(np.int32)
    return Texts(*map(jnp.asarray, (stories.facts, stories.questions, stories.answers, words, lengths)))


@functools.cache
def make_model(name: str, width: int, hidden_size: int) -> Model:
    """One of `NETWORKS`: memory networks of `width`, others of `hidden_size` units and words of `width`."""
    if name == LSTM:
        return reader(width, hidden_size)
    return bag(hidden_size) if name == BAG else looker(width, HOPS.index(name) + 1)


def looker(width: int, hops: int) -> Model:
    """A memory network with adjacent tying, position and temporal encoding."""
    network = memory_network(len(WORDS), width, hops, max_facts=LONGEST)
    return Model(network.init, lambda params, texts: network.apply(params, *_inputs(texts))[0])


def attention(width: int, hops: int, params: Any, texts: Texts) -> Array:
    """What a `looker` looks at, `[hop, fact, story]`."""
    return memory_network(len(WORDS), width, hops, max_facts=LONGEST).apply(params, *_inputs(texts))[1]


def _inputs(texts: Texts) -> tuple[Array, Array]:
    return jnp.moveaxis(texts.facts, 1, 0), texts.questions


def reader(width: int, hidden_size: int) -> Model:
    """An LSTM that reads story and question word by word, and answers from its last state."""
    cell, table = lstm(width, hidden_size), embed(len(WORDS), width)

    def init(key):
        k_table, k_network = jax.random.split(key)
        return table.init(k_table), draw(cell, k_network, len(WORDS), hidden_size)

    def logits(params, texts):
        _, vectors = table.apply(params[0], texts.words.T, lengths=texts.lengths)
        state, _ = unroll(cell, params[1].cell, vectors, lengths=texts.lengths, backprop="explicit")
        return logits_of(params[1], state.h)

    return Model(init, logits)


def bag(hidden_size: int) -> Model:
    """A hidden layer over how often each word stands in the story, and in the question."""
    inputs = 2 * len(WORDS)

    def init(key):
        k_hidden, k_readout = jax.random.split(key)
        hidden = draw_dense(k_hidden, inputs, hidden_size, glorot_uniform, zeros, jnp.float32)
        return hidden, draw_dense(k_readout, hidden_size, len(WORDS), normal(hidden_size**-0.5), zeros, jnp.float32)

    def logits(params, texts):
        story = texts.facts.reshape(len(texts.facts), -1)
        counted = [jax.nn.one_hot(words, len(WORDS)).sum(axis=1).at[:, 0].set(0) for words in (story, texts.questions)]
        return dense(params[1], jnp.tanh(dense(params[0], jnp.concatenate(counted, axis=1))))

    return Model(init, logits)
