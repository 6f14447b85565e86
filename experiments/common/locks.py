"""One process at a time in the folder of a run."""

import contextlib
import fcntl
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import IO

FILE = "lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes out of a folder; the system lifts the lock when the process ends, however it ends.

    Raises:
      ValueError: another process has it.
    """
    file = folder / FILE
    with file.open("a+") as handle:
        if not _take(handle):
            handle.seek(0)
            owner = handle.read() or "another process"
            raise ValueError(f"{folder} is being written by {owner}: wait until it ends, or leave --resume out")
        handle.truncate(0)
        handle.write(f"process {os.getpid()} on {platform.node()}")
        handle.flush()
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def is_locked(folder: Path) -> bool:
    """Whether a process is at work in a folder."""
    file = folder / FILE
    if not file.exists():
        return False
    with file.open("a+") as handle:
        return not _take(handle)


def _take(handle: IO[str]) -> bool:
    """Takes the lock of an open file until it is closed, unless another process has it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
