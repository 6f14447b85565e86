"""The LSTM that looks at pictures and spells."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.captions.data import END, LETTERS, STEPS, as_names, spelled
from experiments.common.training import LossFn, train_one
from recurrent import lstm
from recurrent.dense import dense
from recurrent.layers import embed, linear
from recurrent.losses import cross_entropy, masked_mean
from recurrent.seq2seq import greedy
from recurrent.types import State

FEEDS = ("first step", "every step")
"""When the pictures are fed."""


class Sizes(NamedTuple):
    """Sizes of a network, and which of the `FEEDS` it has."""

    embed_size: int
    hidden_size: int
    feed: str


class Network(NamedTuple):
    """Parameters: of the pictures' features, the letters' embedding, the LSTM and the readout."""

    picture: Any
    letters: Any
    cell: Any
    readout: Any


class Model(NamedTuple):
    """`init(key) -> network`, `start(network, pictures) -> state`, `step(network, state, token) -> (state, logits)`."""

    init: Any
    start: Any
    step: Any


class Functions(NamedTuple):
    """A model with its compiled functions, made once per program.

    Attributes:
      model: the network's functions.
      init: `key -> network`.
      loss: mean cross-entropy of the letters of a batch, under teacher forcing.
      write: `(network, pictures) -> symbols [steps, n]`, greedily.
    """

    model: Model
    init: Callable
    loss: LossFn
    write: Callable


def make_model(sizes: Sizes) -> Model:
    """The LSTM reads [embedded letter, features of both pictures]; after the first step the latter may be 0.

    The features are relu(W p + b), by the same W and b for the tens and for the units.
    """
    size, hidden_size, feed = sizes
    symbols = len(LETTERS) + 1
    look, letters, readout = linear(64, 2 * size), embed(symbols, size), linear(hidden_size, symbols)
    cell = lstm(5 * size, hidden_size)

    def init(key):
        keys = jax.random.split(key, 4)
        parts = (look, letters, cell, readout)
        return Network(*(layer.init(k) for layer, k in zip(parts, keys, strict=True)))

    def start(network: Network, pictures: Array) -> State:
        features = jax.nn.relu(dense(network.picture, pictures)).reshape(len(pictures), -1)
        return cell.initial_state(network.cell, pictures.shape[:1]), features

    def step(network: Network, state: State, token: Array):
        state, seen = state
        x = jnp.concatenate([letters.apply(network.letters, token[None])[1][0], seen], axis=-1)
        state, y = cell.step(network.cell, state, x)
        return (state, seen if feed == "every step" else jnp.zeros_like(seen)), dense(network.readout, y)

    return Model(init, start, step)


@functools.cache
def functions(sizes: Sizes) -> Functions:
    """Makes a model and its functions."""
    model = make_model(sizes)
    tokens, counts = map(jnp.asarray, spelled())

    def loss(network, given, batch):
        pictures, values = given
        targets = tokens[:, values[batch]]
        fed = jnp.concatenate([jnp.full_like(targets[:1], END), targets[:-1]])
        state = model.start(network, pictures[batch])
        _, logits = jax.lax.scan(lambda state, token: model.step(network, state, token), state, fed)
        return masked_mean(cross_entropy(logits, targets), counts[:, values[batch]])

    def write(network, pictures):
        state, first = model.start(network, pictures), jnp.full(len(pictures), END, jnp.int32)
        return greedy(lambda state, token: model.step(network, state, token), state, first, num_steps=STEPS, end=END).tokens

    return Functions(model, jax.jit(model.init), loss, jax.jit(write))


def train(
    sizes: Sizes,
    pictures: np.ndarray,
    values: np.ndarray,
    *,
    seed: int,
    updates: int,
    batch_size: int,
    learning_rate: float,
    label: str,
) -> tuple[Network, np.ndarray]:
    """Trains a network with teacher forcing; returns it with the loss of every update, in nats per letter."""
    of = functions(sizes)
    batches = np.random.default_rng(seed).integers(0, len(values), (updates, batch_size))
    given = jnp.asarray(pictures), jnp.asarray(values)
    return train_one(of.loss, of.init(jax.random.key(seed)), batches, learning_rate, label, given=given, warm_up=True)


def names_of(sizes: Sizes, network: Network, pictures: np.ndarray) -> np.ndarray:
    """What a network writes, `[n]`."""
    return as_names(np.asarray(functions(sizes).write(network, jnp.asarray(pictures))))
