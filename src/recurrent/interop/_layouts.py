"""How each library lays the weights of a recurrent cell out, as data; reading and writing are both derived from it.

A line is the name of an array and its blocks, one for each field of our params and each gate, row by row:

    U:ifgo    the gates i, f, g, o of `input_kernel`, from left to right
    W         of `recurrent_kernel`
    b         of `bias`
    s         of `recurrent_bias`, which the reset of a GRU acts on
    p, P      of `peepholes` and `projection` of an `lstm_variant`

A block that stands in several places is their sum, as with the two biases of torch; one that stands nowhere is 0.
"""

from typing import NamedTuple

FIELDS = {
    "U": "input_kernel",
    "W": "recurrent_kernel",
    "b": "bias",
    "s": "recurrent_bias",
    "p": "peepholes",
    "P": "projection",
}
BIASES = {"bias", "recurrent_bias"}

Block = tuple[str, str]
"""A field of our params and a gate."""


class Tensor(NamedTuple):
    """An array of a library: its name in a cell, and its blocks row by row, before it is transposed."""

    name: str
    grid: tuple[tuple[Block, ...], ...]

    @property
    def is_bias(self) -> bool:
        """Whether a layer without biases lacks it."""
        return all(field in BIASES for row in self.grid for field, _ in row)

    @property
    def is_matrix(self) -> bool:
        """Whether its blocks have rows of their own."""
        return not self.is_bias and self.grid[0][0][0] != "peepholes"


class Layout(NamedTuple):
    """The arrays of a cell in a library.

    Attributes:
      tensors: in the library's order.
      transposed: kernels are [out, in].
      negated: gates whose weights change sign: most libraries write h_t = z h_{t-1} + (1 - z) n, and 1 - σ(a) = σ(-a).
      added: what the library adds to the biases of a gate when it runs.
      activations: those that it has for the vanilla network; None for any.
    """

    tensors: tuple[Tensor, ...]
    transposed: bool = False
    negated: str = ""
    added: tuple[tuple[str, float], ...] = ()
    activations: tuple[str, ...] | None = None


def _layout(*lines: str, transposed: bool = False, negated: str = "", added=(), activations=None) -> Layout:
    return Layout(tuple(map(_tensor, lines)), transposed, negated, added, activations)


def _tensor(line: str) -> Tensor:
    name, rows = line.split(maxsplit=1)
    parts = [[part.split(":") for part in row.split()] for row in rows.split("/")]
    return Tensor(name, tuple(tuple((FIELDS[field], gate) for field, gates in row for gate in gates) for row in parts))


def _torch(gates: str, negated: str = "", recurrent_bias: str = "", more: tuple[str, ...] = (), **options) -> Layout:
    lines = (f"weight_ih U:{gates}", f"weight_hh W:{gates}", f"bias_ih b:{gates}", f"bias_hh {recurrent_bias or f'b:{gates}'}")
    return _layout(*lines, *more, transposed=True, negated=negated, **options)


def _keras(gates: str, bias: str, negated: str = "") -> Layout:
    return _layout(f"kernel U:{gates}", f"recurrent_kernel W:{gates}", f"bias {bias}", negated=negated)


def _by_gate(names: dict[str, str], biases: tuple[str, ...], negated: str = "") -> Layout:
    """A module per gate for the input and one for the state, as in linen."""
    kernels = [
        f"{side}{name}/kernel {field}:{gate}" for gate, name in names.items() for side, field in (("i", "U"), ("h", "W"))
    ]
    return _layout(*kernels, *biases, negated=negated)


def _onnx(gates: str, bias: str, negated: str = "", more: tuple[str, ...] = (), activations=None) -> Layout:
    lines = (f"W U:{gates}", f"R W:{gates}", f"B {bias}")
    return _layout(*lines, *more, transposed=True, negated=negated, activations=activations)


_LINEN_LSTM = _by_gate({gate: gate for gate in "ifgo"}, tuple(f"h{gate}/bias b:{gate}" for gate in "ifgo"))
_HAIKU_VANILLA = _layout("linear/w U:h", "linear_1/w W:h", "linear/b b:h", "linear_1/b b:h", activations=("relu",))

