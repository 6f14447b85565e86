"""Networks as models of ONNX and back: values by onnx's own reference, lengths by onnxruntime, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import pytest
from helpers import filled, random_array, relative_error
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from recurrent import bidirectional, elman, gru, lstm, scanned, serial
from recurrent.cells import lstm_variant
from recurrent.interop import load_onnx, onnx_model, params_from_onnx

CELLS = {
    "elman": lambda d, **kw: elman(d, 4, **kw),
    "elman-sigmoid": lambda d, **kw: elman(d, 4, activation="sigmoid", **kw),
    "elman-relu": lambda d, **kw: elman(d, 4, activation="relu", **kw),
    "elman-identity": lambda d, **kw: elman(d, 4, activation="identity", **kw),
    "lstm": lambda d, **kw: lstm(d, 4, **kw),
    "lstm-peepholes": lambda d, **kw: lstm_variant(d, 4, peepholes=True, **kw),
    "gru-before": lambda d, **kw: gru(d, 4, **kw),
    "gru-after": lambda d, **kw: gru(d, 4, reset="after", **kw),
}


def both(cell):
    return bidirectional(scanned(cell), scanned(cell))


def deep(name, **options):
    """Two layers in both directions."""
    return serial(both(CELLS[name](3, **options)), both(CELLS[name](8, **options)))


def params_of(network):
    return filled(jax.eval_shape(network.init, jax.random.key(0)), seed=0)


@pytest.mark.parametrize("name", CELLS)
def test_reference_computes_the_same_and_the_weights_come_back(name):
    network = deep(name, param_dtype=jnp.float64)
    params, xs = params_of(network), random_array((5, 2, 3), 1)
    model = onnx_model(network, params)
    if name not in ("elman-sigmoid", "elman-relu"):  # which the reference does not know
        ys, *finals = ReferenceEvaluator(model).run(None, {"X": np.asarray(xs)})
        states, expected = jax.jit(network.apply)(params, xs)
        assert relative_error(ys, expected) < 1e-12
        last = [getattr(side, "h", side) for side in (states[1].forward, states[1].backward)]
        assert relative_error(finals[-2 if name.startswith("lstm") else -1], np.stack(last)) < 1e-12
    again = params_from_onnx(network, model)
    assert all(np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (again, params)), strict=True))


@pytest.mark.peers
@pytest.mark.parametrize("name", CELLS)
def test_onnxruntime_computes_the_same_with_lengths(name):
    import onnxruntime

    network = deep(name)
    params, xs, lengths = params_of(network), random_array((5, 3, 3), 1, jnp.float32), np.array([5, 2, 3], np.int32)
    session = onnxruntime.InferenceSession(onnx_model(network, params, lengths=True).SerializeToString())
    ys, *finals = session.run(None, {"X": np.asarray(xs), "sequence_lens": lengths})
    states, expected = jax.jit(network.apply)(params, xs, lengths=jnp.asarray(lengths))
    # onnxruntime's own exp and tanh in float32
    assert relative_error(ys, expected) < 2e-5
    last = [getattr(side, "h", side) for side in (states[1].forward, states[1].backward)]
    assert relative_error(finals[-2 if name.startswith("lstm") else -1], np.stack(last)) < 2e-5


def changed(model, **attributes):
    """The same model with other attributes of its first operator."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    node = model.graph.node[0]
    kept = [a for a in node.attribute if a.name not in attributes]
    del node.attribute[:]
    node.attribute.extend([*kept, *(helper.make_attribute(name, value) for name, value in attributes.items())])
    return model


