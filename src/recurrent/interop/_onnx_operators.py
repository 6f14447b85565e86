"""The recurrent operators of ONNX, as layers of a network."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from recurrent.interop._networks import (
    DIRECTIONS,
    Network,
    cells_of,
    check_layers_of_torch,
    kind_of,
    options_of,
    widths_of,
)
from recurrent.types import Cell

OPERATORS = {"elman": "RNN", "lstm": "LSTM", "gru": "GRU"}
ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu", "sigmoid": "Sigmoid", "identity": "Affine"}
INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
"""Of an operator, in order."""
DEFAULTS = {
    "direction": "forward",
    "linear_before_reset": 0,
    "layout": 0,
    "input_forget": 0,
    "clip": None,
    "activations": None,
    "activation_alpha": None,
    "activation_beta": None,
}
USUAL = {"RNN": ["Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}


class Operator(NamedTuple):
    """The cells of one operator, by direction.

    Attributes:
      prefix: of their arrays' names.
      cells: one, or two by "forward" and "backward".
    """

    prefix: str
    cells: dict[str, Cell]


def operators_of(network: Network) -> Iterator[Operator]:
    """The operators of a network, from the bottom to the top."""
    check_layers_of_torch("onnx", network)
    layers: dict[tuple[str, ...], dict[str, Cell]] = {}
    for path, cell in cells_of(network).items():
        prefix, side = (path[:-1], path[-1]) if path and path[-1] in DIRECTIONS else (path, "")
        layers.setdefault(prefix, {})[side] = cell
    for prefix, cells in layers.items():
        yield Operator("/".join(prefix), cells)


def array_name(operator: Operator, side: str, name: str) -> str:
    """The name of an array of one direction."""
    return "/".join(part for part in (operator.prefix, side, name) if part)


def operator_of(cell: Cell) -> str:
    """The operator that computes a cell."""
    return OPERATORS[kind_of(cell).split()[0].rstrip(",")]


def options_of_operator(operator: Operator) -> dict[str, Any]:
    """The attributes of the operator that are not the defaults."""
    cell = next(iter(operator.cells.values()))
    options: dict[str, Any] = {"hidden_size": widths_of(cell)[0]}
    if len(operator.cells) == 2:
        options["direction"] = "bidirectional"
    if kind_of(cell) == "gru, reset after":
        options["linear_before_reset"] = 1
    activation = options_of(cell).get("activation", "tanh")
    if activation != "tanh":
        options["activations"] = [ACTIVATIONS[activation]] * len(operator.cells)
        if activation == "identity":
            options |= {"activation_alpha": [1.0] * len(operator.cells), "activation_beta": [0.0] * len(operator.cells)}
    return options
