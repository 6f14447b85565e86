"""The folder of a run: a new one, or that of an interrupted run to finish; never one that is finished."""

import contextlib
import datetime
import json
from pathlib import Path
from typing import Any

from experiments.common.files import write
from experiments.common.locks import FILE, is_locked

CONFIG, SUMMARY = "config.json", "summary.json"


def new_folder(output: Path, name: str, config: str) -> Path:
    """Makes OUTPUT/NAME/STAMP with its config.json; tells of interrupted runs with the same configuration.

    Raises:
      ValueError: the folder cannot be made.
    """
    parent = output / name
    for old in _interrupted(parent, json.loads(config)):
        print(f"note: {old} is an interrupted run of this configuration; --resume {old} finishes it")
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    for attempt in range(1000):
        folder = parent / (stamp if attempt == 0 else f"{stamp}-{attempt}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError as error:
            if not parent.is_dir():
                raise ValueError(f"--output {output}: {parent} cannot be a folder; give another one") from error
            continue
        except OSError as error:
            raise ValueError(f"--output {output}: cannot create {folder}: {error.strerror}") from error
        write(folder / CONFIG, lambda path: path.write_text(config))
        return folder
    raise ValueError(f"--output {output}: no free folder name for {stamp}")


def saved_config(folder: Path) -> dict[str, Any]:
    """Reads the configuration of an interrupted run.

    Raises:
      ValueError: it is no such folder, or the file is damaged.
    """
    file = folder / CONFIG
    if not file.exists():
        raise ValueError(f"there is no {CONFIG}; give the folder of an interrupted run")
    if (folder / SUMMARY).exists():
        raise ValueError("that run is finished; leave --resume out to start a new one")
    return _read(file)


def remove_if_empty(folder: Path) -> None:
    """Leaves nothing behind of a run that found its input wrong before it computed anything."""
    if {path.name for path in folder.iterdir()} <= {CONFIG, FILE}:
        for path in folder.iterdir():
            path.unlink()
        for path in (folder, folder.parent):
            with contextlib.suppress(OSError):  # other runs are in it
                path.rmdir()


def _interrupted(parent: Path, config: dict[str, Any]) -> list[Path]:
    """Folders with the same configuration whose run neither ended nor goes on; names those that cannot be read."""
    found = []
    for file in sorted(parent.glob(f"*/{CONFIG}")):
        if (file.parent / SUMMARY).exists():
            continue
        try:
            if _read(file) == config and not is_locked(file.parent):
                found.append(file.parent)
        except (ValueError, OSError) as error:
            print(f"note: an old run is skipped: {error}")
    return found


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except (ValueError, OSError) as error:
        raise ValueError(f"{file} cannot be read ({error}); remove its folder") from error
    if not isinstance(found, dict):
        raise ValueError(f"{file} holds no options; remove its folder")
    return found
