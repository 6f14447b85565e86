"""Parts of a run that are saved as soon as they are computed, so that an interrupted run can go on."""

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from tqdm import tqdm

from experiments.common.devices import each
from experiments.common.files import save_arrays, write
from experiments.common.processes import agreed

Compute = Callable[[], dict[str, Any]]
Arrays = dict[str, np.ndarray]
Key = TypeVar("Key", bound=Hashable)


class Part:
    """`part(name, compute)` returns `compute()`, or what an earlier, interrupted run saved of it."""

    def __init__(self, folder: Path | None = None):
        """Saves parts in a run folder; nothing if it is None."""
        self.folder = folder

    def __call__(self, name: str, compute: Compute) -> Arrays:
        """Computes a part, or loads it."""
        if agreed(lambda: self._is_saved(name)):
            return agreed(lambda: self._load(name))
        arrays = _as_arrays(compute())
        agreed(lambda: self._save(name, arrays))
        return agreed(lambda: arrays)

    def each(self, what: str, compute: Callable[[Key], dict[str, Any]], keys: Iterable[Key]) -> dict[Key, Arrays]:
        """Computes parts that do not need one another, or loads them: several at once if there are several devices.

        Args:
          what: they have in common, for their names.
          compute: `key -> arrays`.
          keys: one per part, a name or a number or several of them, by which they are told apart.
        """
        names = {key: _name(what, key) for key in keys}
        if twice := [name for name, count in Counter(names.values()).items() if count > 1]:
            raise ValueError(f"parts need names of their own; got {twice[0]} twice")
        missing = agreed(lambda: [key for key, name in names.items() if not self._is_saved(name)])
        with tqdm(total=len(names), initial=len(names) - len(missing), desc=what, unit="part", leave=False) as progress:

            def computed(key: Key) -> Arrays:
                arrays = _as_arrays(compute(key))
                self._save(names[key], arrays)
                progress.update()
                return arrays

            found = dict(zip(missing, each(computed, missing), strict=True))
        saved = agreed(lambda: {key: self._load(name) for key, name in names.items() if key not in found})
        return {key: (found | saved)[key] for key in names}

    def _file(self, name: str) -> Path | None:
        return None if self.folder is None else self.folder / "parts" / f"{name}.npz"

    def _is_saved(self, name: str) -> bool:
        file = self._file(name)
        return file is not None and file.exists()

    def _save(self, name: str, arrays: Arrays) -> None:
        if file := self._file(name):
            file.parent.mkdir(exist_ok=True)
            write(file, lambda path: save_arrays(path, arrays))

    def _load(self, name: str) -> Arrays:
        file = self._file(name)
        assert file is not None
        with np.load(file) as saved:
            return {key: saved[key] for key in saved.files}


def _name(what: str, key: Any) -> str:
    """A file's name: what stands in the key, without signs that a file system could take amiss."""
    parts = key if isinstance(key, tuple) else (key,)
    return "_".join(re.sub(r"[^\w.+-]+", "_", str(part)) for part in (what, *parts))


def _as_arrays(found: dict[str, Any]) -> Arrays:
    return {key: np.asarray(value) for key, value in found.items()}


compute_now = Part()
"""The `Part` that saves nothing."""
