"""Networks as models of ONNX."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from recurrent.interop._networks import Network, drawn_shapes
from recurrent.interop._onnx_operators import Operator, array_name, operator_of, operators_of, options_of_operator
from recurrent.interop._weights import weights_for
from recurrent.types import Params

OPSET, IR_VERSION = 22, 10
JOINED = "joined"
"""The shape `[T, batch, directions * hidden]`."""


def onnx_model(network: Network, params: Params, *, lengths: bool = False) -> Any:
    """Returns a model of ONNX that computes what the network computes.

    Its input "X" is `[T, batch, features]`, its output "Y" `[T, batch, outputs]`; "Y_h_0" and "Y_c_0", and so on for every
    layer, are final states `[directions, batch, hidden]`. Initial states are 0.

    Args:
      network: a cell, or `serial` and `bidirectional` layers of one kind and size.
      params: of the network, in float32 or float64.
      lengths: the model has a second input, "sequence_lens", int32 `[batch]`.

    Raises:
      ValueError: as `weights_for`; params of another dtype.
    """
    operators = list(operators_of(network))
    arrays = _stacked(operators, weights_for("onnx", network, params))
    if arrays[0]["W"].dtype not in (np.float32, np.float64):
        raise ValueError(f"models of ONNX are written in float32 and float64; got params in {arrays[0]['W'].dtype}")
    dtype = helper.np_dtype_to_tensor_dtype(arrays[0]["W"].dtype)
    nodes, states, given = [], [], "X"
    for index, operator in enumerate(operators):
        result = "Y" if index == len(operators) - 1 else f"X_{index + 1}"
        node = _node(index, operator, given, arrays[index], lengths)
        nodes += [node, *_join_directions(index, result)]
        states += node.output[1:]
        given = result
    size = drawn_shapes(next(iter(operators[0].cells.values())))[0].shape[0]
    inputs = [helper.make_tensor_value_info("X", dtype, ["T", "batch", size])]
    inputs += [helper.make_tensor_value_info("sequence_lens", TensorProto.INT32, ["batch"])] if lengths else []
    outputs = [helper.make_tensor_value_info("Y", dtype, ["T", "batch", None])]
    outputs += [helper.make_tensor_value_info(name, dtype, [None, "batch", None]) for name in states]
    constants = {f"{name}_{i}": array for i, named in enumerate(arrays) for name, array in named.items()}
    constants[JOINED] = np.array([0, 0, -1], np.int64)
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "recurrent", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


def _stacked(operators: list[Operator], weights: Mapping[str, Any]) -> list[dict[str, np.ndarray]]:
    """The arrays of every operator, `[directions, ...]`."""
    names = {name.rpartition("/")[2] for name in weights}
    return [
        {name: np.stack([np.asarray(weights[array_name(operator, side, name)]) for side in operator.cells]) for name in names}
        for operator in operators
    ]


def _node(index: int, operator: Operator, given: str, arrays: Mapping[str, Any], lengths: bool) -> Any:
    kind = operator_of(next(iter(operator.cells.values())))
    inputs = [given, f"W_{index}", f"R_{index}", f"B_{index}", "sequence_lens" if lengths else ""]
    inputs += ["", "", f"P_{index}"] if "P" in arrays else []
    outputs = [f"sides_{index}", f"Y_h_{index}", *([f"Y_c_{index}"] if kind == "LSTM" else [])]
    return helper.make_node(kind, inputs, outputs, **options_of_operator(operator))


def _join_directions(index: int, result: str) -> list[Any]:
    """From `[T, directions, batch, hidden]` to `[T, batch, directions * hidden]`."""
    return [
        helper.make_node("Transpose", [f"sides_{index}"], [f"last_{index}"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", [f"last_{index}", JOINED], [result]),
    ]
