"""The networks whose gradients `gradient_decay` measures."""

import jax
import jax.numpy as jnp

from experiments.common.networks import Network, draw_all, hidden
from experiments.common.training import clipped_adam, descend, start
from recurrent import Cell, elman, unroll
from recurrent.dense import add_bias, dot
from recurrent.initializers import gaussian, identity, orthogonal, with_spectral_radius
from recurrent.losses import cross_entropy

INITIALISERS = {"gaussian": gaussian(), "orthogonal": orthogonal(), "identity": identity()}


def loss_of(network: Network, h_t: jax.Array, labels: jax.Array) -> jax.Array:
    """L_T = -ln softmax(h_T V + c)[label], summed over the batch."""
    logits = add_bias(dot(h_t, network.kernel, None), network.bias)
    return cross_entropy(logits, labels).sum()


def train(cell: Cell, network: Network, xs: jax.Array, labels: jax.Array, updates: int) -> Network:
    """Trains one network on its sequences."""

    def mean_loss(network, given, batch):
        del batch  # there is one only
        xs, labels = given
        final_state, _ = unroll(cell, network.cell, xs)
        return loss_of(network, hidden(final_state), labels) / len(labels)

    optimizer = clipped_adam(1e-3)
    return descend(mean_loss, optimizer, start(network, optimizer), (xs, labels), jnp.arange(updates))[0].params


def vanilla_networks(hidden_size: int, radii: tuple[float, ...], features: int, classes: int, keys: jax.Array) -> Network:
    """Every initialisation at every spectral radius, `len(keys)` of each; the radii share their random matrices."""
    drawn = []
    for init in INITIALISERS.values():
        cell = elman(features, hidden_size, recurrent_init=with_spectral_radius(1.0, init))
        network = draw_all(cell, keys, classes, hidden_size)
        for radius in radii:
            kernel = radius * network.cell.recurrent_kernel
            drawn.append(network._replace(cell=network.cell._replace(recurrent_kernel=kernel)))
    return concatenate(drawn)


def concatenate(networks: list[Network]) -> Network:
    """Joins stacks of networks into one."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *networks)
