"""The notebooks keep to their form, and run from the first cell to the last."""

import ast
import importlib
import os
import re
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.md"))
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(?::[^\n]*\n)*(.*?)^```$", re.MULTILINE | re.DOTALL)
ABSOLUTE = re.compile(r"""(?<=["'\s(])/(?:home|root|tmp|usr|var|work|Users)\b|\b[A-Z]:\\""")
MOST_LINES, MOST_COLUMNS, MOST_SECONDS = 15, 128, 60

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(text: str) -> list[str]:
    return CELL.findall(text)


def test_there_are_ten():
    assert [path.name[:3] for path in NOTEBOOKS] == [f"{number:02}_" for number in range(1, 11)]


@each
def test_keeps_to_the_form(path):
    text = path.read_text()
    prose, code = CELL.sub("", text), "\n".join(cells(text))
    titles = re.findall(r"^# (.*)$", prose, re.MULTILINE)
    sections = re.split(r"^## ", prose, flags=re.MULTILINE)
    assert "format_name: myst" in text
    assert len(titles) == 1
    assert titles[0].endswith("?")
    assert prose.count("$$") >= 2, "no display formula"
    assert re.search(r"^ *assert ", code, re.MULTILINE), "nothing is asserted"
    assert all(word in code for word in ("plt.", "xlabel", "ylabel", "title")), "no figure with its axes named and a title"
    assert sections[-1].startswith("Break it yourself\n")
    assert 2 <= len(re.findall(r"^(?:-|\d\.) ", sections[-1], re.MULTILINE)) <= 3
    assert not ABSOLUTE.search(text)
    assert not [line for line in text.splitlines() if len(line) > MOST_COLUMNS]
    assert not [cell for cell in cells(text) if cell.count("\n") > MOST_LINES]


@each
def test_reads_public_names_only(path):
    assert private_names("\n".join(cells(path.read_text()))) == []


def test_private_names_are_found():
    imports = "import recurrent\nfrom recurrent import flow as f, pytrees"
    private = "recurrent.flow.transpose, recurrent.losses.jax, f._decay, x._cache"
    public = "recurrent.flow.transport, recurrent.losses.masked_mean, recurrent.lstm, f.transport, x._replace"
    found = ["f._decay", "recurrent.flow.transpose", "recurrent.losses.jax", "recurrent.pytrees", "x._cache"]
    assert private_names(f"{imports}\n{private}\n{public}") == found


@pytest.mark.notebooks
@each
def test_runs_without_a_warning_in_a_minute(path, tmp_path):
    import jupytext
    import nbformat
    from nbclient import NotebookClient

    notebook = jupytext.read(path)
    started = time.perf_counter()
    try:
        NotebookClient(notebook, timeout=MOST_SECONDS, resources={"metadata": {"path": str(tmp_path)}}).execute(env=users())
    finally:
        executed = ROOT / "build" / "notebooks" / f"{path.stem}.ipynb"
        executed.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, executed)
    seconds = time.perf_counter() - started
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert any("image/png" in output.get("data", {}) for output in outputs), "no figure was drawn"
    assert list(tmp_path.iterdir()) == [], "files were left beside the notebook"
    assert seconds < MOST_SECONDS, f"took {seconds:.0f} s"


def users() -> dict[str, str]:
    """The environment of a reader: figures inline, and nothing compiled before."""
    return {k: v for k, v in os.environ.items() if not k.startswith("JAX_")} | {
        "JAX_PLATFORMS": "cpu",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }


def private_names(code: str) -> list[str]:
    """What code reads of the library that is not public, and attributes with an underscore of anything."""
    tree, modules, found = ast.parse(code), {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            source = importlib.import_module(str(node.module)) if isinstance(node, ast.ImportFrom) else None
            for alias in node.names:
                value = importlib.import_module(alias.name) if source is None else getattr(source, alias.name)
                if of_the_library(value):
                    modules[alias.asname or alias.name] = value
                if source is not None and of_the_library(source) and not is_public(source, alias.name):
                    found.add(f"{source.__name__}.{alias.name}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            module = resolved(node.value, modules)
            hidden = node.attr.startswith("_") and node.attr not in ("_replace", "_asdict", "_fields")
            if hidden or (module is not None and not is_public(module, node.attr)):
                found.add(ast.unparse(node))
    return sorted(found)


def resolved(node: ast.expr, modules: dict[str, ModuleType]) -> ModuleType | None:
    """The module of the library that an expression such as `recurrent.flow` names."""
    if isinstance(node, ast.Name):
        return modules.get(node.id)
    if isinstance(node, ast.Attribute) and (outer := resolved(node.value, modules)) is not None:
        value = getattr(outer, node.attr, None)
        return value if of_the_library(value) else None
    return None


def of_the_library(value: Any) -> bool:
    return isinstance(value, ModuleType) and value.__name__.split(".")[0] == "recurrent"


def is_public(module: ModuleType, name: str) -> bool:
    """Listed by the module; or, where it lists nothing, no module itself and without an underscore."""
    if hasattr(module, "__all__"):
        return name in module.__all__ or f"{module.__name__}.{name}" == "recurrent.interop"
    return hasattr(module, name) and not name.startswith("_") and not isinstance(getattr(module, name), ModuleType)
