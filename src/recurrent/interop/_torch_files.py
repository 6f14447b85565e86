"""State dicts that torch saved, read without torch: a pickle that may build tensors and nothing else."""

import collections
import math
import pickle
import zipfile
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


class _Storage(NamedTuple):
    """Where a file keeps the numbers of a tensor."""

    name: str


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Returns the tensors of a file that `torch.save(model.state_dict(), path)` wrote, by name; dicts inside by "outer.inner".

    Nothing in the file is executed: its pickle may name tensors and ordered dicts, and anything else is refused.

    Raises:
      ValueError: a file of another form, a damaged one, or one that holds more than tensors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return dict(_flat("", _unpickled(path, archive)))
    except (zipfile.BadZipFile, pickle.UnpicklingError, KeyError, EOFError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"{path} is not a state dict of torch, saved by torch 1.6 or newer: {error}") from error


def _unpickled(path: Path, archive: zipfile.ZipFile) -> Any:
    names = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
    if len(names) != 1:
        raise ValueError(f"{path} is not a state dict of torch: it has no data.pkl; give one, .npz or .safetensors")
    folder = names[0].removesuffix("data.pkl")
    order = archive.read(folder + "byteorder").decode() if folder + "byteorder" in archive.namelist() else "little"

    class Tensors(pickle.Unpickler):
        """The pickle of a state dict."""

        def find_class(self, module_name: str, global_name: str) -> Any:
            """What a pickle may call."""
            allowed = {
                ("collections", "OrderedDict"): collections.OrderedDict,
                ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
                ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
                **{("torch", name): _Storage(name) for name in DTYPES},
            }
            if (module_name, global_name) not in allowed:
                raise ValueError(
                    f"{path} is not weights alone: it asks for {module_name}.{global_name}, and is not read any further; "
                    "save model.state_dict() with torch.save, or as .safetensors"
                )
            return allowed[module_name, global_name]

        def persistent_load(self, pid: Any) -> np.ndarray:
            """The numbers of a storage, as one row."""
            _, storage, key, _, count = pid
            dtype = DTYPES[storage.name].newbyteorder("<" if order == "little" else ">")
            numbers = np.frombuffer(archive.read(f"{folder}data/{key}"), dtype)
            if len(numbers) < count:
                raise ValueError(f"{path} is damaged: a tensor of {count} numbers has {len(numbers)}")
            return numbers.astype(DTYPES[storage.name])

    with archive.open(names[0]) as file:
        return Tensors(file).load()


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


def _flat(prefix: str, value: Any):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), inner)
    elif isinstance(value, np.ndarray):
        yield prefix, value