def test_models_that_compute_something_else_are_refused():
    cell = gru(3, 4, reset="after")
    params = params_of(cell)
    model = onnx_model(cell, params)
    computed = onnx.ModelProto.FromString(model.SerializeToString())
    computed.graph.node[0].input[1] = "X"
    started = onnx.ModelProto.FromString(model.SerializeToString())
    del started.graph.node[0].input[4:]
    started.graph.node[0].input.extend(["", "h_0"])
    started.graph.initializer.append(numpy_helper.from_array(np.ones((1, 2, 4), np.float32), "h_0"))
    for network, wrong, message in [
        (gru(3, 4), model, "linear_before_reset = 1; gru.* has 0"),
        (lstm(3, 4), model, r"is GRU, and lstm\(3, 4\) is LSTM"),
        (deep("gru-after"), model, "takes 2 recurrent operators; the model has GRU"),
        (both(cell), model, "direction = forward"),
        (cell, changed(model, clip=3.0), "clip = 3.0"),
        (cell, changed(model, activations=["HardSigmoid", "Tanh"]), "activations = .*HardSigmoid"),
        (cell, changed(model, direction="reverse"), "direction = reverse"),
        (gru(3, 5, reset="after"), model, "hidden_size = 4"),
        (gru(2, 4, reset="after"), model, r"W must have the shape \[12, 2\], and has \[12, 3\]"),
        (cell, computed, "W of the operator GRU is computed by the model"),
        (cell, started, "has an initial_h that is not 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            params_from_onnx(network, wrong)
    usual = changed(model, activations=["Sigmoid", "Tanh"], layout=1)
    assert np.array_equal(params_from_onnx(cell, usual).bias, params.bias)


def between(model, *nodes):
    """The model with nodes of the same graph put between its two layers, from X_1 on."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    second = next(node for node in model.graph.node if list(node.input[:1]) == ["X_1"])
    second.input[0] = "changed"
    model.graph.node.extend(nodes)
    return model


def test_operators_that_do_not_read_each_other_are_refused():
    network = serial(scanned(lstm(3, 4)), scanned(lstm(4, 4)))
    model = onnx_model(network, params_of(network))
    squeezed = between(model, helper.make_node("Identity", ["X_1"], ["changed"]))
    assert np.array_equal(params_from_onnx(network, squeezed)[1].bias, params_of(network)[1].bias)
    for wrong in (
        between(model, helper.make_node("Relu", ["X_1"], ["changed"])),
        between(model, helper.make_node("Identity", ["X"], ["changed"])),
        between(model, helper.make_node("Identity", ["Y_h_0"], ["changed"])),
    ):
        with pytest.raises(ValueError, match="does not read the outputs of the operator LSTM as they are"):
            params_from_onnx(network, wrong)


def started(model, name, *nodes):
    """A model of one GRU whose state starts from what the nodes make."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    del model.graph.node[0].input[4:]
    model.graph.node[0].input.extend(["", name])
    for node in reversed(nodes):
        model.graph.node.insert(0, node)
    model.graph.initializer.append(numpy_helper.from_array(np.full((1, 1, 4), 0.7, np.float32), "learned"))
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 2, 4]), "shape"))
    return model


def test_states_that_a_model_starts_from_must_be_zero_or_given():
    cell = gru(3, 4, reset="after")
    model = onnx_model(cell, params_of(cell))
    value = helper.make_tensor("value", onnx.TensorProto.FLOAT, [1], [0.7])
    zeros = helper.make_node("ConstantOfShape", ["shape"], ["start"])
    for fine in (started(model, "X"), started(model, "start", zeros)):
        assert np.array_equal(params_from_onnx(cell, fine).bias, params_of(cell).bias)
    for wrong in (
        started(model, "learned"),
        started(model, "start", helper.make_node("Expand", ["learned", "shape"], ["start"])),
        started(model, "start", helper.make_node("ConstantOfShape", ["shape"], ["start"], value=value)),
        started(model, "start", helper.make_node("ReduceSum", ["X"], ["start"])),
    ):
        with pytest.raises(ValueError, match="has an initial_h that is not 0"):
            params_from_onnx(cell, wrong)
    lengths = onnx.ModelProto.FromString(onnx_model(cell, params_of(cell), lengths=True).SerializeToString())
    lengths.graph.initializer.append(numpy_helper.from_array(np.array([1, 2], np.int32), "sequence_lens"))
    with pytest.raises(ValueError, match="constant sequence_lens"):
        params_from_onnx(cell, lengths)


def test_what_no_operator_computes_is_refused():
    own = elman(3, 4, activation=jnp.arctan)
    with pytest.raises(ValueError, match="whose vanilla network has tanh or relu or sigmoid or identity only"):
        onnx_model(own, params_of(own))
    cell = lstm(3, 4, param_dtype=jnp.bfloat16)
    with pytest.raises(ValueError, match="written in float32 and float64; got params in bfloat16"):
        onnx_model(cell, params_of(cell))
    with pytest.raises(ValueError, match="a model of ONNX is expected, .*; got a str"):
        params_from_onnx(cell, "lstm.onnx")
    shouted = changed(onnx_model(gru(3, 4), params_of(gru(3, 4))), activations=["SIGMOID", "tanh"])
    assert np.array_equal(params_from_onnx(gru(3, 4), shouted).bias, params_of(gru(3, 4)).bias)


def test_files_that_are_no_models_are_named(tmp_path):
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(ValueError, match=r"text.onnx is not a model of ONNX"):
        load_onnx(tmp_path / "text.onnx")
    with pytest.raises(ValueError, match="there is no file"):
        load_onnx(tmp_path / "none.onnx")