LAYOUTS: dict[str, dict[str, tuple[Layout, ...]]] = {
    "recurrent": {
        "elman": (_layout("input_kernel U:h", "recurrent_kernel W:h", "bias b:h"),),
        "lstm": (_layout("input_kernel U:ifgo", "recurrent_kernel W:ifgo", "bias b:ifgo"),),
        "lstm with peepholes": (_layout("input_kernel U:ifgo", "recurrent_kernel W:ifgo", "bias b:ifgo", "peepholes p:ifo"),),
        "lstm with projection": (_layout("input_kernel U:ifgo", "recurrent_kernel W:ifgo", "bias b:ifgo", "projection P:h"),),
        "gru, reset before": (_layout("input_kernel U:rzn", "recurrent_kernel W:rzn", "bias b:rzn"),),
        "gru, reset after": (_layout("input_kernel U:rzn", "recurrent_kernel W:rzn", "bias b:rzn", "recurrent_bias s:n"),),
    },
    "torch": {
        "elman": (_torch("h", activations=("tanh", "relu")),),
        "lstm": (_torch("ifgo"),),
        "lstm with projection": (_torch("ifgo", more=("weight_hr P:h",)),),
        "gru, reset after": (_torch("rzn", negated="z", recurrent_bias="b:rz s:n"),),
    },
    "keras": {
        "elman": (_keras("h", "b:h"),),
        "lstm": (_keras("ifgo", "b:ifgo"),),
        "gru, reset before": (_keras("zrn", "b:zrn", negated="z"),),
        "gru, reset after": (_keras("zrn", "b:zrn / b:zr s:n", negated="z"),),
    },
    "linen": {
        "elman": (_by_gate({"h": ""}, ("i/bias b:h",)),),
        "lstm": (_LINEN_LSTM,),
        "gru, reset after": (
            _by_gate({gate: gate for gate in "rzn"}, ("ir/bias b:r", "iz/bias b:z", "in/bias b:n", "hn/bias s:n"), negated="z"),
        ),
    },
    "nnx": {
        "elman": (_layout("dense_i/kernel U:h", "dense_h/kernel W:h", "dense_i/bias b:h"),),
        "lstm": (
            _layout("dense_i/kernel U:ifgo", "dense_h/kernel W:ifgo", "dense_h/bias b:ifgo"),
            Layout(tuple(t._replace(name=t.name.replace("if/", "if_/")) for t in _LINEN_LSTM.tensors)),
        ),
        "gru, reset after": (_layout("dense_i/kernel U:rzn", "dense_h/kernel W:rzn", "dense_i/bias b:rzn", negated="z"),),
    },
    "haiku": {
        "elman": (_HAIKU_VANILLA, _HAIKU_VANILLA._replace(tensors=_HAIKU_VANILLA.tensors[:3])),
        "lstm": (_layout("linear/w U:igfo / W:igfo", "linear/b b:igfo", added=(("f", 1.0),)),),
        "gru, reset before": (_layout("w_i U:zrn", "w_h W:zrn", "b b:zrn"),),
    },
    "equinox": {
        "lstm": (_layout("weight_ih U:ifgo", "weight_hh W:ifgo", "bias b:ifgo", transposed=True),),
        "gru, reset after": (
            _layout("weight_ih U:rzn", "weight_hh W:rzn", "bias b:rzn", "bias_n s:n", transposed=True, negated="z"),
        ),
    },
    "onnx": {
        "elman": (_onnx("h", "b:hh", activations=("tanh", "relu", "sigmoid", "identity")),),
        "lstm": (_onnx("iofg", "b:iofgiofg"),),
        "lstm with peepholes": (_onnx("iofg", "b:iofgiofg", more=("P p:iof",)),),
        "gru, reset before": (_onnx("zrn", "b:zrnzrn", negated="z"),),
        "gru, reset after": (_onnx("zrn", "b:zrnzr s:n", negated="z"),),
    },
}
"""By library and kind of cell. Where there are two, the library has two modules or an option, and the first one is written."""

LIBRARIES = tuple(LAYOUTS)
_AFTER = 'resets after the product, and weights of one form are of no use in the other: train gru(..., reset="after")'
REASONS = {
    **{(library, "gru, reset before"): f"{library} {_AFTER}" for library in ("torch", "linen", "nnx", "equinox")},
    ("haiku", "gru, reset after"): 'haiku resets before the product: train gru(..., reset="before")',
    ("equinox", "elman"): "equinox has no vanilla recurrent cell",
}
"""Why a library has no place for a kind of cell; for all others it simply lacks them."""
