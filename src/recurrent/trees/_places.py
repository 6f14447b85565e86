"""Where nodes stand in their trees, and inputs for those of them that have some."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from recurrent.trees._trees import NONE, Trees
from recurrent.types import PyTree


def at_leaves(trees: Trees, xs: PyTree) -> PyTree:
    """Inputs `[nodes, batch, ...]` from those of the leaves `[leaves, batch, ...]`, in the order of their numbers; else 0.

    Rows beyond the leaves of a tree, and NaN in them, reach nothing.

    Raises:
      ValueError: inputs of another number of leaves, or of another batch.
    """
    num_nodes, batch = trees.mask.shape
    places, trees_of = outside(jnp.asarray(trees.leaves), num_nodes), jnp.arange(batch)[None]

    def place(x):
        if jnp.shape(x)[:2] != trees.leaves.shape:
            raise ValueError(
                f"at_leaves: inputs must lead with [leaves, batch] = {trees.leaves.shape}; got shape {jnp.shape(x)}"
            )
        return (
            jnp.zeros((num_nodes, batch, *x.shape[2:]), x.dtype).at[places, trees_of].set(x, mode="drop", unique_indices=True)
        )

    return jax.tree.map(place, xs)


def outside(nodes: Int[jax.Array, "slots *rest"], num_nodes: int) -> Int[jax.Array, "slots *rest"]:
    """The same, with a row of its own beyond all nodes for every slot that has none, so that no row is named twice."""
    slots = jnp.arange(nodes.shape[0], dtype=nodes.dtype).reshape(-1, *(1,) * (nodes.ndim - 1))
    return jnp.where(nodes == NONE, num_nodes + slots, nodes)


def depths(trees: Trees) -> Int[np.ndarray, "nodes batch"]:
    """How many edges lead from every node up to its root; -1 for nodes that are not there. On the host."""
    nodes, children = np.asarray(trees.nodes), np.asarray(trees.children)
    batch = np.arange(trees.mask.shape[1])
    found = np.full(trees.mask.shape, NONE, np.int32)
    found[np.asarray(trees.roots), batch] = 0
    for parents, below in zip(nodes[::-1], children[::-1], strict=True):
        slot, b, k = np.nonzero(below != NONE)
        found[below[slot, b, k], b] = found[parents[slot, b], b] + 1
    return found
