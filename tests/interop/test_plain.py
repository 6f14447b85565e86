"""Trees as nested dicts of arrays, and back."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import filled, relative_error
from registry import CELLS, KINDS

from recurrent.cells import LSTMParams
from recurrent.interop import plain, structured

W, U, B = (np.full(shape, number) for number, shape in enumerate([(2, 8), (3, 8), (8,)], start=1))


def test_a_tree_by_hand():
    tree = (LSTMParams(U, W, B), [None, {"b": B, "a": (), "c": W}], optax.EmptyState())
    expected = {"0": {"input_kernel": U, "recurrent_kernel": W, "bias": B}, "1": {"1": {"b": B, "c": W}}}
    found = plain(tree)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    assert all(a is b for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True))
    assert plain(W) is W
    assert plain((None, [])) == {}


@pytest.mark.parametrize("name", [*sorted(KINDS), "lstm_variant", "neural_turing"])
def test_params_and_states_come_back(name):
    cell = CELLS[name]()
    params = jax.eval_shape(cell.init, jax.random.key(0))
    like = params, jax.eval_shape(lambda params: cell.initial_state(params, (2,)), params)
    tree = filled(like, 0)
    assert relative_error(structured(plain(tree), like), tree) == 0


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        ({"input_kernel": U, "bias": B}, "missing: recurrent_kernel; not among them: none"),
        ({"input_kernel": U, "recurrent_kernel": W, "bias": B, "z": {"k": B}}, "missing: none; not among them: z/k"),
        ({"input_kernel": U.T, "recurrent_kernel": W, "bias": B}, r"input_kernel must have the shape \(3, 8\); got \(8, 3\)"),
        (B, "input_kernel, recurrent_kernel, bias; missing: .*; not among them: the array"),
    ],
)
def test_what_does_not_fit_is_named(tree, told):
    with pytest.raises(ValueError, match=told):
        structured(tree, LSTMParams(*map(jnp.zeros_like, (U, W, B))))
