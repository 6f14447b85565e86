"""Weights of other libraries: round trips, names, and what is refused; the values are compared in test_weights_of_peers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import filled as random_params
from helpers import random_array

from recurrent import Cell, bidirectional, elman, gru, lstm, residual, scanned, serial, stack
from recurrent.cells import lstm_variant
from recurrent.interop import LIBRARIES, filled, named_arrays, params_from, weights_for

F64 = {"param_dtype": jnp.float64}
CELLS = {
    "elman": lambda d=3: elman(d, 4, **F64),
    "elman, relu": lambda d=3: elman(d, 4, activation="relu", **F64),
    "elman, own": lambda d=3: elman(d, 4, activation=jnp.arctan, **F64),
    "lstm": lambda d=3: lstm(d, 4, **F64),
    "gru, reset before": lambda d=3: gru(d, 4, **F64),
    "gru, reset after": lambda d=3: gru(d, 4, reset="after", **F64),
    "lstm, peepholes": lambda d=3: lstm_variant(d, 4, peepholes=True, **F64),
    "lstm, projection": lambda d=3: lstm_variant(d, 4, projection_size=2, **F64),
    "lstm, 1997": lambda d=3: lstm_variant(d, 4, forget_gate=None, forget_bias=0.0, **F64),
}
LACKS = {
    "recurrent": {"lstm, 1997"},
    "torch": {"elman, own", "gru, reset before", "lstm, peepholes", "lstm, 1997"},
    "keras": {"lstm, peepholes", "lstm, projection", "lstm, 1997"},
    "linen": {"gru, reset before", "lstm, peepholes", "lstm, projection", "lstm, 1997"},
    "nnx": {"gru, reset before", "gru, reset after", "lstm, peepholes", "lstm, projection", "lstm, 1997"},
    "haiku": {"elman", "elman, own", "gru, reset after", "lstm, peepholes", "lstm, projection", "lstm, 1997"},
    "equinox": {"elman", "elman, relu", "elman, own", "gru, reset before", "lstm, peepholes", "lstm, projection", "lstm, 1997"},
    "onnx": {"elman, own", "lstm, projection", "lstm, 1997"},
}
"""What each library cannot represent; nnx's GRU has no b_hn."""


def params_of(network):
    return random_params(jax.eval_shape(network.init, jax.random.key(0)), seed=0)


def both(cell):
    return bidirectional(scanned(cell), scanned(cell))


def bits(tree):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


@pytest.mark.parametrize("library", LIBRARIES)
def test_weights_come_back_bit_for_bit_or_are_refused(library):
    for name, make in CELLS.items():
        width = 2 if name == "lstm, projection" else 4
        for network in (make(), scanned(make()), serial(both(make()), both(make(2 * width))), stack(make(), make(width))):
            params = params_of(network)
            if name in LACKS[library]:
                with pytest.raises(ValueError, match=f"{library}|no other library"):
                    weights_for(library, network, params)
                continue
            weights = weights_for(library, network, params)
            again = params_from(library, network, weights)
            assert jax.tree.structure(again) == jax.tree.structure(params)
            if library == "haiku" and name == "lstm":  # it adds 1 to the forget gate's bias when it runs
                worst = max(np.max(np.abs(a - b)) for a, b in zip(*map(jax.tree.leaves, (again, params)), strict=True))
                assert worst <= np.spacing(1.0)
            else:
                assert bits(again) == bits(params), name
            assert bits(weights_for(library, network, again)) == bits(weights) or library == "haiku"


def test_a_forget_bias_near_one_comes_back_from_haiku_bit_for_bit():
    cell = CELLS["lstm"]()
    params = params_of(cell)
    params = params._replace(bias=params.bias.at[4:8].set(1.0 + 0.1 * random_array((4,), 1)))
    assert bits(params_from("haiku", cell, weights_for("haiku", cell, params))) == bits(params)


def test_names_are_those_of_the_libraries():
    cell = CELLS["lstm"]()
    two, params = serial(both(cell), both(CELLS["lstm"](8))), None
    params = params_of(two)
    torch = weights_for("torch", two, params, at="encoder.lstm")
    assert list(torch)[4] == "encoder.lstm.weight_ih_l0_reverse"
    assert list(torch)[-1] == "encoder.lstm.bias_hh_l1_reverse"
    assert bits(params_from("torch", two, torch | {"decoder.weight": np.ones(3)}, at="encoder.lstm")) == bits(params)
    assert list(weights_for("keras", two, params)) == [str(i) for i in range(12)]
    assert list(weights_for("onnx", two, params))[:3] == ["0/forward/W", "0/forward/R", "0/forward/B"]
    at = [f"model/lstm_{i}" for i in range(4)]
    assert list(weights_for("haiku", two, params, at=at))[-1] == "model/lstm_3/linear/b"
    assert bits(params_from("keras", cell, list(weights_for("keras", cell, params_of(cell)).values()))) == bits(params_of(cell))


