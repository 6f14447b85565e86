"""One small bug in the library, and the tests that should see it."""

import shutil
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TESTS, SOURCE, PACKAGE = ROOT / "tests", ROOT / "src", "recurrent"


class Mutant(NamedTuple):
    """A patch of one file.

    Attributes:
      name: what is broken.
      file: path below `src/recurrent`.
      old: text that occurs exactly once in the file.
      new: what takes its place.
      tests: node ids that begin with the name of a test file, wherever below `tests` it lies.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


class DoesNotApply(Exception):
    """The patch or a test of a mutant does not fit the tree."""


def patched(mutant: Mutant) -> str:
    """The text of the file with the bug in it."""
    file = SOURCE / PACKAGE / mutant.file
    if not file.is_file():
        raise DoesNotApply(f"{mutant.file} does not exist")
    text = file.read_text()
    if text.count(mutant.old) != 1:
        raise DoesNotApply(f"the text to replace occurs {text.count(mutant.old)} times in {mutant.file}, not once")
    return text.replace(mutant.old, mutant.new)


def copy_of_source(folder: Path, mutant: Mutant | None = None) -> Path:
    """A copy of the library to put on the path, with the bug of the mutant in it."""
    copy = shutil.copytree(SOURCE, folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    if mutant is not None:
        (copy / PACKAGE / mutant.file).write_text(patched(mutant))
    return copy


def located(test: str) -> str:
    """The node id with the path of its file."""
    name, *rest = test.split("::")
    found = list(TESTS.rglob(name))
    if len(found) != 1:
        raise DoesNotApply(f"{name} names {len(found)} test files, not one")
    return "::".join([str(found[0].relative_to(ROOT)), *rest])
