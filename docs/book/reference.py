"""The API reference: one page for each room of the library, made from what the room lists as public."""

import importlib
import inspect
import textwrap
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Literal, get_args, get_origin

import recurrent
from docs.book.docstrings import escaped, title

ROOMS = sorted(
    {name for name in recurrent.__all__ if isinstance(getattr(recurrent, name), ModuleType)} | {"activations", "interop"}
)
MODULES = ["recurrent", *(f"recurrent.{room}" for room in ROOMS)]


def public_names(module: str) -> list[str]:
    """What a module lists in `__all__`, rooms apart; or else what it defines without an underscore."""
    room = importlib.import_module(module)
    own = [name for name, value in vars(room).items() if getattr(value, "__module__", None) == module and name[0] != "_"]
    listed = getattr(room, "__all__", {*own, *inspect.get_annotations(room)})
    return sorted((name for name in listed if not isinstance(getattr(room, name), ModuleType)), key=str.lower)


def pages() -> dict[str, bytes]:
    """The pages of all rooms and their index, in reStructuredText, by path."""
    names = {module: public_names(module) for module in MODULES}
    texts = {f"api/{module}.rst": _page(module, public) for module, public in names.items()}
    return {path: text.encode() for path, text in (texts | {"api/index.rst": _index()}).items()}


def missing_names(inventory: Path, names: Mapping[str, list[str]] | None = None) -> list[str]:
    """Public names that the inventory of a site, `objects.inv`, does not have."""
    names = {module: public_names(module) for module in MODULES} if names is None else names
    compressed = inventory.read_bytes().split(b"\n", 4)[4]  # behind four lines of comments
    documented = {line.split(" ")[0] for line in zlib.decompress(compressed).decode().splitlines() if " py:" in line}
    return [f"{module}.{name}" for module, public in names.items() for name in public if f"{module}.{name}" not in documented]


def _page(module: str, names: list[str]) -> str:
    room = importlib.import_module(module)
    rows = [f"   * - :py:obj:`{name} <{module}.{name}>`\n     - {escaped(_first_line(getattr(room, name)))}" for name in names]
    entries = [_entry(module, name, getattr(room, name)) for name in names]
    return "\n\n".join([title(module, "="), f".. automodule:: {module}", _table(rows), *entries, ""])


def _entry(module: str, name: str, value: object) -> str:
    if inspect.isclass(value):
        return f".. autoclass:: {module}.{name}\n   :members:"
    if inspect.isroutine(value):
        return f".. autofunction:: {module}.{name}"
    return f".. autodata:: {module}.{name}\n   :no-value:"


def _index() -> str:
    intro = "One page for each room of the library. The names that most programs need are at the top, :doc:`recurrent`."
    toctree = ".. toctree::\n   :hidden:\n\n" + textwrap.indent("\n".join(MODULES), "   ")
    rows = [f"   * - :doc:`{module}`\n     - {escaped(_first_line(importlib.import_module(module)))}" for module in MODULES]
    return "\n\n".join([title("Reference", "="), intro, _table(rows), toctree, ""])


def _table(rows: list[str]) -> str:
    return "\n".join([".. list-table::", "   :widths: 30 70", "   :class: names", "", *rows])


def _first_line(value: object) -> str:
    if get_origin(value) is Literal:
        return f"One of {', '.join(map(repr, get_args(value)))}."
    described = inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value)
    paragraph = (inspect.getdoc(value) or "").split("\n\n")[0] if described else ""
    return " ".join(paragraph.split())
