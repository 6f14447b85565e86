"""Other people's projects: networks of this package as modules of flax, weights of other libraries, programs to be saved.

Not imported by `import recurrent`; it needs the extra `interop`.
"""

from recurrent.interop._files import load_weights, save_weights
from recurrent.interop._linen import LinenNetwork, as_linen, from_linen
from recurrent.interop._nnx import NnxNetwork, as_nnx, from_nnx
from recurrent.interop._onnx_read import load_onnx, params_from_onnx
from recurrent.interop._onnx_write import onnx_model
from recurrent.interop._places import LIBRARIES
from recurrent.interop._plain import plain, structured
from recurrent.interop._programs import export_program, save_program
from recurrent.interop._trees import filled, named_arrays
from recurrent.interop._weights import params_from, weights_for

__all__ = [
    "LIBRARIES",
    "LinenNetwork",
    "NnxNetwork",
    "as_linen",
    "as_nnx",
    "export_program",
    "filled",
    "from_linen",
    "from_nnx",
    "load_onnx",
    "load_weights",
    "named_arrays",
    "onnx_model",
    "params_from",
    "params_from_onnx",
    "plain",
    "save_program",
    "save_weights",
    "structured",
    "weights_for",
]
