"""Training of one network, compiled once for all seeds and learning rates, and what it says of other text."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from experiments.common.training import CHUNK, descend, falling_adam, start
from experiments.tagging.data import Corpus, cut
from recurrent import Layer
from recurrent.losses import cross_entropy

AT_A_TIME = 500
"""Windows that are tagged at once."""


class Functions(NamedTuple):
    """A layer's compiled functions.

    Attributes:
      begin: `key -> train state`.
      advance: `(train state, rate, batches) -> (train state, losses)`.
      classes: `(params, codes) -> most probable classes`.
    """

    begin: Callable[..., Any]
    advance: Callable[..., Any]
    classes: Callable[..., Any]


def compiled(layer: Layer, updates: int) -> Functions:
    """Functions of a layer, for Adam with a learning rate that falls from `rate` to 0 along a cosine."""

    def loss_of(params, given, batch):
        del given
        codes, labels = batch
        return cross_entropy(layer.apply(params, codes)[1], labels).mean()

    return Functions(
        jax.jit(lambda key: start(layer.init(key), falling_adam(1.0, updates))),
        jax.jit(lambda state, rate, batches: descend(loss_of, falling_adam(rate, updates), state, (), batches)),
        jax.jit(lambda params, codes: layer.apply(params, codes)[1].argmax(axis=-1)),
    )


def train(config: Any, functions: Functions, data: Corpus, rate: float, seed: int, label: str) -> tuple[Any, np.ndarray]:
    """Trains one network; returns its parameters and the loss of every update, in nats per character.

    All kinds of networks get the same batches from the same seed.
    """
    starts = np.random.default_rng(seed).choice(data.starts, (config.updates, config.batch_size))
    state, losses = functions.begin(jax.random.key(seed)), []
    with tqdm(total=config.updates, desc=f"tagging, {label}: compiling", unit="update", leave=False) as progress:
        for chunk in np.array_split(starts, -(-config.updates // CHUNK)):
            codes, labels = (np.stack([cut(values, s, config.window) for s in chunk]) for values in (data.codes, data.labels))
            state, found = functions.advance(state, rate, (codes, labels.astype(np.int32)))
            losses.append(np.asarray(found))
            progress.set_description(f"tagging, {label}", refresh=False)
            progress.update(len(chunk))
    return state.params, np.concatenate(losses)


def predict(functions: Functions, params: Any, codes: np.ndarray) -> np.ndarray:
    """The most probable class of every character of windows `[T, N]`."""
    missing = -codes.shape[1] % AT_A_TIME  # filled up, so that one shape is compiled
    chunks = np.split(np.pad(codes, ((0, 0), (0, missing))), (codes.shape[1] + missing) // AT_A_TIME, axis=1)
    said = np.concatenate([functions.classes(params, jnp.asarray(chunk)) for chunk in chunks], axis=1)
    return said[:, : codes.shape[1]].astype(np.int8)
