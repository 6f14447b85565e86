"""Weights of the recurrent operators in a model of ONNX."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from recurrent.interop._networks import Network
from recurrent.interop._onnx_graph import Graph
from recurrent.interop._onnx_operators import (
    DEFAULTS,
    INPUTS,
    USUAL,
    Operator,
    array_name,
    operator_of,
    operators_of,
    options_of_operator,
)
from recurrent.interop._places import places_in
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
      model: of ONNX, with one operator per layer, each reading the one before, and no others of RNN, LSTM and GRU. What lies
        before the first and behind the last is left to the user.

    Raises:
      ValueError: as `params_from`; operators that the network does not match, or with options that no cell here has, such as
        clipping, other activations, and one direction against time; other operators between them; initial states that are
        neither 0 nor inputs; weights that the model computes.
    """
    return params_from("onnx", network, arrays_of_model(network, model))


def arrays_of_model(network: Network, model: Any) -> dict[str, np.ndarray]:
    """The arrays of the recurrent operators in a model, as layers of a network, by their names in the layout of one direction.

    Raises:
      ValueError: as `params_from_onnx`.
    """
    if not hasattr(model, "graph"):
        raise ValueError(f"a model of ONNX is expected, as load_onnx(path) returns it; got a {type(model).__name__}")
    places_in("onnx", network, None, None)
    nodes, operators = [node for node in model.graph.node if node.op_type in USUAL], list(operators_of(network))
    if len(nodes) != len(operators):
        found = ", ".join(node.op_type for node in nodes) or "none"
        raise ValueError(f"{network} takes {len(operators)} recurrent operators; the model has {found}")
    graph, arrays = Graph(model.graph), {}
    for index, (node, operator) in enumerate(zip(nodes, operators, strict=True)):
        _check_options(node, operator)
        _check_inputs(node, graph, nodes[index - 1] if index else None)
        for name, stacked in _weights(node, graph).items():
            arrays |= {array_name(operator, side, name): stacked[i] for i, side in enumerate(operator.cells)}
    return arrays


def sizes_of_model(model: Any) -> tuple[int, int]:
    """Features and units of the first recurrent operator."""
    nodes = [node for node in model.graph.node if node.op_type in USUAL]
    if not nodes:
        raise ValueError("the model has no operator of RNN, LSTM or GRU")
    arrays = _weights(nodes[0], Graph(model.graph))
    return arrays["W"].shape[-1], arrays["R"].shape[-1]


def _weights(node: Any, graph: Graph) -> dict[str, np.ndarray]:
    """W, R, B and P of an operator, `[directions, ...]`."""
    given = {name: value for name, value in zip(INPUTS, node.input, strict=False) if value and name in "WRBP"}
    for name, value in given.items():
        if value not in graph.constants:
            raise ValueError(f"{name} of {_named(node)} is computed by the model: give one where it is a constant")
    return {name: graph.constants[value] for name, value in given.items()}


def _named(node: Any) -> str:
    return f"the operator {node.name or node.op_type}"


def _check_options(node: Any, operator: Operator) -> None:
    """Raises ValueError unless an operator computes what its cells compute."""
    where, cell = _named(node), next(iter(operator.cells.values()))
    if node.op_type != operator_of(cell):
        raise ValueError(f"{where} is {node.op_type}, and {cell} is {operator_of(cell)}: give the network of the model")
    found = _attributes(node)
    wanted = DEFAULTS | options_of_operator(operator)
    if _lower(found["activations"]) == _lower(USUAL[node.op_type] * len(operator.cells)):
        found["activations"] = None
    for name, value in found.items():
        if name in wanted and _lower(value) != _lower(wanted[name]) and name != "layout":  # batch first: the same weights
            usual = "the usual ones" if wanted[name] is None else wanted[name]
            raise ValueError(f"{where} has {name} = {value}; {cell} has {usual}")


def _check_inputs(node: Any, graph: Graph, before: Any) -> None:
    """Raises ValueError unless an operator reads the one before it, and starts from a state of 0 or one that is given."""
    given = dict(zip(INPUTS, node.input, strict=False))
    if before is not None and graph.source(given["X"]) != before.output[0]:
        raise ValueError(
            f"{_named(node)} does not read the outputs of {_named(before)} as they are: the model has something between them, "
            "or beside; convert its operators one by one, from models of their own"
        )
    for name in ("initial_h", "initial_c"):
        if given.get(name) and not graph.is_zero_or_given(given[name]):
            raise ValueError(f"{_named(node)} has an {name} that is not 0: remove it, and give it to the network as its state")
    if given.get("sequence_lens") in graph.constants:
        raise ValueError(f"{_named(node)} has constant sequence_lens: remove them, and give the network lengths")


def _attributes(node: Any) -> dict[str, Any]:
    return DEFAULTS | {attribute.name: _plain(helper.get_attribute_value(attribute)) for attribute in node.attribute}


def _lower(value: Any) -> Any:
    """Names of activations are the same in any case."""
    if isinstance(value, list):
        return [_lower(item) for item in value]
    return value.lower() if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value
