"""What can be done to the layers of a stack once it is trained: leave some out, let two change places."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.common.networks import Network
from experiments.depth.networks import Kind


def rearranged(network: Network, order: Array) -> Network:
    """A plain or residual stack with the blocks `order` alone, in that order, above its first layer.

    A block left out is bypassed: the next one reads what it would have read. In a residual stack that is the identity in place
    of x + f(x).
    """
    blocks = jax.tree.map(lambda leaf: leaf[order], network.cell.blocks)
    return network._replace(cell=network.cell._replace(blocks=blocks))


def silenced(network: Network, order: Array) -> Network:
    """A dense stack in which only the blocks `order` emit anything: the parameters of the others are 0, and so is tanh(0).

    To bypass a block means nothing here, as those above read its outputs at places of their own; nor does a change of order.
    """
    alive = jnp.zeros(len(network.cell.blocks.bias)).at[order].set(1.0)
    blocks = jax.tree.map(lambda leaf: leaf * alive.reshape(-1, *[1] * (leaf.ndim - 1)), network.cell.blocks)
    return network._replace(cell=network.cell._replace(blocks=blocks))


def apply(kind: Kind, network: Network, order: Array) -> Network:
    """Keeps only the blocks `order` of a stack, counted from 0 above the first layer."""
    return silenced(network, order) if kind == "dense" else rearranged(network, order)


def without_one(blocks: int) -> np.ndarray:
    """Every choice of all blocks but one, `[blocks, blocks - 1]`; row i lacks block i."""
    return np.stack([np.delete(np.arange(blocks), i) for i in range(blocks)])


def without_random(blocks: int, count: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Random choices of all blocks but `count`, in their order, `[draws, blocks - count]`."""
    return np.stack([np.sort(rng.permutation(blocks)[count:]) for _ in range(draws)])


def with_neighbours_swapped(blocks: int) -> np.ndarray:
    """Every order in which one block has changed places with the next, `[blocks - 1, blocks]`."""
    orders = np.tile(np.arange(blocks), (blocks - 1, 1))
    for i, order in enumerate(orders):
        order[[i, i + 1]] = i + 1, i
    return orders


def with_random_swaps(blocks: int, count: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Orders after `count` random transpositions, one after the other, `[draws, blocks]`."""
    orders = np.tile(np.arange(blocks), (draws, 1))
    for order in orders:
        for _ in range(count):
            pair = rng.choice(blocks, 2, replace=False)
            order[pair] = order[pair[::-1]]
    return orders
