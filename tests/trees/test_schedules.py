"""Trees from pointers to parents: order of children, levels, shapes, and what is no tree."""

import math

import numpy as np
import pytest

from recurrent.trees import TreesShape, balanced_trees, depths, make_trees, sequential_trees, trees_shape


def test_the_schedule_of_a_small_batch():
    """Three nodes above four leaves, one of them unary; a chain; and a leaf alone."""
    trees = make_trees([[4, 6, 6, 4, 5, -1, 5], [1, -1], [-1]])
    assert trees.shape == TreesShape(nodes=7, leaves=4, levels=2, width=2, arity=2)
    np.testing.assert_array_equal(trees.leaves.T, [[0, 1, 2, 3], [0, -1, -1, -1], [0, -1, -1, -1]])
    np.testing.assert_array_equal(trees.nodes[:, :, 0], [[4, 6], [5, -1]])
    np.testing.assert_array_equal(trees.children[:, :, 0], [[[0, 3], [1, 2]], [[4, 6], [-1, -1]]])
    np.testing.assert_array_equal(trees.nodes[:, :, 1:].reshape(4, 2).T, [[1, -1, -1, -1], [-1, -1, -1, -1]])
    np.testing.assert_array_equal(trees.roots, [5, 1, 0])
    np.testing.assert_array_equal(trees.mask.sum(axis=0), [7, 2, 1])
    np.testing.assert_array_equal(depths(trees)[:, 0], [2, 2, 2, 2, 1, 0, 1])
    np.testing.assert_array_equal(depths(trees)[:2, 1:], [[1, 0], [0, -1]])


def test_children_stand_in_the_order_of_their_leaves():
    """Where leaves are numbered first, as in treebanks, a phrase can stand to the left of a word of a lower number."""
    trees = make_trees([[3, 3, 4, 4, -1], [2, 3, 3, -1]])
    np.testing.assert_array_equal(trees.children[1, 0], [[3, 2], [2, 1]])


@pytest.mark.parametrize("make", [balanced_trees, sequential_trees])
def test_trees_over_tokens_cover_them_in_order(make):
    """Every node stands above neighbouring tokens, the left child above the first of them."""
    lengths = [1, 2, 3, 5, 8, 11, 16]
    trees = make(lengths)
    assert trees.mask.shape == (31, 7)
    for b, n in enumerate(lengths):
        spans = {t: (t, t + 1) for t in range(n)}
        for nodes, children in zip(trees.nodes[:, :, b], trees.children[:, :, b], strict=True):
            for node, (left, right) in zip(nodes, children, strict=True):
                if node >= 0:
                    assert spans[left][1] == spans[right][0]
                    spans[node] = (spans[left][0], spans[right][1])
                    sizes = [stop - start for start, stop in (spans[left], spans[right])]
                    assert sizes[0] - sizes[1] in (0, 1) if make is balanced_trees else sizes[1] == 1
        assert len(spans) == 2 * n - 1 == trees.mask[:, b].sum()
        assert spans[trees.roots[b]] == (0, n)
        assert trees.mask[:n, b].all()
        levels = int((trees.nodes[:, :, b] >= 0).any(axis=1).sum())
        assert levels == (math.ceil(math.log2(n)) if make is balanced_trees else n - 1)
        assert depths(trees)[:, b].max() == levels


def test_shapes_of_trees_over_tokens_depend_on_the_longest_alone():
    assert balanced_trees([1, 3], 9).shape == balanced_trees([9]).shape == TreesShape(17, 9, 4, 4, 2)
    assert sequential_trees([1, 3], 9).shape == sequential_trees([9]).shape == TreesShape(17, 9, 8, 1, 2)
    assert balanced_trees([1]).shape == sequential_trees([1, 1]).shape == TreesShape(1, 1, 0, 1, 2)


def test_trees_are_padded_to_the_shape_of_a_data_set():
    parents = [[4, 3, 3, 4, -1], [3, 3, 3, -1], [-1]]
    shape = trees_shape(parents)
    assert shape == TreesShape(nodes=5, leaves=3, levels=2, width=1, arity=3)
    assert make_trees(parents[2:], shape=shape).shape == shape


@pytest.mark.parametrize(
    ("parents", "message"),
    [
        ([], "at least one is needed"),
        ([[-1], []], r"tree 1: parents must be a list of one or more integers, -1 at the root; got shape \(0,\)"),
        ([[-1], [0.0, -1.0]], "tree 1: parents must be a list of one or more integers.*float64"),
        ([1, -1], "tree 0: parents must be a list of one or more integers"),
        ([[-1], [2, -1]], "tree 1: the parent of node 0 must be -1, or a node from 0 to 1; got 2"),
        ([[-1, -2]], "tree 0: the parent of node 1 must be -1, or a node from 0 to 1; got -2"),
        ([[1, -1], [1, -1, -1]], "tree 1: nodes 1 and 2 are both roots"),
        ([[-1], [2, 0, 1]], "tree 1: node 0 is its own ancestor: the tree has a cycle, and no node is a root"),
        ([[3, 2, 1, -1]], "tree 0: node 1 is its own ancestor: the tree has a cycle$"),
        ([[1, 1, -1]], "tree 0: node 1 is its own ancestor"),
    ],
)
def test_what_is_no_tree_is_refused(parents, message):
    for make in (make_trees, trees_shape):
        with pytest.raises(ValueError, match=message):
            make(parents)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arity": 2}, "tree 1: node 3 has 3 children, and the shape 2 for a node"),
        ({"nodes": 4}, "tree 0 has nodes = 5, and the shape nodes = 4"),
        ({"levels": 1}, "tree 0 has levels = 2, and the shape levels = 1"),
        ({"leaves": 2}, "tree 0 has leaves = 3, and the shape leaves = 2"),
        ({"width": 0}, "shape.width must be an integer of at least 1; got 0"),
    ],
)
def test_trees_that_do_not_fit_a_shape_are_refused(change, message):
    parents = [[4, 3, 3, 4, -1], [3, 3, 3, -1]]
    with pytest.raises(ValueError, match=message):
        make_trees(parents, shape=trees_shape(parents)._replace(**change))


@pytest.mark.parametrize("make", [balanced_trees, sequential_trees])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([],), "lengths must be a list of one or more integers"),
        (([2.0],), "lengths must be a list of one or more integers"),
        (([3, 0],), "tree 1 must have from 1 to 3 tokens; got 0"),
        (([3, 4], 3), "tree 1 must have from 1 to 3 tokens; got 4"),
        (([1], 0), "num_tokens must be an integer of at least 1; got 0"),
    ],
)
def test_lengths_that_no_tree_has_are_refused(make, given, message):
    with pytest.raises(ValueError, match=message):
        make(*given)
