"""One small bug in the library or an experiment, and the tests that should see it."""

import shutil
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
PACKAGE, EXPERIMENTS = "src/recurrent", "experiments"


class Mutant(NamedTuple):
    """A patch of one file.

    Attributes:
      name: what is broken.
      file: path below `src/recurrent`, or one that begins with `experiments/`.
      old: text that occurs exactly once in the file.
      new: what takes its place.
      tests: node ids that begin with the name of a test file, wherever below `tests` it lies.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The file, relative to the root."""
        return Path(self.file) if self.file.startswith(f"{EXPERIMENTS}/") else Path(PACKAGE, self.file)


class DoesNotApply(Exception):
    """The patch or a test of a mutant does not fit the tree."""


def patched(mutant: Mutant) -> str:
    """The text of the file with the bug in it."""
    file = ROOT / mutant.path
    if not file.is_file():
        raise DoesNotApply(f"{mutant.path} does not exist")
    text = file.read_text()
    if text.count(mutant.old) != 1:
        raise DoesNotApply(f"the text to replace occurs {text.count(mutant.old)} times in {mutant.path}, not once")
    return text.replace(mutant.old, mutant.new)


def copy_of_source(folder: Path, mutant: Mutant | None = None) -> Path:
    """Copies the library and the experiments into a folder, with the bug of the mutant in them."""
    for part in (PACKAGE, EXPERIMENTS):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    if mutant is not None:
        (folder / mutant.path).write_text(patched(mutant))
    return folder


def located(test: str) -> str:
    """The node id with the path of its file."""
    name, *rest = test.split("::")
    found = list(TESTS.rglob(name))
    if len(found) != 1:
        raise DoesNotApply(f"{name} names {len(found)} test files, not one")
    return "::".join([str(found[0].relative_to(ROOT)), *rest])
