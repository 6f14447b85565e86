"""Params of the right type with a leaf of the wrong width: refused by the leaf's name, with both shapes."""

import re

import jax
import jax.numpy as jnp
import pytest
from registry import CELLS, HIDDEN, INPUT

import recurrent
from recurrent import gru, lstm, unroll
from recurrent.cells import layer_norm_gru, output_recurrence
from recurrent.layers import embed, linear

KEY = jax.random.key(0)
XS = jnp.zeros((3, 2, INPUT), jnp.float32)
NAMES = [
    *("elman-tanh", "lstm", "gru-before", "gru-after", "layer_norm_lstm", "layer_norm_gru", "deep_transition", "diagonal"),
    *("lru", "lru-dense", "min_gru", "min_lstm", "output_recurrence", "mlp_input", "mlp_output", "residual-projected"),
    *("learned_state", "slstm", "mlstm", "delta_rule", "lstm_variant-gates", "lstm_variant-projected", "mgu"),
    *("leaky-learned", "time_skip", "clockwork", "dilated", "neural_turing"),
]


def with_leaf(params, path, leaf):
    return jax.tree_util.tree_map_with_path(lambda p, old: leaf if p == path else old, params)


def named(path, found, expected):
    """The name of the leaf and both shapes, in any order."""
    name = next(entry.name for entry in reversed(path) if hasattr(entry, "name")).replace("_", "[ _]")
    return "(?s)" + "".join(f"(?=.*{part})" for part in (name, re.escape(str(found)), re.escape(str(expected))))


@pytest.mark.parametrize("name", NAMES)
def test_a_leaf_of_another_width_is_named(name):
    """A width of 1 would otherwise be broadcast without a word."""
    cell = CELLS[name]()
    params = cell.init(KEY)
    missed = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        for width in {leaf.shape[-1] + 1, 1} - {leaf.shape[-1]}:
            shape = (*leaf.shape[:-1], width)
            try:
                unroll(cell, with_leaf(params, path, jnp.ones(shape, leaf.dtype)), XS)
                missed.append((jax.tree_util.keystr(path), shape, "nothing was raised"))
            except (ValueError, TypeError) as error:
                if isinstance(error, TypeError) or not re.search(named(path, shape, leaf.shape), str(error)):
                    missed.append((jax.tree_util.keystr(path), shape, str(error)[:100]))
    assert not missed


def test_an_lstm_of_three_gates():
    three = recurrent.cells.LSTMParams(*gru(INPUT, HIDDEN).init(KEY))
    with pytest.raises(ValueError, match=r"(?s)(?=.*input_kernel)(?=.*\(3, 12\))(?=.*\(3, 16\))"):
        unroll(lstm(INPUT, HIDDEN), three, XS)


def test_a_gru_of_four_gates():
    four = recurrent.cells.GRUParams(*lstm(INPUT, HIDDEN).init(KEY))
    with pytest.raises(ValueError, match=r"(?s)(?=.*input_kernel)(?=.*\(3, 16\))(?=.*\(3, 12\))"):
        unroll(gru(INPUT, HIDDEN), four, XS)


def test_params_of_the_other_kind_are_named():
    with pytest.raises(ValueError, match="expected params of type LayerNormGRUParams, got GRUParams"):
        unroll(layer_norm_gru(INPUT, HIDDEN), gru(INPUT, HIDDEN).init(KEY), XS)


@pytest.mark.parametrize("option", ["input_size", "hidden_size", "output_size"])
def test_output_recurrence_names_the_option_that_differs(option):
    sizes = {"input_size": INPUT, "hidden_size": HIDDEN, "output_size": 2}
    other = output_recurrence(**{**sizes, option: 6}).init(KEY)
    dim = option.removesuffix("_size")
    with pytest.raises(ValueError, match=f"with {dim} = 6 where {dim} = {sizes[option]} is expected") as caught:
        unroll(output_recurrence(**sizes), other, XS)
    agreeing = [name.removesuffix("_size") for name in sizes if name != option]
    assert not any(f"with {name} =" in str(caught.value) for name in agreeing)


@pytest.mark.parametrize("leaf", ["kernel", "bias"])
@pytest.mark.parametrize("width", [1, 3])
def test_a_linear_layer_of_another_width(leaf, width):
    layer = linear(INPUT, HIDDEN)
    params = layer.init(KEY)
    wrong = params._replace(**{leaf: jnp.ones((*getattr(params, leaf).shape[:-1], width), jnp.float32)})
    with pytest.raises(ValueError, match=rf"(?s)(?=.*linear)(?=.*{leaf})(?=.*{width},?\))(?=.*4,?\))"):
        layer.apply(wrong, XS)


def test_an_embedding_of_another_width():
    with pytest.raises(ValueError, match=r"(?s)(?=.*embed)(?=.*table)(?=.*\(5, 4\))(?=.*\(5, 3\))"):
        embed(5, 3).apply(embed(5, 4).init(KEY), jnp.zeros((3, 2), jnp.int32))
