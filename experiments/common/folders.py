"""The folder of a run: a new one, or that of an interrupted run to finish; never one that is finished."""

import contextlib
import datetime
import json
from pathlib import Path

from experiments.common.files import write


def new_folder(output: Path, name: str, config: str) -> Path:
    """Makes OUTPUT/NAME/STAMP with its config.json; tells of interrupted runs with the same configuration.

    Raises:
      ValueError: the folder cannot be made.
    """
    parent = output / name
    for old in sorted(parent.glob("*/config.json")):
        if not (old.parent / "summary.json").exists() and json.loads(old.read_text()) == json.loads(config):
            print(f"note: {old.parent} is an interrupted run of this configuration; --resume {old.parent} finishes it")
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    for attempt in range(1000):
        folder = parent / (stamp if attempt == 0 else f"{stamp}-{attempt}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise ValueError(f"--output {output}: cannot create {folder}: {error.strerror}") from error
        write(folder / "config.json", lambda path: path.write_text(config))
        return folder
    raise ValueError(f"--output {output}: no free folder name for {stamp}")


def interrupted_folder(folder: Path, config: str) -> Path:
    """Returns the folder of an interrupted run with this configuration.

    Raises:
      ValueError: it is no such folder.
    """
    file = folder / "config.json"
    if not file.exists():
        raise ValueError(f"--resume {folder}: there is no config.json; give the folder of an interrupted run")
    if (folder / "summary.json").exists():
        raise ValueError(f"--resume {folder}: that run is finished; leave --resume out to start a new one")
    if json.loads(file.read_text()) != json.loads(config):
        raise ValueError(f"--resume {folder}: that run has another configuration, see {file}; give the same options")
    return folder


def remove_if_empty(folder: Path) -> None:
    """Leaves nothing behind of a run that found its input wrong before it computed anything."""
    if [path.name for path in folder.iterdir()] == ["config.json"]:
        (folder / "config.json").unlink()
        for path in (folder, folder.parent):
            with contextlib.suppress(OSError):  # other runs are in it
                path.rmdir()
