"""Recurrent networks with a softmax readout of one vector per sequence, one of them or a stack."""

import bisect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from recurrent import Cell, count_parameters
from recurrent.dense import dense
from recurrent.layers import DenseParams
from recurrent.losses import cross_entropy

READOUTS = ("last state", "mean over states")


class Network(NamedTuple):
    """A cell's parameters with a softmax readout of its hidden state."""

    cell: Any
    kernel: Array
    bias: Array


def draw(cell: Cell, key: Array, classes: int, hidden_size: int) -> Network:
    """Draws a cell with a readout of weights N(0, 1 / hidden)."""
    k_cell, k_readout = jax.random.split(key)
    kernel = jax.random.normal(k_readout, (hidden_size, classes)) / hidden_size**0.5
    return Network(cell.init(k_cell), kernel, jnp.zeros(classes))


def count(cell: Cell, classes: int, hidden_size: int) -> int:
    """Parameters of a network, with its readout."""
    return count_parameters(jax.eval_shape(lambda key: draw(cell, key, classes, hidden_size), jax.random.key(0)))


def closest(candidates: range, target: int, size: Callable[[int], int]) -> int:
    """The number of units whose size is closest to the target, the smaller of two; the size grows with the units."""
    above = bisect.bisect_left(candidates, target, key=size)
    return min(candidates[max(above - 1, 0) : above + 1], key=lambda units: abs(size(units) - target))


def draw_all(cell: Cell, keys: Array, classes: int, hidden_size: int) -> Network:
    """Draws one network per key, stacked along the first axis."""
    return jax.jit(jax.vmap(lambda key: draw(cell, key, classes, hidden_size)))(keys)


def hidden(state: Any) -> Array:
    """The leaf that the readout sees."""
    return getattr(state, "h", state)


def weights_of(readout: str, steps: int) -> Array:
    """The weights of the states for one of the `READOUTS`: only the last is 1, or each is 1/T."""
    return jnp.eye(steps)[-1] if readout == "last state" else jnp.full(steps, 1 / steps)


def logits_of(network: Network, features: Array) -> Array:
    """o = features V + c."""
    return dense(DenseParams(network.kernel, network.bias), features)


def mean_loss(network: Network, features: Array, labels: Array) -> Array:
    """Mean of -ln softmax(features V + c)[label]."""
    return cross_entropy(logits_of(network, features), labels).mean()


def unstack(networks: Any) -> list[Any]:
    """Takes a stack of networks apart."""
    return [jax.tree.map(lambda leaf, i=i: leaf[i], networks) for i in range(len(jax.tree.leaves(networks)[0]))]


def to_arrays(network: Any) -> dict[str, np.ndarray]:
    """Names the leaves of a network, for `Part` to save."""
    return {f"leaf{i:02d}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(network))}


def from_arrays(arrays: dict[str, np.ndarray], like: Any) -> Any:
    """Puts named leaves back into the structure of another network."""
    names = sorted(name for name in arrays if name.startswith("leaf"))
    return jax.tree.unflatten(jax.tree.structure(like), [jnp.asarray(arrays[name]) for name in names])
