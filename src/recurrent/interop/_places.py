"""Where a library keeps the weights of each cell of a network, and by which names."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from recurrent import checks
from recurrent.interop._blocks import Blocks, blocks_of
from recurrent.interop._layouts import LAYOUTS, REASONS, Layout
from recurrent.interop._networks import (
    Network,
    Path,
    cells_of,
    check_layers_of_torch,
    drawn_shapes,
    kind_of,
    layer_and_direction,
    options_of,
)
from recurrent.types import Cell, Params

LIBRARIES = tuple(LAYOUTS)


class Place(NamedTuple):
    """Where the weights of a cell are in a library.

    Attributes:
      path: of the cell in its network.
      cell: the cell.
      shapes: of its params.
      layout: of its arrays.
      names: the names that the arrays of the layout have among all weights.
    """

    path: Path
    cell: Cell
    shapes: Params
    layout: Layout
    names: dict[str, str]

    @property
    def blocks(self) -> Blocks:
        """The shapes of the blocks of its params."""
        return blocks_of(kind_of(self.cell), self.shapes)


def places_in(library: str, network: Network, at: str | Sequence[str] | None, tensors: Mapping[str, Any] | None) -> list[Place]:
    """Where a library has the weights of every cell of a network; with tensors at hand, in the layout that they have."""
    checks.choice("library", library, LIBRARIES)
    cells = cells_of(network)
    if library in ("torch", "onnx"):
        check_layers_of_torch(library, network)
    kinds = {path: kind_of(cell) for path, cell in cells.items()}
    layouts = {path: _layouts_for(library, kinds[path], cell) for path, cell in cells.items()}
    without_biases = (
        library == "keras"
        and tensors is not None
        and len(tensors) == sum(not tensor.is_bias for options in layouts.values() for tensor in options[0].tensors)
    )
    prefixes, places, count = _prefixes(library, at, cells), [], 0
    for path, cell in cells.items():
        shapes = drawn_shapes(cell)
        found = []
        for layout in layouts[path]:
            own = [t.name for t in layout.tensors if not (without_biases and t.is_bias)]
            names = [_name(library, prefixes[path], path, name, count + i) for i, name in enumerate(own)]
            found.append(Place(path, cell, shapes, layout, dict(zip(own, names, strict=True))))
        best = found[0] if tensors is None else max(found, key=lambda place: sum(n in tensors for n in place.names.values()))
        places.append(best)
        count += len(best.names)
    return places


def sizes_in(library: str, kind: str, tensors: Mapping[str, Any], at: str | None, path: Path) -> tuple[int, int, Any]:
    """Features, units and dtype of the cell at a path, from the shape of its first kernel."""
    for layout in LAYOUTS[library].get(kind, ()):
        tensor = layout.tensors[0]
        name = _name(library, "/".join(path) if at is None and library != "torch" else at or "", path, tensor.name, 0)
        if name in tensors and len(tensors[name].shape) == 2:
            shape = tensors[name].shape[:: -1 if layout.transposed else 1]
            hidden = shape[1] // len(tensor.grid[0])
            return shape[0] - (len(tensor.grid) - 1) * hidden, hidden, tensors[name].dtype
    raise ValueError(f"no kernel of {library}'s {kind} among {', '.join(tensors) or 'no arrays'}: name its place with --at")


def _layouts_for(library: str, kind: str, cell: Cell) -> tuple[Layout, ...]:
    layouts = LAYOUTS[library].get(kind)
    if layouts is None:
        reason = REASONS.get((library, kind), f"{library} has none of this kind")
        raise ValueError(f"{cell} cannot be converted for {library}: {reason}")
    activation = options_of(cell).get("activation", "tanh")
    allowed = layouts[0].activations
    if kind == "elman" and allowed is not None and activation not in allowed:
        raise ValueError(f"{cell} cannot be converted for {library}, whose vanilla network has {' or '.join(allowed)} only")
    return layouts


def _prefixes(library: str, at: str | Sequence[str] | None, cells: Mapping[Path, Cell]) -> dict[Path, str]:
    if at is None:
        return dict.fromkeys(cells, "") if library in ("torch", "keras") else {path: "/".join(path) for path in cells}
    if library == "keras":
        raise ValueError("keras' weights are a list in the order of get_weights(): give that of the layers alone, without `at`")
    given = [at] if isinstance(at, str) else list(at)
    if library == "torch":
        given *= len(cells) if len(given) == 1 else 1
    if len(given) != len(cells):
        wanted = "one module" if library == "torch" else f"one path for each of {len(cells)} cells: {list(cells)}"
        raise ValueError(f"`at` must name {wanted}; got {at!r}")
    return dict(zip(cells, given, strict=True))


def _name(library: str, prefix: str, path: Path, own: str, index: int) -> str:
    if library == "keras":
        return str(index)
    if library == "torch":
        layer, direction = layer_and_direction(path)
        return f"{prefix}{'.' if prefix else ''}{own}_l{layer}{'_reverse' if direction == 'backward' else ''}"
    return f"{prefix}/{own}" if prefix else own
