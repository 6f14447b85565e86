"""Imports inside the package point to lower floors only, and importing it stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import recurrent

PACKAGE = Path(recurrent.__file__).parent
FLOORS = [
    {"types", "pytrees", "activations", "spectra", "chunks", "buffers"},
    {"initializers", "batching", "losses", "sequences", "clipping"},
    {"scanning"},
    {"cells", "combine", "bptt"},
    {"stacking", "transition", "noise"},
    {"unrolling"},
    {"layers", "flow", "checking", "parallel", "readout", "recursive", "attention", "decoding"},
    {"seq2seq", "training", "checkpoints", "plotting", "tasks"},
    {"loop", "interop"},
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "recurrent":
            parts = node.module.split(".")[1:]
            rooms |= {parts[0]} if parts else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            rooms |= {a.name.split(".")[1] for a in node.names if a.name.startswith("recurrent.")}
    return rooms


def test_imports_point_to_lower_floors():
    files = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]
    assert {room_of(path) for path in files} <= set(FLOOR_OF)
    climbs = [
        f"{path.relative_to(PACKAGE)} imports {room}"
        for path in files
        for room in imported_rooms(path)
        # pytrees may name the types of its own floor; rooms may have several files
        if room != room_of(path) and room != "types" and FLOOR_OF[room] >= FLOOR_OF[room_of(path)]
    ]
    assert not climbs


def test_drivers_do_not_know_cells():
    for path in PACKAGE.rglob("*.py"):
        assert room_of(path) not in ("bptt", "unrolling", "scanning", "sequences") or "cells" not in imported_rooms(path)


def test_cells_and_combinators_do_not_know_drivers():
    rooms = ("cells", "stacking", "transition", "noise", "combine")
    for path in PACKAGE.rglob("*.py"):
        assert room_of(path) not in rooms or not imported_rooms(path) & {"bptt", "unrolling", "scanning", "sequences"}


def test_no_module_bears_the_name_of_a_public_function():
    modules = {path.stem for path in PACKAGE.glob("*.py")} | {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert not modules & set(recurrent.__all__)


def test_importing_the_package_does_not_import_the_extras():
    code = "import recurrent, sys; print([m for m in ('matplotlib', 'sklearn', 'babel', 'tyro') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
