"""Parts of a run that are saved as soon as they are computed, so that an interrupted run can go on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common.devices import agreed
from experiments.common.files import save_arrays, write


class Part:
    """`part(name, compute)` returns `compute()`, or what an earlier, interrupted run saved of it."""

    def __init__(self, folder: Path | None = None):
        """Saves parts in a run folder; nothing if it is None."""
        self.folder = folder

    def __call__(self, name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Computes a part, or loads it."""
        if self.folder is None:
            return compute()
        file = self.folder / "parts" / f"{name}.npz"
        if not agreed(file.exists):
            arrays = {key: np.asarray(value) for key, value in compute().items()}
            agreed(lambda: _save(file, arrays))
        return agreed(lambda: _load(file))


def _save(file: Path, arrays: dict[str, np.ndarray]) -> None:
    file.parent.mkdir(exist_ok=True)
    write(file, lambda path: save_arrays(path, arrays))


def _load(file: Path) -> dict[str, np.ndarray]:
    with np.load(file) as saved:
        return {key: saved[key] for key in saved.files}


compute_now = Part()
"""The `Part` that saves nothing."""
