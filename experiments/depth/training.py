"""Training and scoring of stacks, each at a learning rate of its own."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from tqdm import tqdm

from experiments.common.networks import Network, logits_of, mean_loss, unstack
from experiments.common.training import CHUNK, clipped_adam, descend, start
from recurrent import Layer


def features_of(layer: Layer, network: Network, xs: Array) -> Array:
    """What the stack emits at the last row of each image."""
    return layer.apply(network.cell, xs)[1][-1]


def accuracy_of(layer: Layer, network: Network, xs: Array, labels: Array) -> Array:
    """The share of images whose label has the largest logit."""
    return jnp.mean(logits_of(network, features_of(layer, network, xs)).argmax(axis=-1) == labels)


def accuracies(layer: Layer, networks: Network, digits: tuple[Array, Array]) -> np.ndarray:
    """The accuracies of a stack of networks, `[network]`."""
    return np.array([_scorer(layer)(network, *digits) for network in unstack(networks)])


def train_each(
    layer: Layer,
    networks: Network,
    rates: np.ndarray,
    keys: Array,
    batch_size: int,
    digits: tuple[Array, Array],
    label: str,
) -> Network:
    """Trains the networks of a stack one after another by Adam, gradients clipped to norm 1.

    Args:
      networks: leaves `[network, ...]`.
      rates: the learning rate of each at the start; it falls to 0 along a cosine.
      keys: of the batches, `[network, update]`.
      digits: rows and labels that the batches are drawn from.
      label: for the progress bar.
    """
    init, advance = _trainer(layer, keys.shape[1], batch_size)
    found = []
    with tqdm(total=keys.size, desc=f"{label}: compiling", unit="update", leave=False) as progress:
        for network, rate, batches in zip(unstack(networks), rates, keys, strict=True):
            state = init(network)
            for first in range(0, len(batches), CHUNK):
                chunk = batches[first : first + CHUNK]
                state, losses = advance(state, float(rate), digits, chunk)
                progress.set_description(f"{label}: rate {rate:g}", refresh=False)
                progress.set_postfix(loss=f"{np.mean(losses):.4g}")
                progress.update(len(chunk))
            found.append(state.params)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *found)


@functools.cache
def _scorer(layer: Layer) -> Callable[..., Array]:
    return jax.jit(functools.partial(accuracy_of, layer))


@functools.cache
def _trainer(layer: Layer, updates: int, batch_size: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """One program for all learning rates, for it takes long to compile."""

    def optimizer(rate):
        return clipped_adam(optax.cosine_decay_schedule(rate, updates))

    def loss_of(network, digits, key):
        xs, labels = digits
        batch = jax.random.randint(key, (batch_size,), 0, len(labels))
        return mean_loss(network, features_of(layer, network, xs[:, batch]), labels[batch])

    @jax.jit
    def advance(state, rate, digits, keys):
        return descend(loss_of, optimizer(rate), state, digits, keys)

    return jax.jit(lambda network: start(network, optimizer(1.0))), advance
