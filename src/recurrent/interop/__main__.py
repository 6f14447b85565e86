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
from recurrent.interop._networks import Network
from recurrent.interop._onnx_read import arrays_of_model, load_onnx, sizes_of_model
from recurrent.interop._onnx_write import onnx_model
from recurrent.interop._places import LIBRARIES, sizes_in
from recurrent.interop._report import explain
from recurrent.interop._weights import params_from, weights_for
from recurrent.layers import bidirectional, scanned, serial
from recurrent.types import Cell, Params

KINDS = {"elman": ("elman",), "lstm": ("lstm",), "gru": ("gru, reset after", "gru, reset before")}
"""What a word on the command line may mean; the weights decide."""


def main(argv: Sequence[str] | None = None) -> None:
    """Runs a command."""
    options = _parser().parse_args(argv)
    try:
        with jax.enable_x64(True):  # float64 weights stay float64
            print(convert(options))
    except ValueError as error:
        sys.exit(f"error: {error}")


def convert(options: argparse.Namespace) -> str:
    """Converts one file, and returns what went where. The target is written last, when all else has worked."""
    source, target, to = Path(options.source), Path(options.target), options.to
    check_new(target)
    if (target.suffix == ".onnx") != (to == "onnx") or target.suffix not in (*WRITABLE, ".onnx"):
        raise ValueError(f"{target}: --to onnx writes .onnx, and all others write {' or '.join(WRITABLE)}")
    network, params, read = _read(source, options)
    written = weights_for(to, network, params, at=options.target_at)
    again = params_from(to, network, written, at=options.target_at)
    if to == "onnx":
        model = onnx_model(network, params)
        with whole(target) as temporary:
            onnx.save(model, temporary)
    else:
        save_weights(target, written, to)
    parts = [f"{source}, {options.library}: {network}", explain(options.library, network, read, options.at)]
    parts += [f"{target}, {to}:", explain(to, network, written, options.target_at), _difference(params, again)]
    return "\n".join(parts)


def _read(source: Path, options: argparse.Namespace) -> tuple[Network, Params, Mapping[str, Any]]:
    """The network that a file belongs to, its params, and the arrays they were read from."""
    model = load_onnx(source) if source.suffix == ".onnx" else None
    if (model is not None) != (options.library == "onnx"):
        raise ValueError(f"{source}: --from onnx reads .onnx, and all others read {', '.join(READABLE)}")
    arrays = {} if model is not None else load_weights(source, options.library)
    problems = []
    for kind in KINDS[options.cell]:
        try:
            sizes = sizes_of_model(model) if model is not None else _sizes(options, kind, arrays)
            network = _network(kind, sizes, options)
            read = arrays if model is None else arrays_of_model(network, model)
            return network, params_from(options.library, network, read, at=options.at), read
        except ValueError as error:
            problems.append(str(error))
    raise ValueError("; or, ".join(dict.fromkeys(problems)))


def _sizes(options: argparse.Namespace, kind: str, arrays: Mapping[str, Any]) -> tuple[int, int, Any]:
    path = ("0",) * (options.layers > 1) + ("forward",) * options.bidirectional
    return sizes_in(options.library, kind, arrays, options.at[0] if options.at else None, path)


def _network(kind: str, sizes: tuple[int, int, Any], options: argparse.Namespace) -> Network:
    width, hidden, dtype = *sizes[:2], np.dtype(sizes[2]).name

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
    pairs = zip(jax.tree.leaves(params), jax.tree.leaves(again), strict=True)
    worst = max(float(np.max(np.abs(np.asarray(a) - np.asarray(b)), initial=0.0)) for a, b in pairs)
    if worst == 0:
        return "read back, the weights are the same bit for bit"
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
        nargs="+",
        metavar="NAME",
        help="where the weights lie among others, such as encoder.lstm; for flax, haiku and equinox one path for each cell",
    )
    command.add_argument("--target-at", nargs="+", metavar="NAME", help="likewise, for the names that are written")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"it must be a positive integer; got {text!r}")
    return int(text)


if __name__ == "__main__":
    main()
