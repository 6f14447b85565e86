"""Converts weights: `python -m recurrent.interop convert SOURCE TARGET --from torch --to keras --cell lstm`."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnx

from recurrent import cells
from recurrent.interop._files import READABLE, WRITABLE, check_new, load_weights, save_weights, whole
from recurrent.interop._layouts import LAYOUTS, LIBRARIES
from recurrent.interop._networks import Network
from recurrent.interop._onnx_read import arrays_of_model, load_onnx, params_from_onnx, sizes_of_model
from recurrent.interop._onnx_write import onnx_model
from recurrent.interop._places import places_in, sizes_in
from recurrent.interop._report import explain
from recurrent.interop._weights import params_from, weights_for
from recurrent.layers import bidirectional, scanned, serial
from recurrent.types import Cell, Params

KINDS: dict[str, tuple[str, ...]] = {
    "elman": ("elman",),
    "lstm": ("lstm",),
    "gru": ("gru, reset after", "gru, reset before"),
    "gru-after": ("gru, reset after",),
    "gru-before": ("gru, reset before",),
}
"""What a word on the command line may mean; the weights decide, or nothing is done."""


def main(argv: Sequence[str] | None = None) -> None:
    """Runs a command."""
    options = _parser().parse_args(argv)
    try:
        with jax.enable_x64(True):  # float64 weights stay float64
            print(convert(options))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


def convert(options: argparse.Namespace) -> str:
    """Converts one file, and returns what went where. The target is written last, when all else has worked, and read back."""
    source, target, to = Path(options.source), Path(options.target), options.to
    check_new(target)
    if (target.suffix == ".onnx") != (to == "onnx") or target.suffix not in (*WRITABLE, ".onnx"):
        raise ValueError(f"{target}: --to onnx writes .onnx, and all others write {' or '.join(WRITABLE)}")
    if to == "onnx" and options.target_at:
        raise ValueError("--target-at has no meaning for a model of ONNX, which holds the converted layers alone: leave it out")
    network, params, read = _read(source, options)
    written = weights_for(to, network, params, at=_place(options.target_at))
    if to == "onnx":
        model = onnx_model(network, params)
        with whole(target) as temporary:
            onnx.save(model, temporary)
        again = params_from_onnx(network, load_onnx(target))
    else:
        save_weights(target, written, to)
        again = params_from(to, network, load_weights(target, to), at=_place(options.target_at))
    note = (
        f"; its activation, which is not in the weights, is taken for {options.activation}" if options.cell == "elman" else ""
    )
    parts = [f"{source}, {options.library}: {network}{note}"]
    parts += [explain(options.library, network, read, _place(options.at))]
    parts += [f"{target}, {to}:", explain(to, network, written, _place(options.target_at)), _difference(params, again)]
    return "\n".join(parts)


def _read(source: Path, options: argparse.Namespace) -> tuple[Network, Params, Mapping[str, Any]]:
    """The network that a file belongs to, its params, and the arrays they were read from."""
    if (source.suffix == ".onnx") != (options.library == "onnx"):
        raise ValueError(f"{source}: --from onnx reads .onnx, and all others read {', '.join(READABLE)}")
    model = load_onnx(source) if options.library == "onnx" else None
    arrays = load_weights(source, options.library) if model is None else {}
    kinds = [kind for kind in KINDS[options.cell] if kind in LAYOUTS[options.library]]
    found, problems = [], [f"{options.library} has no {options.cell}"] if not kinds else []
    for kind in kinds:
        try:
            found.append(_as_kind(kind, arrays, model, options))
        except ValueError as error:
            problems.append(str(error))
    if len(found) > 1:
        raise ValueError(
            f"{source} fits both forms of the GRU: say --cell gru-after, or gru-before, for the reset gate's place"
        )
    if not found:
        raise ValueError("; or, ".join(dict.fromkeys(problems)))
    return found[0]


def _as_kind(kind: str, arrays: Mapping[str, Any], model: Any, options: argparse.Namespace) -> Any:
    """As `_read`, for one kind of cell."""
    library, at = options.library, _place(options.at)
    if model is not None:
        sizes = sizes_of_model(model)
        arrays = arrays_of_model(_network(kind, *sizes, "float32", options), model)
    else:
        path = ("0",) * (options.layers > 1) + ("forward",) * options.bidirectional
        sizes = sizes_in(library, kind, arrays, options.at[0] if options.at else None, path)
    shape = _network(kind, *sizes, "float32", options)
    names = [name for place in places_in(library, shape, at, arrays) for name in place.names.values()]
    dtypes = [np.dtype(arrays[name].dtype) for name in names if name in arrays]
    network = _network(kind, *sizes, max(dtypes, key=lambda dtype: dtype.itemsize).name, options)
    return network, params_from(library, network, arrays, at=at), arrays


def _place(at: list[str] | None) -> Any:
    """Paths as the library takes them: one for a whole module of torch, one for each cell elsewhere."""
    return at[0] if at is not None and len(at) == 1 else at


def _network(kind: str, width: int, hidden: int, dtype: str, options: argparse.Namespace) -> Network:
    def cell(features: int) -> Cell:
        if kind == "elman":
            return cells.elman(features, hidden, activation=options.activation, param_dtype=dtype)
        if kind == "lstm":
            return cells.lstm(features, hidden, param_dtype=dtype)
        return cells.gru(features, hidden, reset="after" if kind.endswith("after") else "before", param_dtype=dtype)

    def layer(features: int):
        one = scanned(cell(features))
        return bidirectional(one, one) if options.bidirectional else one

    outputs = hidden * (1 + options.bidirectional)
    layers = [layer(width if index == 0 else outputs) for index in range(options.layers)]
    return layers[0] if options.layers == 1 else serial(*layers)


def _difference(params: Params, again: Params) -> str:
    pairs = [tuple(map(np.asarray, pair)) for pair in zip(jax.tree.leaves(params), jax.tree.leaves(again), strict=True)]
    if all(a.tobytes() == b.tobytes() for a, b in pairs):
        return "read back, the weights are the same bit for bit"
    worst = max(float(np.max(np.abs(a.astype(np.float64) - b.astype(np.float64)), initial=0.0)) for a, b in pairs)
    return f"read back, the weights differ by at most {worst:.1e}: a bias that the library adds to when it runs was rounded"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m recurrent.interop", description="Weights of recurrent layers between libraries."
    )
    command = parser.add_subparsers(required=True).add_parser(
        "convert",
        help="convert a file of weights, and say what went where",
        description="Converts the weights of recurrent layers. Gates are reordered, signs and biases changed as the libraries "
        "need it; what one of them cannot represent is refused with the reason. Nothing is overwritten.",
    )
    command.add_argument(
        "source", help=f"file to read: {', '.join(READABLE)} (pickles are read without running any of their code)"
    )
    command.add_argument("target", help=f"file to write: {', '.join(WRITABLE)} or .onnx")
    command.add_argument("--from", dest="library", required=True, choices=LIBRARIES, help="the library that the weights are of")
    command.add_argument("--to", required=True, choices=LIBRARIES, help="the library to write them for")
    command.add_argument("--cell", required=True, choices=KINDS, help="gru takes the form that the weights have")
    command.add_argument("--layers", type=_count, default=1, help="layers on top of each other (default: 1)")
    command.add_argument("--bidirectional", action="store_true", help="every layer reads in both directions")
    command.add_argument(
        "--activation", default="tanh", choices=("tanh", "relu", "sigmoid", "identity"), help="of --cell elman"
    )
    command.add_argument(
        "--at",
        action="append",
        metavar="NAME",
        help="where the weights lie among others, such as encoder.lstm; for flax, haiku and equinox one path for each cell",
    )
    command.add_argument("--target-at", action="append", metavar="NAME", help="likewise, for the names that are written")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"it must be a positive integer; got {text!r}")
    return int(text)


if __name__ == "__main__":
    main()
