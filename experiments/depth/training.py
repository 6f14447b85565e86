"""Training and scoring of stacks, each at a learning rate of its own."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.common.networks import Network, logits_of, mean_loss, unstack
from experiments.common.training import LossFn, train_one
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
    loss_of = _loss_of(layer, batch_size)
    found = [
        train_one(loss_of, network, batches, rate, f"{label}: rate {rate:g}", given=digits)[0]
        for network, rate, batches in zip(unstack(networks), rates, keys, strict=True)
    ]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *found)


@functools.cache
def _scorer(layer: Layer) -> Callable[..., Array]:
    return jax.jit(functools.partial(accuracy_of, layer))


@functools.cache
def _loss_of(layer: Layer, batch_size: int) -> LossFn:
    """One function for all trainings of a layer, for it takes long to compile."""

    def loss_of(network, digits, key):
        xs, labels = digits
        batch = jax.random.randint(key, (batch_size,), 0, len(labels))
        return mean_loss(network, features_of(layer, network, xs[:, batch]), labels[batch])

    return loss_of
