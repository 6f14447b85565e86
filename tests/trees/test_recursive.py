"""Tree cells and their driver against recursions written from the papers, against sequences, and by depth."""

import functools
import math
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import filled, random_array, relative_error
from jax.test_util import check_grads

from recurrent import cells, unroll
from recurrent.cells import LSTMParams
from recurrent.initializers import zeros
from recurrent.trees import (
    NaryLSTMParams,
    TreeCell,
    TreeElmanParams,
    at_leaves,
    balanced_trees,
    child_sum_lstm,
    depths,
    make_trees,
    nary_lstm,
    recursive,
    sequential_trees,
    tree_elman,
    trees_shape,
)

D, H, ARITY = 2, 3, 3
F64 = {"param_dtype": jnp.float64}
KEY = jax.random.key(0)
CELLS = {
    "tree_elman": tree_elman(D, H, ARITY, **F64),
    "child_sum_lstm": child_sum_lstm(D, H, **F64),
    "nary_lstm": nary_lstm(D, H, ARITY, **F64),
}


def random_parents(size, seed, arity=ARITY):
    """A tree whose nodes are numbered in random order."""
    rng = np.random.default_rng(seed)
    numbers, parents, places = rng.permutation(size), np.full(size, -1), {}
    for i, node in enumerate(numbers):
        if i:
            parents[node] = rng.choice([other for other, free in places.items() if free])
            places[parents[node]] -= 1
        places[node] = arity
    return parents


PARENTS = [random_parents(size, size) for size in (9, 1, 6, 2, 12)]
TREES = make_trees(PARENTS)
XS = random_array((*TREES.mask.shape, D), 3)


@functools.cache
def run_of(cell):
    return jax.jit(functools.partial(recursive, cell))


@functools.cache
def params_of(name):
    return filled(jax.eval_shape(CELLS[name].init, KEY), 1)


def children_by_hand(parents, node):
    def first_leaf(node):
        return min(map(first_leaf, np.flatnonzero(parents == node)), default=node)

    return sorted(np.flatnonzero(parents == node), key=first_leaf)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def elman_by_hand(params, children, x):
    u, ws, b = map(np.asarray, params)
    return np.tanh(x @ u + sum((h @ ws[k] for k, (_, h) in enumerate(children)), np.zeros(H)) + b)


def child_sum_by_hand(params, children, x):
    """Tai et al. (2015), equations 2-8."""
    (ui, uf, ug, uo), (wi, wf, wg, wo), (bi, bf, bg, bo) = (np.split(np.asarray(p), 4, axis=-1) for p in params)
    total = np.sum([h for _, h in children], axis=0) if children else np.zeros(H)
    c = sigmoid(x @ ui + total @ wi + bi) * np.tanh(x @ ug + total @ wg + bg)
    for c_k, h_k in children:
        c = c + sigmoid(x @ uf + h_k @ wf + bf) * c_k
    return c, sigmoid(x @ uo + total @ wo + bo) * np.tanh(c)


def nary_by_hand(params, children, x):
    """Tai et al. (2015), equations 9-14."""
    (ui, uf, ug, uo), (bi, bf, bg, bo) = (np.split(np.asarray(p), 4, axis=-1) for p in (params.input_kernel, params.bias))
    blocks = [np.split(np.asarray(w), 3 + ARITY, axis=-1) for w in params.child_kernels]

    def gate(block):
        return sum((h @ blocks[place][block] for place, (_, h) in enumerate(children)), np.zeros(H))

    c = sigmoid(x @ ui + gate(0) + bi) * np.tanh(x @ ug + gate(-2) + bg)
    for k, (c_k, _) in enumerate(children):
        c = c + sigmoid(x @ uf + gate(1 + k) + bf) * c_k
    return c, sigmoid(x @ uo + gate(-1) + bo) * np.tanh(c)


BY_HAND = {
    "tree_elman": lambda *given: (np.zeros(H), elman_by_hand(*given)),
    "child_sum_lstm": child_sum_by_hand,
    "nary_lstm": nary_by_hand,
}


