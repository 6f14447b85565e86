"""The driver: one tree cell over a batch of trees, level by level."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Int

from recurrent import checks, pytrees
from recurrent.trees._cell import TreeCell
from recurrent.trees._places import outside
from recurrent.trees._trees import NONE, Trees
from recurrent.types import Params, PyTree, State


def recursive(cell: TreeCell, params: Params, trees: Trees, xs: PyTree) -> tuple[State, PyTree]:
    """Composes trees from the leaves up: s, y = compose(states of the children, x) at every node.

        run = jax.jit(functools.partial(recursive, cell))
        root_state, ys = run(params, trees, xs)

    All leaves are one call of `compose`, and so is every level above them, in one loop over the levels. So the cost of a tree
    is that of leaves + levels x width nodes, the sizes of `TreesShape`, and not of levels x nodes: for balanced trees over n
    tokens n + n/2 log2(n) at most, for sequential ones 2 n - 1. Trees are data: under `jax.jit` one program serves all batches
    of one shape. Nodes that are not there reach neither values nor gradients, NaN in their inputs included.

    Args:
      cell: any tree cell.
      params: its parameters.
      trees: from `make_trees`, `balanced_trees` or `sequential_trees`.
      xs: inputs `[nodes, batch, features]`, or a tree of them; `at_leaves` makes them of those of leaves.

    Returns:
      `(root_state, ys)`: states `[batch, ...]`, and outputs `[nodes, batch, ...]`, 0 for nodes that are not there.

    Raises:
      ValueError: something that is not a tree cell or not `Trees`, inputs that do not lead with `[nodes, batch]`, more children
        than the cell takes, params of another cell, or a cell whose states are not like that of an absent child.
    """
    _check(cell, trees, xs)
    trees = jax.tree.map(jnp.asarray, trees)
    num_nodes, batch = trees.mask.shape
    children = _places_for(cell, trees.children)
    absent = jax.tree.map(jnp.asarray, cell.absent_state(params, (batch,)))

    def composed(nodes, below, there):
        """States and outputs `[width, batch, ...]` of some nodes."""
        # a node that is not there has the input of node 0, which every tree has: so NaN in padded inputs reaches no gradient,
        # and a cell that is singular at 0 sees nothing that it would not see anyway
        with jax.named_scope(cell.name):
            return cell.compose(params, below, there, _rows(xs, jnp.maximum(nodes, 0)))

    def level(states, scheduled):
        nodes, children = scheduled
        there = children != NONE
        found, ys = composed(nodes, _rows(states, jnp.where(there, children, num_nodes)), there)
        return _written(states, nodes, found), ys

    places = (*trees.leaves.shape, cell.arity or 1)
    childless = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[:, None], (*places, *leaf.shape[1:])), absent)
    found, leaf_ys = composed(trees.leaves, childless, jnp.zeros(places, bool))
    _check_states(cell, found, absent)
    # in the last row, the state of a child that is not there
    states = jax.tree.map(lambda leaf: jnp.zeros((num_nodes + 1, *leaf.shape), leaf.dtype).at[-1].set(leaf), absent)
    states, level_ys = jax.lax.scan(level, _written(states, trees.leaves, found), (trees.nodes, children))
    nodes, level_ys = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), (trees.nodes, level_ys))
    ys = jax.tree.map(lambda leaf: jnp.zeros((num_nodes, *leaf.shape[1:]), leaf.dtype), leaf_ys)
    ys = _written(_written(ys, trees.leaves, leaf_ys), nodes, level_ys)
    return jax.tree.map(lambda leaf: leaf[0], _rows(states, trees.roots[None])), ys


def _rows(whole: PyTree, nodes: Int[Array, "slots batch *rest"]) -> PyTree:
    """Leaves `[nodes, batch, ...]` at some nodes of every tree, `[slots, batch, *rest, ...]`."""
    trees = jnp.arange(nodes.shape[1]).reshape(1, -1, *(1,) * (nodes.ndim - 2))
    return jax.tree.map(lambda leaf: leaf[nodes, trees], whole)


def _written(whole: PyTree, nodes: Int[Array, "slots batch"], rows: PyTree) -> PyTree:
    """Leaves `[nodes, batch, ...]`, 0 so far at these nodes, with rows `[slots, batch, ...]` in their places."""
    places, trees = outside(nodes, jax.tree.leaves(whole)[0].shape[0]), jnp.arange(nodes.shape[1])[None]

    def write(leaf, row):
        there = leaf.at[places, trees]
        # where rows are added, the backward pass reads their gradients and leaves the others alone; to set them, it copies all
        put = there.add if pytrees.is_inexact(leaf) else there.set
        return put(row, mode="drop", unique_indices=True)

    return jax.tree.map(write, whole, rows)


def _places_for(cell: TreeCell, children: Int[Array, "levels width batch arity"]) -> Int[Array, "levels width batch arity"]:
    """Children with as many places as the cell has."""
    most = children.shape[-1]
    if cell.arity is None:
        return children
    if most > cell.arity:
        raise ValueError(f"recursive: {cell} takes {cell.arity} children, and nodes of these trees have up to {most}")
    return jnp.pad(children, [(0, 0)] * 3 + [(0, cell.arity - most)], constant_values=NONE)


def _check(cell: TreeCell, trees: Trees, xs: PyTree) -> None:
    for what, kind in ((cell, TreeCell), (trees, Trees)):
        if not isinstance(what, kind):
            raise ValueError(
                f"recursive takes a TreeCell, params, Trees and inputs; got a {type(what).__name__} for the {kind.__name__}"
            )
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(xs)]
    if not shapes or any(shape[:2] != trees.mask.shape for shape in shapes):
        raise ValueError(f"recursive: inputs must lead with [nodes, batch] = {trees.mask.shape}; got shapes {shapes}")


def _check_states(cell: TreeCell, found: State, absent: State) -> None:
    """What was found leads with one more axis, that of the leaves."""
    first = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), found)
    checks.same_arrays(f"the state that {cell} composes", first, absent, "it must be like the absent_state of the cell")
