"""What the package imports, anywhere, comes with its core dependencies."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import recurrent

ROOT = Path(__file__).resolve().parents[2]
MODULES = {"orbax-checkpoint": "orbax"}
OPTIONAL = {"tensorboardX"}
"""Asked for by name, with a message that says what to install."""


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
        yield from (name.split(".")[0] for name in names)


def test_every_import_is_a_core_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}
    found = {name for path in Path(recurrent.initializers.__file__).parent.rglob("*.py") for name in imported(path)}
    assert found - {MODULES.get(name, name) for name in required} - set(sys.stdlib_module_names) - {"recurrent"} <= OPTIONAL