def test_other_layers_of_the_module_at_a_place_are_not_left_out():
    two = serial(scanned(CELLS["lstm"]()), scanned(CELLS["lstm"](4)))
    both_ways = both(CELLS["lstm"]())
    for network in (two, both_ways):
        weights = weights_for("torch", network, params_of(network), at="enc") | {"dec.weight_ih_l0": np.ones(2), "enc.n": 1}
        with pytest.raises(ValueError, match=r"enc.weight_ih_l(1|0_reverse) \[16, .\] belongs to nothing"):
            params_from("torch", CELLS["lstm"](), weights, at="enc")
        assert bits(params_from("torch", network, weights, at="enc")) == bits(params_of(network))
    linen = weights_for("linen", CELLS["lstm"](), params_of(CELLS["lstm"]()), at="rnn/cell")
    with pytest.raises(ValueError, match="rnn/cell/norm/scale .* belongs to nothing"):
        params_from("linen", CELLS["lstm"](), linen | {"rnn/cell/norm/scale": np.ones(4), "rnn/out": np.ones(4)}, at="rnn/cell")


def test_names_that_collide_are_refused():
    cell = CELLS["lstm"]()
    nested = bidirectional(both(cell), scanned(cell))
    for library, network, at in (("torch", nested, None), ("haiku", both(cell), ["c", "c"])):
        with pytest.raises(ValueError, match="joins the directions at every layer|several cells would have c/linear/b"):
            weights_for(library, network, params_of(network), at=at)
    with pytest.raises(ValueError, match="several leaves are called a/b"):
        named_arrays({"a": {"b": 1}, "a/b": 2})
    with pytest.raises(ValueError, match="must be the prefix of one module of torch"):
        weights_for("torch", both(cell), params_of(both(cell)), at=["a", "b"])
    widths = serial(*(scanned(lstm_variant(d, 4, projection_size=r, **F64)) for d, r in ((3, 2), (2, 3))))
    with pytest.raises(ValueError, match="of one kind and size"):
        weights_for("torch", widths, params_of(widths))


def test_sums_are_taken_in_float32_at_least():
    cell = lstm(3, 4)
    weights = {name: array.astype(jnp.float16) for name, array in weights_for("torch", cell, params_of(cell)).items()}
    weights["bias_ih_l0"], weights["bias_hh_l0"] = jnp.full(16, 1.0, jnp.float16), jnp.full(16, 2.0**-12, jnp.bfloat16)
    assert np.all(np.asarray(params_from("torch", cell, weights).bias) == 1 + 2.0**-12)


def test_weights_of_one_step_and_of_one_bias_are_read():
    cell, relu = CELLS["gru, reset after"](), CELLS["elman, relu"]()
    step = {name.removesuffix("_l0"): array for name, array in weights_for("torch", cell, params_of(cell), at="gru").items()}
    assert bits(params_from("torch", cell, step, at="gru")) == bits(params_of(cell))
    single = {name: array for name, array in weights_for("haiku", relu, params_of(relu)).items() if name != "linear_1/b"}
    assert bits(params_from("haiku", relu, single)) == bits(params_of(relu))


def test_what_lies_beside_the_weights_need_not_be_arrays():
    cell = CELLS["lstm"]()
    model = weights_for("torch", cell, params_of(cell), at="rnn") | {"norm.num_batches_tracked": np.array(3), "name": "model"}
    assert bits(params_from("torch", cell, model, at="rnn")) == bits(params_of(cell))
    with pytest.raises(ValueError, match="got a object .*params_from_onnx"):
        params_from("onnx", cell, object())


def test_a_second_bias_is_added_and_a_missing_one_is_zero():
    cell, weights = CELLS["gru, reset after"](), None
    weights = weights_for("torch", cell, params_of(cell))
    second = weights | {"bias_hh_l0": weights["bias_hh_l0"].at[:4].add(0.25)}
    assert np.array_equal(params_from("torch", cell, second).bias, params_of(cell).bias.at[:4].add(0.25))
    without = params_from("torch", cell, {name: weights[name] for name in ("weight_ih_l0", "weight_hh_l0")})
    assert not np.any(without.bias)
    assert not np.any(without.recurrent_bias)
    assert np.array_equal(without.input_kernel, params_of(cell).input_kernel)
    bare = params_from("keras", cell, list(weights_for("keras", cell, params_of(cell)).values())[:2])
    assert bits(bare) == bits(without)


def test_an_nnx_gru_is_read_and_one_without_b_hn_written():
    cell = CELLS["gru, reset after"]()
    params = params_of(cell)._replace(recurrent_bias=jnp.zeros(4))
    assert bits(params_from("nnx", cell, weights_for("nnx", cell, params))) == bits(params)


