"""Weights in files: .safetensors, .npz, .onnx, and the state dicts of torch, which can be read only."""

import contextlib
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from recurrent.interop._torch_files import read_state_dict

NOTE = "__recurrent__"
"""Where an .npz says what its arrays are."""
READABLE = (".safetensors", ".npz", ".onnx", ".pt", ".pth", ".bin")
WRITABLE = (".safetensors", ".npz")


def load_weights(path: str | Path, library: str | None = None) -> dict[str, np.ndarray]:
    """Returns the arrays of a file by name. Nothing in it is executed: pickles are refused.

    Args:
      path: .safetensors, .npz, or a state dict of torch: .pt, .pth, .bin. An .onnx is read by `read_onnx`.
      library: what the caller takes the weights for; a file of `save_weights` knows, and is refused if it is another one.

    Raises:
      ValueError: no such file, another form of file, a damaged one, one that is not weights alone, or another library's.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    if path.suffix == ".safetensors":
        arrays, note = _read_safetensors(path)
    elif path.suffix == ".npz":
        arrays, note = _read_npz(path)
    elif path.suffix in READABLE and path.suffix != ".onnx":
        arrays, note = read_state_dict(path), "torch"
    else:
        raise ValueError(f"{path}: weights are read from {', '.join(READABLE)}; got {path.suffix or 'no suffix'}")
    if library is not None and note not in (None, library):
        raise ValueError(f"{path} has the layout of {note}, not of {library}: gates, signs or biases differ; say {note}")
    return arrays


def save_weights(path: str | Path, weights: Mapping[str, Any], library: str) -> None:
    """Writes arrays by name, and whose layout they have; the file appears whole or not at all.

    Args:
      path: .safetensors or .npz; it must not exist. Keras' list goes to an .npz as `numpy.savez` would write it.
      weights: as `weights_for` returns them.
      library: whose layout this is.

    Raises:
      ValueError: another suffix, or a file that exists.
    """
    path = Path(path)
    check_new(path)
    if path.suffix not in WRITABLE:
        raise ValueError(f"{path}: weights are written to {' or '.join(WRITABLE)}; got {path.suffix or 'no suffix'}")
    arrays = {name: np.ascontiguousarray(array) for name, array in weights.items()}
    with whole(path) as temporary:
        if path.suffix == ".safetensors":
            save_file(arrays, temporary, metadata={"library": library})
            return
        named = {f"arr_{name}" if name.isdecimal() else name: array for name, array in arrays.items()}
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **{**named, NOTE: np.array(json.dumps({"library": library}))})


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name to write to, which becomes the path when all is written."""
    temporary = path.with_name(path.name + ".partial")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_new(path: Path) -> None:
    """Raises ValueError if there is a file, or no folder for one."""
    if path.exists():
        raise ValueError(f"{path} exists, and nothing is overwritten: give another name or delete it")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent}: make it first")


def _read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], str | None]:
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, (file.metadata() or {}).get("library")  # noqa: SIM118
    except (SafetensorError, TypeError) as error:
        raise ValueError(f"{path} is not a file of safetensors: {error}") from error


def _read_npz(path: Path) -> tuple[dict[str, np.ndarray], str | None]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not an .npz of plain arrays: {error}") from error
    note = arrays.pop(NOTE, None)
    library = None if note is None else json.loads(str(note))["library"]
    return {name.removeprefix("arr_") if name[4:].isdecimal() else name: array for name, array in arrays.items()}, library
