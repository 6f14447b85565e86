"""Weights of the recurrent operators in a model of ONNX."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from recurrent.interop._networks import Network
from recurrent.interop._onnx_operators import (
    DEFAULTS,
    INPUTS,
    USUAL,
    Layer,
    array_name,
    layers_of,
    operator_of,
    options_of_operator,
)
from recurrent.interop._weights import params_from
from recurrent.types import Params


def load_onnx(path: str | Path) -> Any:
    """Reads a model.

    Raises:
      ValueError: no such file, or one that is not a model of ONNX.
    """
    if not Path(path).is_file():
        raise ValueError(f"there is no file {path}")
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and the checker's errors share no class
        raise ValueError(f"{path} is not a model of ONNX: {error}") from error
    return model


def params_from_onnx(network: Network, model: Any) -> Params:
    """Returns the params of a network that computes what the recurrent operators of a model compute, the first layer first.

    Args:
      network: a cell, or `serial` and `bidirectional` layers of one kind and size, with the model's activation and reset.
      model: of ONNX, with one operator per layer and no others of RNN, LSTM and GRU.

    Raises:
      ValueError: as `params_from`; operators that the network does not match, or with options that no cell here has, such as
        clipping, other activations, and one direction against time; weights that the model computes.
    """
    return params_from("onnx", network, arrays_of_model(network, model))


def arrays_of_model(network: Network, model: Any) -> dict[str, np.ndarray]:
    """The arrays of the recurrent operators in a model, as layers of a network, by their names in the layout of one direction.

    Raises:
      ValueError: the model has other operators than the network needs, an operator with options that no cell here has, or
        weights that are computed by the model.
    """
    nodes, layers = [node for node in model.graph.node if node.op_type in USUAL], list(layers_of(network))
    if len(nodes) != len(layers):
        found = ", ".join(node.op_type for node in nodes) or "none"
        raise ValueError(f"{network} takes {len(layers)} recurrent operators; the model has {found}")
    constants = _constants(model.graph)
    arrays = {}
    for node, layer in zip(nodes, layers, strict=True):
        _check_options(node, layer, constants)
        for name, stacked in _weights(node, constants).items():
            arrays |= {array_name(layer, side, name): stacked[i] for i, side in enumerate(layer.cells)}
    return arrays


def sizes_of_model(model: Any) -> tuple[int, int, Any]:
    """Features, units and dtype of the first recurrent operator."""
    nodes = [node for node in model.graph.node if node.op_type in USUAL]
    if not nodes:
        raise ValueError("the model has no operator of RNN, LSTM or GRU")
    arrays = _weights(nodes[0], _constants(model.graph))
    return arrays["W"].shape[-1], arrays["R"].shape[-1], arrays["W"].dtype


def _weights(node: Any, constants: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """W, R, B and P of an operator, `[directions, ...]`."""
    given = {name: value for name, value in zip(INPUTS, node.input, strict=False) if value and name in "WRBP"}
    for name, value in given.items():
        if value not in constants:
            raise ValueError(f"{name} of {_named(node)} is computed by the model: give one where it is a constant")
    return {name: constants[value] for name, value in given.items()}


def _named(node: Any) -> str:
    return f"the operator {node.name or node.op_type}"


def _check_options(node: Any, layer: Layer, constants: Mapping[str, np.ndarray]) -> None:
    """Raises ValueError unless an operator computes what the cells of a layer compute."""
    where, cell = _named(node), next(iter(layer.cells.values()))
    if node.op_type != operator_of(cell):
        raise ValueError(f"{where} is {node.op_type}, and {cell} is {operator_of(cell)}: give the network of the model")
    found = DEFAULTS | {attribute.name: _plain(helper.get_attribute_value(attribute)) for attribute in node.attribute}
    wanted = DEFAULTS | options_of_operator(layer)
    sides = len(layer.cells)
    if found["activations"] == USUAL[node.op_type] * sides:
        found["activations"] = None
    found["layout"] = wanted["layout"]  # batch first: the weights are the same
    found.setdefault("hidden_size", wanted["hidden_size"])
    for name, value in found.items():
        if name in wanted and value != wanted[name]:
            raise ValueError(f"{where} has {name} = {value}; {cell} is one with {wanted[name]}")
    for name, given in zip(("initial_h", "initial_c"), node.input[5:7], strict=False):
        if given in constants and constants[given].any():
            raise ValueError(f"{where} has an {name} that is not 0: remove it, and hand it to the network as its state")


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


def _constants(graph: Any) -> dict[str, np.ndarray]:
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            found[node.output[0]] = numpy_helper.to_array(helper.get_attribute_value(node.attribute[0]))
    return found
