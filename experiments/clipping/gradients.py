"""The gradients that `clipping` clips: those of networks on digits, met along a training that is clipped by global norm."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from experiments.clipping.options import Config
from experiments.common import handwritten
from experiments.common.sweeping import sweep
from recurrent import clip_by_global_norm, elman, unroll
from recurrent.initializers import with_spectral_radius
from recurrent.losses import cross_entropy


class Network(NamedTuple):
    """An Elman network with a softmax readout of its last state."""

    cell: Any
    kernel: Array
    bias: Array


def draw(config: Config) -> Network:
    """Draws `config.seeds` networks, `[seed, ...]`."""
    cell = elman(1, config.hidden_size, recurrent_init=with_spectral_radius(config.spectral_radius))

    def one(key):
        k_cell, k_readout = jax.random.split(key)
        kernel = jax.random.normal(k_readout, (config.hidden_size, 10), jnp.float32) / config.hidden_size**0.5
        return Network(cell.init(k_cell), kernel, jnp.zeros(10, jnp.float32))

    return jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(config.seed), config.seeds))


def gradients_of_training(config: Config) -> Network:
    """Trains every network on batches of its own; returns the gradients before clipping, `[seed, update, ...]`."""
    cell = elman(1, config.hidden_size)
    xs, labels = map(jnp.asarray, handwritten.draw_sequences(1600, config.seed))
    drawn = np.random.default_rng(config.seed).integers(0, len(labels), (config.seeds, config.updates, config.batch_size))
    optimizer = optax.chain(clip_by_global_norm(config.threshold), optax.sgd(config.learning_rate))

    def loss_of(network, batch):
        h_t, _ = unroll(cell, network.cell, xs[:, batch], backprop="explicit")
        return cross_entropy(h_t @ network.kernel + network.bias[None], labels[batch]).mean()

    def update(network, batch):
        gradient = jax.grad(loss_of)(network, batch)
        updates, _ = optimizer.update(gradient, optimizer.init(network))  # nothing in the chain has a memory
        return jax.tree.map(jnp.add, network, updates), gradient

    def one(given):
        network, batches = given
        return jax.lax.scan(update, network, batches)[1]

    return jax.jit(lambda given: sweep(one, given))((draw(config), jnp.asarray(drawn)))
