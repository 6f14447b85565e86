"""Recursive networks: a recurrence along a tree, of which a sequence is the tree without branches.

    trees = make_trees([[4, 3, 3, 4, -1], [1, -1]])  # pointers to parents, -1 at the root
    cell = nary_lstm(input_size, hidden_size)  # or child_sum_lstm, tree_elman, or a TreeCell of your own
    root_state, ys = jax.jit(functools.partial(recursive, cell))(params, trees, xs)  # xs [nodes, batch, features]

Over n tokens without a tree, `balanced_trees(lengths)` has ⌈log2 n⌉ levels, and `sequential_trees(lengths)` n - 1. Where only
leaves have inputs, `at_leaves(trees, xs)` gives the other nodes 0. One compiled program serves all batches of one shape: make
them of `trees_shape` of the whole data set.
"""

from recurrent.trees._cell import ComposeFn, TreeCell
from recurrent.trees._elman import TreeElmanParams, tree_elman, tree_elman_compose
from recurrent.trees._lstm import (
    NaryLSTMParams,
    child_sum_lstm,
    child_sum_lstm_compose,
    nary_lstm,
    nary_lstm_compose,
)
from recurrent.trees._over_tokens import balanced_trees, sequential_trees
from recurrent.trees._places import at_leaves, depths
from recurrent.trees._recursive import recursive
from recurrent.trees._trees import Trees, TreesShape, make_trees, trees_shape

__all__ = [
    "ComposeFn",
    "NaryLSTMParams",
    "TreeCell",
    "TreeElmanParams",
    "Trees",
    "TreesShape",
    "at_leaves",
    "balanced_trees",
    "child_sum_lstm",
    "child_sum_lstm_compose",
    "depths",
    "make_trees",
    "nary_lstm",
    "nary_lstm_compose",
    "recursive",
    "sequential_trees",
    "tree_elman",
    "tree_elman_compose",
    "trees_shape",
]