def tree_by_hand(name, params, parents, xs):
    """The states (c, h) of all nodes, each after a call for every child."""
    found = {}

    def state(node):
        below = [state(child) for child in children_by_hand(parents, node)]
        found[node] = BY_HAND[name](params, below, xs[node])
        return found[node]

    state(int(np.flatnonzero(parents == -1)[0]))
    return found


@pytest.mark.parametrize("name", CELLS)
def test_against_the_recursion_of_the_paper(name):
    params = params_of(name)
    root_state, ys = run_of(CELLS[name])(params, TREES, XS)
    for b, parents in enumerate(PARENTS):
        found = tree_by_hand(name, params, parents, np.asarray(XS[:, b]))
        assert relative_error(ys[: len(parents), b], np.stack([found[node][1] for node in range(len(parents))])) < 1e-12
        assert not ys[len(parents) :, b].any()
        root = found[int(TREES.roots[b])]
        of_root = jax.tree.map(lambda leaf, b=b: leaf[b], root_state)
        expected = root[1] if name == "tree_elman" else type(of_root)(*root)
        assert relative_error(of_root, expected) < 1e-12


@pytest.mark.parametrize("name", CELLS)
def test_gradients_equal_central_differences(name):
    weights = random_array((*TREES.mask.shape, H), 5)

    @jax.jit
    def loss(params, xs):
        root_state, ys = recursive(CELLS[name], params, TREES, xs)
        return jnp.sum(weights * ys) + sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(root_state))

    check_grads(loss, (params_of(name), XS), order=1, modes=["rev"], atol=1e-6, rtol=1e-6, eps=3e-6)


def test_a_chain_is_a_sequence():
    """Its leaf is the first step, its root the last one."""
    steps = 5
    xs = random_array((steps, 1, D), 6)
    trees = make_trees([[*range(1, steps), -1]])
    flat = filled(jax.eval_shape(cells.lstm(D, H, **F64).init, KEY), 2)
    plain = filled(jax.eval_shape(cells.elman(D, H, **F64).init, KEY), 2)
    pairs = [
        (tree_elman(D, H, 1, **F64), TreeElmanParams(plain.input_kernel, plain.recurrent_kernel[None], plain.bias), plain),
        (child_sum_lstm(D, H, **F64), flat, flat),
        (nary_lstm(D, H, 1, **F64), NaryLSTMParams(flat.input_kernel, flat.recurrent_kernel[None], flat.bias), flat),
    ]
    for cell, params, of_sequence in pairs:
        sequential = cells.lstm(D, H, **F64) if isinstance(of_sequence, LSTMParams) else cells.elman(D, H, **F64)
        expected = jax.jit(functools.partial(unroll, sequential))(of_sequence, xs)
        assert relative_error(run_of(cell)(params, trees, xs), expected) < 1e-13


@pytest.mark.parametrize("make", [balanced_trees, sequential_trees])
def test_gradients_pass_one_matrix_per_level(make):
    """With linear nodes, W_k = w I and U = I, d root / d x of a leaf is w to the power of its depth."""
    lengths, w = [13, 1, 8, 2], 0.5
    trees = make(lengths)
    cell = tree_elman(H, H, activation="identity", **F64)
    params = TreeElmanParams(jnp.eye(H), jnp.stack([w * jnp.eye(H)] * 2), jnp.ones(H))
    xs = random_array((*trees.mask.shape, H), 7)
    gradient = jax.jit(jax.grad(lambda xs: recursive(cell, params, trees, xs)[0].sum()))(xs)
    assert not gradient[~trees.mask].any()
    found = np.log(np.where(trees.mask, gradient[..., 0], 1)) / np.log(w)
    for b, n in enumerate(lengths):
        leaves = found[:n, b]
        if make is sequential_trees:
            np.testing.assert_allclose(leaves, [n - 1, *range(n - 1, 0, -1)][:n], atol=1e-12)
        else:
            assert leaves.max() == pytest.approx(math.ceil(math.log2(n)))
            assert leaves.min() == pytest.approx(math.floor(math.log2(n)))
    np.testing.assert_allclose(found[trees.mask], depths(trees)[trees.mask], atol=1e-12)


