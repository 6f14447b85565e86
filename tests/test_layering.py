"""Imports inside the package point to lower floors only, and importing it stays light."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import recurrent

PACKAGE = Path(recurrent.initializers.__file__).parent
FLOORS = [
    {"made", "activations", "spectra", "exporting", "programs"},
    {"types"},
    {"pytrees", "losses"},
    {"checks"},
    {"initializers", "data", "tasks"},
    {"dense", "factories", "parametrizations", "sequences"},
    {"cells", "wrappers"},
    {"bptt"},
    {"unrolling", "train"},
    {"parallel", "flow", "readouts", "trees"},
    {"layers"},
    {"seq2seq"},
    {"memories"},
    {"interop"},
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
    assert {room_of(path) for path in files} == set(FLOOR_OF)
    climbs = [
        f"{path.relative_to(PACKAGE)} imports {room}"
        for path in files
        for room in imported_rooms(path)
        if room != room_of(path) and FLOOR_OF[room] >= FLOOR_OF[room_of(path)]
    ]
    assert not climbs


DRIVERS = {"sequences", "bptt", "unrolling", "parallel"}


def test_drivers_and_cells_do_not_know_each_other():
    for path in PACKAGE.rglob("*.py"):
        if room_of(path) in DRIVERS:
            assert not imported_rooms(path) & {"cells", "wrappers"}
        if room_of(path) in ("cells", "wrappers"):
            assert not imported_rooms(path) & DRIVERS


def test_rooms_are_namespaces_of_functions():
    """`recurrent.cells.lstm` is the function, not a module; every namespace but `interop` is there after `import recurrent`."""
    for room in PACKAGE.iterdir():
        if room.is_dir() and room.name != "__pycache__":
            assert all(path.name.startswith("_") for path in room.glob("*.py"))
            namespace = importlib.import_module(f"recurrent.{room.name}")
            assert len(namespace.__all__) == len(set(namespace.__all__)) > 1
            assert not any(inspect.ismodule(getattr(namespace, name)) for name in namespace.__all__)
            assert (room.name in recurrent.__all__) is (room.name != "interop")
    functions = [name for name in recurrent.__all__ if not inspect.ismodule(getattr(recurrent, name))]
    assert 25 <= len(functions) <= 35
    assert "cells" in recurrent.__all__


def test_every_public_function_and_class_is_documented():
    for room in (name for name in recurrent.__all__ if inspect.ismodule(getattr(recurrent, name))):
        namespace = getattr(recurrent, room)
        for name in getattr(namespace, "__all__", []):
            thing = getattr(namespace, name)
            if inspect.isfunction(thing) or inspect.isclass(thing):
                assert thing.__doc__, f"recurrent.{room}.{name} has no docstring"


def test_importing_the_package_does_not_import_the_extras():
    extras = ["matplotlib", "sklearn", "babel", "tyro", "orbax", "flax", "safetensors", "onnx", "recurrent.interop"]
    code = f"import recurrent, sys; print([m for m in {extras} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
