"""What a graph of ONNX says of its values: constants, zeros, and what is handed on as it is."""

from typing import Any

import numpy as np
from onnx import helper, numpy_helper

RESHAPING = {"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Identity"}
"""Operators that change no number."""
SPREADING = RESHAPING | {"Cast", "Expand", "Tile", "Concat", "Slice", "Gather"}
"""Operators that make zeros of zeros."""


class Graph:
    """A graph by the names of its values."""

    def __init__(self, graph: Any):
        self.producers: dict[str, Any] = {name: node for node in graph.node for name in node.output}
        self.given: set[str] = {value.name for value in graph.input}
        self.constants: dict[str, np.ndarray] = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
            elif node.op_type == "Identity" and node.input[0] in self.constants:
                self.constants[node.output[0]] = self.constants[node.input[0]]

    def source(self, name: str) -> str:
        """The value that another one is, but for its shape."""
        while name in self.producers and self.producers[name].op_type in RESHAPING:
            name = self.producers[name].input[0]
        return name

    def is_zero_or_given(self, name: str) -> bool:
        """Whether a value is 0, or an input of the model."""
        if name in self.constants:
            return not self.constants[name].any()
        if name in self.given:
            return True
        producer = self.producers.get(name)
        if producer is None:
            return False
        if producer.op_type == "ConstantOfShape":
            values = {a.name: numpy_helper.to_array(helper.get_attribute_value(a)) for a in producer.attribute}
            return not np.any(values.get("value", 0))
        inputs = producer.input if producer.op_type == "Concat" else producer.input[:1]
        return producer.op_type in SPREADING and all(map(self.is_zero_or_given, inputs))
