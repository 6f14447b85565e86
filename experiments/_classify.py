"""Recurrent networks with a softmax readout of one vector per sequence: training many at once, reading out."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from tqdm import tqdm

from experiments._gradient_networks import Network
from experiments._run import sweep
from recurrent import clip_by_global_norm
from recurrent.layers import LinearParams, linear_map
from recurrent.losses import cross_entropy

CHUNK = 100
"""Updates between two ticks of the progress bar."""

LossFn = Callable[[Network, Any, Array], Array]


def logits_of(network: Network, features: Array) -> Array:
    """o = features V + c."""
    return linear_map(LinearParams(network.kernel, network.bias), features)


def mean_loss(network: Network, features: Array, labels: Array) -> Array:
    """Mean of -ln softmax(features V + c)[label]."""
    return cross_entropy(logits_of(network, features), labels).mean()


def train(
    loss_of: LossFn, networks: Network, given: Any, updates: int, learning_rate: float, seed: int, label: str
) -> tuple[Network, np.ndarray]:
    """Trains a stack of networks with Adam, gradients clipped to norm 1 and a learning rate that falls to 0 along a cosine.

    Args:
      loss_of: `(network, given, key) -> loss`; draws its batch from the key. A function that lives as long as the program:
        the compiled training is kept by it.
      networks: leaves `[network, ...]`.
      given: what else the loss depends on, the same for all networks.
      updates: in all.
      learning_rate: at the start.
      seed: of the batches; network i sees the same ones in every stack.
      label: for the progress bar.

    Returns:
      The trained networks, and the losses `[network, update]`.
    """
    init, advance = _trainer(loss_of, updates, learning_rate)
    carry, losses = (networks, init(networks)), []
    keys = jax.vmap(lambda key: jax.random.split(key, updates))(jax.random.split(jax.random.key(seed), len(networks.bias)))
    chunks = tqdm(_chunks(updates), desc=label, unit=f"x{CHUNK} updates", leave=False)
    for chunk in chunks:
        carry, loss = advance(carry, given, keys[:, chunk])
        losses.append(np.asarray(loss))
        chunks.set_postfix(loss=f"{np.median(losses[-1]):.4g}")
    return carry[0], np.concatenate(losses, axis=1)


@functools.cache
def _trainer(loss_of: LossFn, updates: int, learning_rate: float):
    schedule = optax.cosine_decay_schedule(learning_rate, updates)
    optimizer = optax.chain(clip_by_global_norm(1.0), optax.adam(schedule))

    @jax.jit
    def advance(carry, given, keys):
        def update(carry, key):
            network, opt_state = carry
            loss, gradient = jax.value_and_grad(loss_of)(network, given, key)
            changes, opt_state = optimizer.update(gradient, opt_state)
            return (optax.apply_updates(network, changes), opt_state), loss

        return sweep(lambda one: jax.lax.scan(update, *one), (carry, keys))

    return jax.vmap(optimizer.init), advance


def _chunks(updates: int) -> Sequence[Any]:
    """Splits 0 ... updates - 1 into runs of about `CHUNK`, of two lengths at most, so that little is compiled."""
    return np.array_split(np.arange(updates), -(-updates // CHUNK))


def to_arrays(network: Network) -> dict[str, np.ndarray]:
    """Names the leaves of a network, for `Part` to save."""
    return {f"leaf{i:02d}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(network))}


def from_arrays(arrays: dict[str, np.ndarray], like: Network) -> Network:
    """Puts named leaves back into the structure of another network."""
    names = sorted(name for name in arrays if name.startswith("leaf"))
    return jax.tree.unflatten(jax.tree.structure(like), [jnp.asarray(arrays[name]) for name in names])
