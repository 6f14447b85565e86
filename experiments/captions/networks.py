"""The LSTM that looks at a picture and spells."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from experiments.captions.data import LETTERS
from recurrent import lstm
from recurrent.dense import dense
from recurrent.layers import embed, linear
from recurrent.types import State

FEEDS = ("first step", "every step")
"""When the picture is fed."""


class Network(NamedTuple):
    """Parameters: of the picture's linear map, the letters' embedding, the LSTM and the readout."""

    picture: Any
    letters: Any
    cell: Any
    readout: Any


class Model(NamedTuple):
    """`init(key) -> network`, `start(network, pictures) -> state`, `step(network, state, token) -> (state, logits)`."""

    init: Any
    start: Any
    step: Any


def make_model(embed_size: int, hidden_size: int, feed: str) -> Model:
    """The LSTM reads [embedded letter, linear map of the picture]; after the first step the latter may be 0."""
    size, symbols = embed_size, len(LETTERS) + 1
    look, letters, readout = linear(64, size), embed(symbols, size), linear(hidden_size, symbols)
    cell = lstm(2 * size, hidden_size)

    def init(key):
        keys = jax.random.split(key, 4)
        parts = (look, letters, cell, readout)
        return Network(*(layer.init(k) for layer, k in zip(parts, keys, strict=True)))

    def start(network: Network, pictures: Array) -> State:
        return cell.initial_state(network.cell, pictures.shape[:1]), dense(network.picture, pictures)

    def step(network: Network, state: State, token: Array):
        state, seen = state
        x = jnp.concatenate([letters.apply(network.letters, token[None])[1][0], seen], axis=-1)
        state, y = cell.step(network.cell, state, x)
        return (state, seen if feed == "every step" else jnp.zeros_like(seen)), dense(network.readout, y)

    return Model(init, start, step)
