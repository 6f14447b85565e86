"""Weights in files: .safetensors, .npz, and the state dicts of torch, which can be read only."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from recurrent import checks
from recurrent.interop._layouts import LIBRARIES
from recurrent.interop._torch_files import read_state_dict
from recurrent.interop._trees import as_array, named_arrays
from recurrent.types import PyTree

NOTE = "__recurrent__"
"""Where an .npz says what its arrays are."""
STATE_DICTS = (".pt", ".pth", ".bin")
WRITABLE = (".safetensors", ".npz")
READABLE = (*WRITABLE, *STATE_DICTS)


def load_weights(path: str | Path, library: str | None = None) -> dict[str, np.ndarray]:
    """Returns the arrays of a file by name. Nothing in it is executed: pickles are refused.

    Args:
      path: .safetensors, .npz, or a state dict of torch: .pt, .pth, .bin. `load_onnx` reads models.
      library: what the caller takes the weights for; a file of `save_weights` knows, and is refused if it is another one.

    Raises:
      ValueError: no such file, another form of file, a damaged one, one that is not weights alone, or another library's.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    suffix = path.suffix.lower()
    if suffix not in READABLE:
        raise ValueError(f"{path}: weights are read from {', '.join(READABLE)}; got {suffix or 'no suffix'}")
    if suffix in STATE_DICTS:
        arrays, note = read_state_dict(path), "torch"
    else:
        arrays, note = (_read_safetensors if suffix == ".safetensors" else _read_npz)(path)
    if library is not None and note not in (None, library):
        raise ValueError(f"{path} has the layout of {note}, not of {library}: gates, signs or biases differ; say {note}")
    # keras' arrays are a list, whose order text does not have
    return dict(sorted(arrays.items(), key=lambda item: int(item[0]))) if all(map(str.isdecimal, arrays)) else arrays


def save_weights(path: str | Path, weights: PyTree, library: str) -> None:
    """Writes arrays by name, and whose layout they have; the file appears whole or not at all.

    Args:
      path: .safetensors or .npz; it must not exist. Keras' list goes to an .npz as `numpy.savez` would write it.
      weights: as `weights_for` returns them, or any tree of arrays, by the names of its paths.
      library: whose layout this is.

    Raises:
      ValueError: another suffix, a file that exists, an unknown library, or what an .npz cannot hold: half precision of the
        kind bfloat16, and an array that is called "file".
    """
    path = Path(path)
    checks.choice("library", library, LIBRARIES)
    check_new(path)
    if path.suffix not in WRITABLE:
        raise ValueError(f"{path}: weights are written to {' or '.join(WRITABLE)}; got {path.suffix or 'no suffix'}")
    arrays = {name: np.ascontiguousarray(as_array(name, leaf)) for name, leaf in named_arrays(weights).items()}
    if path.suffix == ".npz":
        arrays = {f"arr_{name}" if name.isdecimal() else name: array for name, array in arrays.items()}
        odd = [name for name, array in arrays.items() if array.dtype.kind == "V" or name in ("file", "allow_pickle")]
        if odd:
            raise ValueError(f"{path}: an .npz cannot hold {', '.join(odd)}, {arrays[odd[0]].dtype}: take .safetensors")
    with whole(path) as temporary:
        if path.suffix == ".safetensors":
            save_file(arrays, temporary, metadata={"library": library})
            return
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **{**arrays, NOTE: np.array(json.dumps({"library": library}))})


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name to write to, which becomes the path when all is written."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        yield Path(folder) / "partial"
        os.replace(Path(folder) / "partial", path)


def check_new(path: Path) -> None:
    """Raises ValueError if there is a file, or no folder for one."""
    if path.exists() or path.is_symlink():
        raise ValueError(f"{path} exists, and nothing is overwritten: give another name or delete it")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent}: make it first")


def _read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], str | None]:
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, (file.metadata() or {}).get("library")  # noqa: SIM118
    except Exception as error:  # damage takes any form, and types of numbers that numpy lacks another
        raise ValueError(f"{path} is not a file of safetensors: {error}") from error


def _read_npz(path: Path) -> tuple[dict[str, np.ndarray], str | None]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        note = arrays.pop(NOTE, None)
        library = None if note is None else json.loads(str(note))["library"]
    except Exception as error:  # as above
        raise ValueError(f"{path} is not an .npz of plain arrays: {error}") from error
    return {name.removeprefix("arr_") if name[4:].isdecimal() else name: array for name, array in arrays.items()}, library
