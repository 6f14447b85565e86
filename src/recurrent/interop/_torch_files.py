"""State dicts that torch saved, read without torch: a pickle that may build tensors and nothing else."""

import collections
import io
import math
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

DTYPES = {
    "DoubleStorage": np.dtype(np.float64),
    "FloatStorage": np.dtype(np.float32),
    "HalfStorage": np.dtype(np.float16),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype(np.int64),
    "IntStorage": np.dtype(np.int32),
    "ShortStorage": np.dtype(np.int16),
    "CharStorage": np.dtype(np.int8),
    "ByteStorage": np.dtype(np.uint8),
    "BoolStorage": np.dtype(np.bool_),
}
"""The storages that a state dict may name."""
DEEPEST, MOST = 32, 100_000
"""Levels and tensors of a checkpoint; a small file can pretend to have any number of them."""


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Returns the tensors of a file that `torch.save(model.state_dict(), path)` wrote, by name; those inside by "outer.inner".

    Nothing in the file is executed: its pickle may name tensors and ordered dicts, and anything else is refused.

    Raises:
      ValueError: a file of another form, a damaged one, or one that holds more than tensors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            tensors: dict[str, np.ndarray] = {}
            for name, tensor in _flat("", _Tensors(_Archive(archive)).load(), 0):
                if len(tensors) == MOST:
                    raise ValueError(f"it names more than {MOST} tensors")
                tensors[name] = tensor
            return tensors
    except _NotWeights as error:
        raise ValueError(f"{path} is not weights alone: it asks for {error}, and is not read any further; {_REMEDY}") from error
    except Exception as error:  # damage takes any form: of the archive, of its compression, of the pickle, of numbers
        raise ValueError(f"{path} is not a state dict of torch, saved by torch 1.6 or newer: {error}") from error


_REMEDY = "save model.state_dict() alone, with torch.save or as .safetensors"


class _NotWeights(Exception):
    """Something that a state dict has no use for, by name."""


class _Storage(NamedTuple):
    """The type of the numbers of a tensor."""

    name: str


class _Archive:
    """The file of a state dict: a pickle, and the numbers it refers to."""

    def __init__(self, archive: zipfile.ZipFile):
        names = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
        if len(names) != 1:
            raise ValueError("it has no data.pkl")
        self.archive, self.folder, self.known = archive, names[0].removesuffix("data.pkl"), dict[str, np.ndarray]()
        order = self.read("byteorder").decode() if f"{self.folder}byteorder" in archive.namelist() else "little"
        self.order = {"little": "<", "big": ">"}[order]

    def read(self, name: str) -> bytes:
        """A member of the archive; torch does not compress them, and what is compressed can be of any size."""
        member = self.archive.getinfo(self.folder + name)
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{member.filename} is compressed")
        return self.archive.read(member)

    def numbers(self, storage: _Storage, key: str, count: int) -> np.ndarray:
        """The numbers of a storage, as one row; tensors may share one."""
        if key not in self.known:
            dtype = DTYPES[storage.name]
            found = np.frombuffer(self.read(f"data/{key}"), dtype.newbyteorder(self.order)).astype(dtype)
            if len(found) < count:
                raise ValueError(f"it is damaged: a tensor of {count} numbers has {len(found)}")
            self.known[key] = found
        return self.known[key]


_Unpickler: Any = vars(pickle)["_Unpickler"]
"""The one in Python: its memory grows with the file, and not with what the file says."""


class _Tensors(_Unpickler):
    """The pickle of a state dict."""

    def __init__(self, archive: _Archive):
        super().__init__(io.BytesIO(archive.read("data.pkl")))
        self.archive = archive

    def find_class(self, module_name: str, global_name: str) -> Any:
        """What a pickle may call."""
        if module_name == "torch" and global_name in DTYPES:
            return _Storage(global_name)
        allowed = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
            ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
        }
        if (module_name, global_name) not in allowed:
            raise _NotWeights(f"{module_name}.{global_name}")
        return allowed[module_name, global_name]

    def persistent_load(self, pid: Any) -> np.ndarray:
        """The numbers of a storage."""
        _, storage, key, _, count = pid
        return self.archive.numbers(storage, key, count)

    def load_build(self) -> None:
        """Leaves attributes out: state dicts have notes of torch's own as one."""
        self.stack.pop()

    dispatch = {**_Unpickler.dispatch, pickle.BUILD[0]: load_build}


def _rebuild_tensor(storage: np.ndarray, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *rest: Any) -> np.ndarray:
    del rest
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 in size:
        return np.zeros(size, storage.dtype)
    # an expanded tensor, of stride 0, could ask for any amount of memory
    if min((offset, *size, *stride)) < 0 or last >= len(storage) or math.prod(size) > len(storage):
        raise ValueError(f"a tensor of shape {size} and stride {stride} reaches beyond its {len(storage)} numbers")
    strides = tuple(step * storage.itemsize for step in stride)
    return np.lib.stride_tricks.as_strided(storage[offset:], size, strides).copy()


def _rebuild_parameter(data: np.ndarray, *rest: Any) -> np.ndarray:
    del rest
    return data


def _flat(prefix: str, value: Any, depth: int) -> Iterator[tuple[str, np.ndarray]]:
    if depth > DEEPEST:
        raise ValueError(f"it is deeper than {DEEPEST} levels")
    if isinstance(value, np.ndarray):
        yield prefix, value
        return
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for name, inner in inside:
        yield from _flat(f"{prefix}.{name}" if prefix else str(name), inner, depth + 1)
