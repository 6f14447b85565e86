"""Trees as a padded batch: which nodes are computed level by level, made on the host from pointers to parents."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jax import Array
from jaxtyping import Bool, Int

from recurrent import checks

NONE = -1
"""The parent of a root; in schedules, no node."""


class TreesShape(NamedTuple):
    """The sizes that a batch of trees is padded to: batches of one shape, and of one size, share a compiled program.

    Attributes:
      nodes: of one tree, at most.
      leaves: likewise.
      levels: above the leaves.
      width: nodes of one tree on one level above the leaves.
      arity: children of one node.
    """

    nodes: int
    leaves: int
    levels: int
    width: int
    arity: int


class Trees(NamedTuple):
    """A batch of trees: nodes lead, then the batch, as sequences are time-major. -1 stands for no node.

    They are data, as sequences are: arrays of numpy where they are made, of JAX inside a program.

    Attributes:
      leaves: the leaves of every tree, in the order of their numbers.
      nodes: the other nodes by level. The level of a node is its height: the longest way down to a leaf.
      children: theirs, from left to right.
      roots: of every tree.
      mask: which nodes there are.
    """

    leaves: Int[Array, "leaves batch"]
    nodes: Int[Array, "levels width batch"]
    children: Int[Array, "levels width batch arity"]
    roots: Int[Array, "batch"]
    mask: Bool[Array, "nodes batch"]

    @property
    def shape(self) -> TreesShape:
        """The sizes that they are padded to."""
        levels, width, _, arity = self.children.shape
        return TreesShape(self.mask.shape[0], self.leaves.shape[0], levels, width, arity)


def make_trees(parents: Sequence[Sequence[int] | np.ndarray], *, shape: TreesShape | None = None) -> Trees:
    """Makes a batch of trees from pointers to parents: parents[b][j] is the parent of node j of tree b, -1 at the root.

    Nodes may be numbered in any order. The children of a node stand in the order of the lowest-numbered leaves below them: that
    is their order in a sentence, where leaves are numbered along it, and in any numbering that visits subtree by subtree.

        make_trees([[1, -1, 1], [-1]])  # node 1 above 0 and 2, and a leaf that is a tree

    Args:
      parents: one list of integers per tree.
      shape: sizes to pad to, such as `trees_shape` of all trees of a data set; by default, the least that hold these trees.

    Raises:
      ValueError: no trees, or one without nodes, without a root, with two, with a cycle or with a parent out of range, or one
        that does not fit the shape: more nodes, leaves, levels, nodes on a level, or children than it has. It names tree and
        node.
    """
    return padded(_read_all(parents), shape)


def trees_shape(parents: Sequence[Sequence[int] | np.ndarray]) -> TreesShape:
    """The least shape that holds all of these trees; it raises ValueError as `make_trees` does."""
    return _least_shape(_read_all(parents))


class Tree(NamedTuple):
    """One tree that has been checked.

    Attributes:
      size: of the numbering, nodes that are not there included.
      root: its root.
      children: those of every node that there is, from left to right.
      heights: longest way down to a leaf, of every node that there is.
    """

    size: int
    root: int
    children: dict[int, list[int]]
    heights: dict[int, int]

    @property
    def levels(self) -> list[list[int]]:
        """Nodes by height."""
        found = [[] for _ in range(self.heights[self.root] + 1)]
        for node in sorted(self.heights):
            found[self.heights[node]].append(node)
        return found

    @property
    def shape(self) -> TreesShape:
        """The least that holds it; a leaf alone gets a place on a level, and one for a child, which stay empty."""
        (leaves, *above), arity = map(len, self.levels), max(map(len, self.children.values()))
        return TreesShape(self.size, leaves, len(above), max(above, default=1), max(arity, 1))


def read_tree(parents: Sequence[int] | np.ndarray, number: int = 0, there: Iterable[int] | None = None) -> Tree:
    """Checks a tree, given by pointers to parents, and looks for children and heights.

    Args:
      parents: as for `make_trees`.
      number: of the tree, for errors.
      there: the nodes that there are; all by default.
    """
    given = np.asarray(parents)
    if given.ndim != 1 or not given.size or not np.issubdtype(given.dtype, np.integer):
        raise ValueError(
            f"tree {number}: parents must be a list of one or more integers, -1 at the root; got shape {given.shape} "
            f"and dtype {given.dtype}"
        )
    pointers = given.tolist()
    children = {node: [] for node in (range(len(pointers)) if there is None else there)}
    for node in children:
        parent = pointers[node]
        if parent != NONE and parent not in children:
            raise ValueError(
                f"tree {number}: the parent of node {node} must be -1, or a node from 0 to {len(pointers) - 1}; got {parent}"
            )
        if parent != NONE:
            children[parent].append(node)
    roots = [node for node in children if pointers[node] == NONE]
    if len(roots) > 1:
        raise ValueError(f"tree {number}: nodes {roots[0]} and {roots[1]} are both roots, with parent -1: give each a tree")
    heights, first_leaf = _from_the_leaves(pointers, children)
    if len(heights) < len(children):
        node = min(set(children) - set(heights))
        root = "" if roots else ", and no node is a root, with parent -1"
        raise ValueError(f"tree {number}: node {node} is its own ancestor: the tree has a cycle{root}")
    ordered = {node: sorted(below, key=first_leaf.__getitem__) for node, below in children.items()}
    return Tree(len(pointers), roots[0], ordered, heights)


def _from_the_leaves(pointers: list[int], children: dict[int, list[int]]) -> tuple[dict[int, int], dict[int, int]]:
    """Heights, and the lowest-numbered leaves below, of all nodes that are not on a cycle; each after its children."""
    open_children = {node: len(below) for node, below in children.items()}
    ready = [node for node, count in open_children.items() if not count]
    heights, first_leaf = {}, {}
    for node in ready:
        below = children[node]
        heights[node] = 1 + max((heights[child] for child in below), default=-1)
        first_leaf[node] = min((first_leaf[child] for child in below), default=node)
        parent = pointers[node]
        if parent != NONE:
            open_children[parent] -= 1
            if not open_children[parent]:
                ready.append(parent)
    return heights, first_leaf


def padded(trees: list[Tree], shape: TreesShape | None = None) -> Trees:
    """The schedule of some trees, padded to a shape."""
    least = _least_shape(trees)
    shape = least if shape is None else TreesShape(*shape)
    checks.counts(**{f"shape.{name}": size for name, size in shape._asdict().items() if name != "levels"})
    if any(size > room for size, room in zip(least, shape, strict=True)):
        _refuse(trees, shape)
    batch = len(trees)
    leaves = np.full((shape.leaves, batch), NONE, np.int32)
    nodes = np.full((shape.levels, shape.width, batch), NONE, np.int32)
    children = np.full((*nodes.shape, shape.arity), NONE, np.int32)
    mask = np.zeros((shape.nodes, batch), bool)
    for b, tree in enumerate(trees):
        mask[list(tree.heights), b] = True
        lowest, *above = tree.levels
        leaves[: len(lowest), b] = lowest
        for level, found in enumerate(above):
            nodes[level, : len(found), b] = found
            for slot, node in enumerate(found):
                below = tree.children[node]
                children[level, slot, b, : len(below)] = below
    roots = np.array([tree.root for tree in trees], np.int32)
    return Trees(leaves, nodes, children, roots, mask)  # pyright: ignore[reportArgumentType]


def _read_all(parents: Sequence[Sequence[int] | np.ndarray]) -> list[Tree]:
    return [read_tree(one, number) for number, one in enumerate(parents)]


def _least_shape(trees: list[Tree]) -> TreesShape:
    if not trees:
        raise ValueError("trees: at least one is needed; got none")
    return TreesShape(*map(max, zip(*(tree.shape for tree in trees), strict=True)))


def _refuse(trees: list[Tree], shape: TreesShape) -> None:
    for number, tree in enumerate(trees):
        for node, below in tree.children.items():
            if len(below) > shape.arity:
                raise ValueError(
                    f"tree {number}: node {node} has {len(below)} children, and the shape {shape.arity} for a node"
                )
        for name, size, room in zip(TreesShape._fields, tree.shape, shape, strict=True):
            if size > room:
                raise ValueError(f"tree {number} has {name} = {size}, and the shape {name} = {room}: take trees_shape of all")
