"""Files that are written whole or not at all: arrays, tables and settings."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common.tables import columns


def write(path: Path, save: Callable[[Path], Any]) -> None:
    """Writes under a temporary name and renames, so that no reader ever sees half a file.

    Raises:
      OSError: it cannot be written; names the file, and nothing is left of it.
    """
    temporary = path.with_name(path.name + ".partial")
    try:
        save(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def save_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Saves named arrays, compressed."""
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def save_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Saves rows under a header with the names of all columns."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns(rows))
        writer.writeheader()
        writer.writerows(rows)


def save_figure(path: Path, figure: Any, suffix: str) -> None:
    """Saves a figure, without the date and the program's version, by which equal figures would differ."""
    figure.savefig(path, format=suffix, metadata={"Date": None} if suffix == "svg" else {"Software": None})


def to_json(value: Any) -> str:
    """Lays plain data out as JSON; scalars of numpy become numbers, and whatever else JSON lacks its string."""
    return json.dumps(value, indent=2, default=_plain)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)