def test_padding_with_nan_reaches_nothing():
    cell, params = CELLS["nary_lstm"], params_of("nary_lstm")
    trees = make_trees(PARENTS, shape=trees_shape(PARENTS)._replace(nodes=14, leaves=9, levels=8, width=5))
    clean = jnp.ones((14, len(PARENTS), D)).at[: len(XS)].set(XS)
    padded = jnp.where(trees.mask[..., None], clean, jnp.nan)

    @jax.jit
    def both(params, trees, xs):
        def loss(params, xs):
            root_state, ys = recursive(cell, params, trees, xs)
            return jnp.sum(root_state.c**2) + jnp.sum(ys**3), ys

        return jax.value_and_grad(loss, (0, 1), has_aux=True)(params, xs)

    (value, ys), (dparams, dxs) = both(params, trees, padded)
    (expected, expected_ys), gradients = both(params, trees, clean)
    assert relative_error((value, ys), (expected, expected_ys)) == 0
    assert relative_error((dparams, dxs), gradients) == 0
    assert not dxs[~trees.mask].any()
    # nor does the shape itself
    assert relative_error(ys[: len(XS)], run_of(cell)(params, TREES, XS)[1]) < 1e-14


def test_inputs_of_leaves_stand_at_leaves():
    trees = make_trees([[4, 3, 3, 4, -1], [2, 2, -1]])
    xs = random_array((3, 2, D), 8).at[2, 1].set(jnp.nan)
    found = np.asarray(jax.jit(at_leaves)(trees, xs))
    expected = np.zeros((5, 2, D))
    expected[:3, 0], expected[:2, 1] = xs[:, 0], xs[:2, 1]
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match=r"must lead with \[leaves, batch\] = \(3, 2\); got shape \(4, 2, 2\)"):
        at_leaves(trees, jnp.zeros((4, 2, D)))


def family(absent=1000):
    """A node that counts: its descendants and itself, with `absent` for every child that is not there, and its children."""

    def compose(params, counts, child_mask, x):
        return (params + counts.sum(axis=-1, dtype=jnp.int32), (child_mask.sum(axis=-1, dtype=jnp.int32), x))

    def absent_state(params, batch_shape=()):
        return jnp.full(batch_shape, absent, params.dtype)

    return TreeCell(lambda key: jnp.int32(1), absent_state, compose, 3)


def test_a_cell_of_ones_own_sees_absent_children_and_the_mask():
    parents = [[4, 3, 3, 4, -1], [1, -1]]
    trees, names = make_trees(parents), jnp.arange(10).reshape(5, 2)
    root_state, (children, inputs) = run_of(family())(jnp.int32(1), trees, names)
    missing = [3 * 3 + 1 + 1, 3 + 2]  # of five nodes three are leaves, and two have two children; of two, one is a leaf
    np.testing.assert_array_equal(root_state, [5 + 1000 * missing[0], 2 + 1000 * missing[1]])
    np.testing.assert_array_equal(children, [[0, 0], [0, 1], [0, 0], [2, 0], [2, 0]])
    np.testing.assert_array_equal(inputs, np.where(trees.mask, names, 0))


def test_one_program_serves_all_trees_of_a_shape():
    """All leaves are one call, all levels another one; what is composed at a time has the sizes of the shape."""
    cell, seen = CELLS["child_sum_lstm"], []

    def compose(params, children, child_mask, x):
        seen.append(child_mask.shape)
        return cell.compose(params, children, child_mask, x)

    spied = TreeCell(cell.init, cell.absent_state, compose)
    run, params = jax.jit(functools.partial(recursive, spied)), params_of("child_sum_lstm")
    shape = trees_shape(PARENTS)
    for chosen in (PARENTS[:3], PARENTS[2:]):
        run(params, make_trees(chosen, shape=shape), XS[:, :3])
    assert seen == [(shape.leaves, 3, 1), (shape.width, 3, ARITY)]
    del seen[:]
    for make, width in ((balanced_trees, 3), (sequential_trees, 1)):
        for lengths in ([1, 2, 5], [3, 3, 3], [6, 4, 1]):
            run(params, make(lengths, 6), random_array((11, 3, D), 9))
        assert seen == [(6, 3, 1), (width, 3, 2)]
        del seen[:]


