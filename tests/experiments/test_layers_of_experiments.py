"""No experiment imports another one, and what they share imports none."""

import ast
from pathlib import Path

import pytest

import experiments

PACKAGE = Path(experiments.__file__).parent
FOLDERS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def imported_folders(source: str) -> set[str]:
    """The folders of `experiments` that a module imports from; "" is the package itself."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        parts = [module.split(".") for module in modules]
        found |= {part[1] if len(part) > 1 else "" for part in parts if part[0] == "experiments"}
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_experiment_imports_only_itself_and_what_is_shared(folder):
    allowed = {"common", folder}
    sources = {path: path.read_text() for path in (PACKAGE / folder).rglob("*.py")}
    strangers = {str(path.relative_to(PACKAGE)): imported_folders(source) - allowed for path, source in sources.items()}
    assert not {path: names for path, names in strangers.items() if names}
    assert folder == "common" or any("common" in imported_folders(source) for source in sources.values())


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from experiments.digits import split", {"digits"}),
        ("from experiments import digits", {"digits"}),
        ("import experiments.digits.figure as figure", {"digits"}),
        ("def f():\n    from experiments.digits.figure import COLOURS", {"digits"}),
        ("import experiments", {""}),
        ("from recurrent import experiments", set()),
    ],
)
def test_every_form_of_import_is_seen(source, found):
    assert imported_folders(source) == found


def test_there_are_experiments_to_look_at():
    assert {"common", "cliff", "benchmark"} < set(FOLDERS)