def test_both_lstm_modules_of_nnx_are_read():
    cell, params = CELLS["lstm"](), params_of(CELLS["lstm"]())
    linen = {name.replace("if/", "if_/"): array for name, array in weights_for("linen", cell, params).items()}
    assert bits(params_from("nnx", cell, linen)) == bits(params)


def test_params_of_another_dtype_become_those_of_the_network():
    weights = weights_for("torch", CELLS["lstm"](), params_of(CELLS["lstm"]()))
    assert params_from("torch", lstm(3, 4), weights).bias.dtype == jnp.float32


WEIGHTS = weights_for("torch", lstm(3, 4), random_params(jax.eval_shape(lstm(3, 4).init, jax.random.key(0)), 0))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({k: v for k, v in WEIGHTS.items() if k != "weight_hh_l0"}, r"weight_hh_l0 \[16, 4\] is missing"),
        ({k: v for k, v in WEIGHTS.items() if k != "bias_hh_l0"}, r"bias_hh_l0 \[16\] is missing"),
        (WEIGHTS | {"weight_ih_l1": jnp.ones((16, 4))}, r"weight_ih_l1 \[16, 4\] belongs to nothing"),
        (
            WEIGHTS | {"weight_ih_l0": WEIGHTS["weight_ih_l0"].T},
            r"weight_ih_l0 must have the shape \[16, 3\], and has \[3, 16\]",
        ),
        (WEIGHTS | {"bias_ih_l0": "b"}, "bias_ih_l0 must be an array of floating-point numbers; got str"),
        (WEIGHTS | {"bias_ih_l0": np.arange(16)}, "bias_ih_l0 must be an array of floating-point numbers; got int64"),
        (
            weights_for("keras", lstm(3, 4), lstm(3, 4).init(jax.random.key(0))),
            "weight_ih_l0 .* is missing.*0 .* belongs to nothing",
        ),
    ],
    ids=["missing", "half of the biases", "extra", "transposed", "text", "integers", "another library's"],
)
def test_wrong_weights_are_named(weights, message):
    with pytest.raises(ValueError, match=message):
        params_from("torch", lstm(3, 4), weights)


def test_wrong_networks_and_places_are_named():
    cell, wide, params = lstm(3, 4), lstm(8, 4), lstm(3, 4).init(jax.random.key(0))
    towers = bidirectional(serial(scanned(cell), scanned(lstm(4, 4))), serial(scanned(cell), scanned(lstm(4, 4))))
    summed = bidirectional(scanned(cell), scanned(cell), merge="sum")
    mixed = serial(scanned(cell), scanned(gru(4, 4, reset="after")))
    user = Cell(cell.init, cell.initial_state, cell.step)
    for library, network, message in [
        ("torch", towers, "joins the directions at every layer"),
        ("torch", serial(towers), "joins the directions at every layer"),
        ("onnx", summed, 'merge="concat" only'),
        ("torch", mixed, "of one kind and size"),
        ("torch", serial(both(cell), scanned(wide)), "joins the directions|of one kind"),
        ("torch", residual(cell, 3, 4), "residual has no counterpart"),
        ("torch", user, "weights can be converted for networks of"),
        ("pytorch", cell, "library must be"),
    ]:
        with pytest.raises(ValueError, match=message):
            weights_for(
                library, network, jax.tree.map(lambda s: jnp.zeros(s.shape), jax.eval_shape(network.init, jax.random.key(0)))
            )
    with pytest.raises(ValueError, match="not params of gru"):
        weights_for("torch", gru(3, 4, reset="after"), params)
    with pytest.raises(ValueError, match=r"params.input_kernel of lstm\(2, 4\) must have the shape \(2, 16\)"):
        weights_for("torch", lstm(2, 4), params)
    with pytest.raises(ValueError, match="one path for each of 2 cells"):
        weights_for("haiku", both(cell), both(cell).init(jax.random.key(0)), at=["a"])
    with pytest.raises(ValueError, match="list in the order of get_weights"):
        params_from("keras", cell, [], at="lstm")


def test_a_tree_is_filled_by_the_names_of_its_paths():
    like = {"params": {"cell": {"a": jnp.zeros(2), "b": jnp.zeros(3)}}, "step": 1}
    found = filled(like, {"params/cell/b": jnp.ones(3)})
    assert named_arrays({"params": found["params"]})["params/cell/b"].sum() == 3
    assert not np.any(found["params"]["cell"]["a"])
    with pytest.raises(ValueError, match="no leaf is called params/cell/c; the tree has params/cell/a"):
        filled(like, {"params/cell/c": jnp.ones(3)})
    with pytest.raises(ValueError, match=r"params/cell/b has the shape \(3,\); got \(2,\)"):
        filled(like, {"params/cell/b": jnp.ones(2)})