@pytest.mark.parametrize("name", CELLS)
def test_parameters_of_half_precision_keep_states_of_single_precision(name):
    make = {"tree_elman": tree_elman, "child_sum_lstm": child_sum_lstm, "nary_lstm": nary_lstm}[name]
    cell = make(D, H, param_dtype=jnp.bfloat16)
    params = jax.eval_shape(cell.init, KEY)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(jnp.bfloat16)}
    trees = balanced_trees([3, 2])
    xs = jax.ShapeDtypeStruct((5, 2, D), jnp.bfloat16)
    found = jax.eval_shape(lambda params, xs: recursive(cell, params, trees, xs), params, xs)
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {jnp.dtype(jnp.float32)}


def test_matrices_are_drawn_block_by_block_and_forget_gates_start_open():
    shapes, plain = [], {"kernel_init": zeros, "forget_bias": 2.5}

    def normal(key, shape, dtype):
        shapes.append(shape)
        return jax.random.normal(key, shape, dtype)

    params = nary_lstm(D, H, 2, recurrent_init=normal, **plain).init(KEY)
    assert shapes == [(H, H)] * 2 * 5
    assert len(np.unique(params.child_kernels)) == params.child_kernels.size == 2 * 5 * H * H
    for bias in (params.bias, child_sum_lstm(D, H, recurrent_init=zeros, **plain).init(KEY).bias):
        np.testing.assert_array_equal(bias, np.repeat([0, 2.5, 0, 0], H))
    kernels = tree_elman(D, H, recurrent_init=normal, kernel_init=zeros).init(KEY).child_kernels
    assert len(np.unique(kernels)) == kernels.size == 2 * H * H


def test_a_cell_is_the_call_that_made_it():
    for cell in CELLS.values():
        assert pickle.loads(pickle.dumps(cell)) == cell
    assert str(nary_lstm(2, 3, forget_bias=0.0)) == "nary_lstm(2, 3, forget_bias=0.0)"
    assert nary_lstm(2, 3, 3) != nary_lstm(2, 3)


def call(cell=CELLS["nary_lstm"], params=None, trees=TREES, xs=XS):
    return recursive(cell, params_of("nary_lstm") if params is None else params, trees, xs)


def bad_state():
    cell = CELLS["nary_lstm"]

    def compose(*given):
        state, y = cell.compose(*given)
        return state._replace(c=state.c[..., :1]), y

    return TreeCell(cell.init, cell.absent_state, compose, ARITY)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: tree_elman(0, 3), "tree_elman: input_size must be a positive integer; got 0"),
        (lambda: tree_elman(2, 3, 0), "tree_elman: arity must be an integer of at least 1; got 0"),
        (lambda: nary_lstm(2, 3, 1.5), "nary_lstm: arity must be an integer of at least 1; got 1.5"),
        (lambda: child_sum_lstm(2, -3), "child_sum_lstm: hidden_size must be a positive integer; got -3"),
        (lambda: call(cell=cells.lstm(D, H)), "got a Cell for the TreeCell"),
        (lambda: call(trees=PARENTS), "got a list for the Trees"),
        (lambda: call(xs=XS[1:]), r"inputs must lead with \[nodes, batch\] = \(12, 5\); got shapes \[\(11, 5, 2\)\]"),
        (lambda: call(xs=XS[..., :1]), "nary_lstm: inputs must have 2 features in their last axis"),
        (lambda: call(cell=nary_lstm(D, H)), r"nary_lstm\(2, 3\) takes 2 children, and nodes of these trees have up to 3"),
        (lambda: call(params=params_of("child_sum_lstm")), "nary_lstm: expected params of type NaryLSTMParams, got LSTMParams"),
        (lambda: call(cell=nary_lstm(D, H, 4)), "params.child_kernels must have the shape"),
        (lambda: call(cell=bad_state()), r"composes: .c has shape \(5, 1\)"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
