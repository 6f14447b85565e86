"""What can be done to the layers of a stack once it is trained: leave some out."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from tqdm import tqdm

from experiments.common.networks import Network, unstack
from experiments.depth.training import accuracy_of
from recurrent import Layer


def with_blocks(network: Network, order: Array) -> Network:
    """A plain or residual stack with the blocks `order` alone, in that order, above its first layer.

    A block left out is bypassed: the next one reads what it would have read. In a residual stack that is the identity in place
    of x + f(x).
    """
    blocks = jax.tree.map(lambda leaf: leaf[order], network.cell.blocks)
    return network._replace(cell=network.cell._replace(blocks=blocks))


def without_one(blocks: int) -> np.ndarray:
    """Every choice of all blocks but one, `[blocks, blocks - 1]`; row i lacks block i."""
    return np.stack([np.delete(np.arange(blocks), i) for i in range(blocks)])


def cut_accuracies(layer: Layer, networks: Network, digits: tuple[Array, Array], label: str) -> dict[str, np.ndarray]:
    """Accuracies of a stack of networks whole, `[network]`, and without one block each, `[network, block]`.

    The first layer stays: it alone reads the input.
    """
    blocks = networks.cell.blocks.bias.shape[1]

    @jax.jit
    def of(network, orders):
        return jax.lax.map(lambda order: accuracy_of(layer, with_blocks(network, order), *digits), orders)

    def all_of(orders):
        chosen = jnp.asarray(orders)
        return np.stack([of(network, chosen) for network in tqdm(unstack(networks), desc=label, unit="stack", leave=False)])

    return {"whole": all_of(np.arange(blocks)[None])[:, 0], "without": all_of(without_one(blocks))}
