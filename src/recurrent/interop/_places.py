"""Where a library keeps the weights of each cell of a network, and by which names."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from recurrent import checks
from recurrent.interop._blocks import Blocks, blocks_of
from recurrent.interop._layouts import LAYOUTS, LIBRARIES, REASONS, Layout
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


class Place(NamedTuple):
    """Where the weights of a cell are in a library.

    Attributes:
      path: of the cell in its network.
      cell: the cell.
      shapes: of its params.
      prefix: of its arrays' names.
      layout: of its arrays.
      names: the names that the arrays of the layout have among all weights.
    """

    path: Path
    cell: Cell
    shapes: Params
    prefix: str
    layout: Layout
    names: dict[str, str]

    @property
    def blocks(self) -> Blocks:
        """The shapes of the blocks of its params."""
        return blocks_of(kind_of(self.cell), self.shapes)


def places_in(library: str, network: Network, at: str | Sequence[str] | None, tensors: Mapping[str, Any] | None) -> list[Place]:
    """Where a library has the weights of every cell of a network; with tensors at hand, in the layout that they have.

    Raises:
      ValueError: a network that the library does not have, with the reason, or two arrays of one name.
    """
    checks.choice("library", library, LIBRARIES)
    cells = cells_of(network)
    if library in ("torch", "onnx"):
        check_layers_of_torch(library, network)
    prefixes, places, count = _prefixes(library, at, cells), [], 0
    layouts = {path: _layouts_for(library, cell) for path, cell in cells.items()}
    if library == "keras" and tensors is not None and _lacks_biases(layouts.values(), len(tensors)):
        layouts = {path: tuple(map(_without_biases, options)) for path, options in layouts.items()}
    for path, cell in cells.items():
        shapes = drawn_shapes(cell)
        options = [
            Place(path, cell, shapes, prefixes[path], layout, _names(library, prefixes[path], path, layout, count, tensors))
            for layout in layouts[path]
        ]
        places.append(max(options, key=lambda place: _fit(place, tensors)))
        count += len(places[-1].names)
    names = [name for place in places for name in place.names.values()]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{network}: several cells would have {', '.join(twice)} in {library}: give each a place by `at`")
    return places


def strangers(library: str, places: Sequence[Place], tensors: Mapping[str, Any], *, others: bool) -> list[str]:
    """Names that belong to no cell: all that are left over or, if others are expected, those at the places of the cells."""
    known = {name for place in places for name in place.names.values()}
    left = [name for name in tensors if name not in known]
    return [name for name in left if any(_is_inside(library, place.prefix, name) for place in places)] if others else left


def sizes_in(library: str, kind: str, tensors: Mapping[str, Any], at: str | None, path: Path) -> tuple[int, int]:
    """Features and units of the cell at a path, from the shape of its first kernel."""
    prefix = at if at is not None else "" if library == "torch" else "/".join(path)
    for layout in LAYOUTS[library].get(kind, ()):
        tensor = layout.tensors[0]
        name = _names(library, prefix, path, layout, 0, tensors)[tensor.name]
        if name in tensors and len(jnp.shape(tensors[name])) == 2:
            shape = jnp.shape(tensors[name])[:: -1 if layout.transposed else 1]
            hidden = shape[1] // len(tensor.grid[0])
            return shape[0] - (len(tensor.grid) - 1) * hidden, hidden
    raise ValueError(f"no kernel of {library}'s {kind} among {', '.join(tensors) or 'no arrays'}: name its place with --at")


def _fit(place: Place, tensors: Mapping[str, Any] | None) -> int:
    """How many of a layout's arrays are there, less those that are not."""
    return 0 if tensors is None else sum(1 if name in tensors else -1 for name in place.names.values())


def _lacks_biases(layouts: Iterable[tuple[Layout, ...]], count: int) -> bool:
    """Whether a list has as many arrays as there are kernels."""
    return count == sum(not tensor.is_bias for options in layouts for tensor in options[0].tensors)


def _without_biases(layout: Layout) -> Layout:
    return layout._replace(tensors=tuple(tensor for tensor in layout.tensors if not tensor.is_bias))


def _layouts_for(library: str, cell: Cell) -> tuple[Layout, ...]:
    kind = kind_of(cell)
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
    if library == "torch" and not isinstance(at, str):
        raise ValueError(f"`at` must be the prefix of one module of torch, such as 'encoder.lstm'; got {at!r}")
    given = ([at] * len(cells) if library == "torch" else [at]) if isinstance(at, str) else list(at)
    if len(given) != len(cells):
        raise ValueError(f"`at` must have one path for each of {len(cells)} cells, {list(cells)}; got {at!r}")
    return dict(zip(cells, given, strict=True))


def _names(
    library: str, prefix: str, path: Path, layout: Layout, count: int, tensors: Mapping[str, Any] | None
) -> dict[str, str]:
    """The names of a cell's arrays among all weights, where `count` are those of the cells before it."""
    own = [tensor.name for tensor in layout.tensors]
    if library == "keras":
        return {name: str(count + i) for i, name in enumerate(own)}
    if library != "torch":
        return {name: f"{prefix}/{name}" if prefix else name for name in own}
    layer, direction = layer_and_direction(path)
    above, suffix = f"{prefix}." if prefix else "", f"_l{layer}{'_reverse' if direction == 'backward' else ''}"
    if path == () and tensors is not None and f"{above}{own[0]}" in tensors:
        suffix = ""  # a module of one step, such as LSTMCell
    return {name: f"{above}{name}{suffix}" for name in own}


_OF_TORCH = re.compile(r"(weight|bias)_(ih|hh|hr)(_l\d+(_reverse)?)?")


def _is_inside(library: str, prefix: str, name: str) -> bool:
    """Whether an array lies in the module at a prefix."""
    if library == "torch":
        return name.startswith(above := f"{prefix}." if prefix else "") and bool(_OF_TORCH.fullmatch(name[len(above) :]))
    return name.startswith(f"{prefix}/") if prefix else True
