"""Networks as places for weights: which recurrent cells they have, where, and of which kind."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from recurrent.cells import elman, gru, lstm, lstm_variant
from recurrent.layers import BidirectionalParams
from recurrent.made import Made, Recipe
from recurrent.types import Cell, Layer, Params

Network = Cell | Layer
Path = tuple[str, ...]
"""Of a cell in a network, such as ("0", "backward"); () where the network is the cell."""

DIRECTIONS = ("forward", "backward")
GATES = {"elman": "h", "lstm": "ifgo", "gru": "rzn"}
"""The gates of a kernel in our order, by the first word of a kind."""


def cells_of(network: Network) -> dict[Path, Cell]:
    """The recurrent cells of a network, in the order of torch: layer by layer, forward before backward.

    Raises:
      ValueError: something that is neither a cell with a counterpart elsewhere, nor layers of them.
    """
    return dict(_walk(network, ()))


def assemble(network: Network, params: dict[Path, Params]) -> Params:
    """The params of a network, from those of its cells."""
    return _assemble(network, params, ())


def part_of(params: Params, path: Path) -> Params:
    """The params of a cell in those of its network."""
    for step in path:
        params = getattr(params, step) if step in DIRECTIONS else params[int(step)]
    return params


def kind_of(cell: Cell) -> str:
    """A cell as a key of the layouts, such as "gru, reset after".

    Raises:
      ValueError: a variant of the LSTM with more than peepholes or a projection.
    """
    name, options = cell.name, options_of(cell)
    if name == "gru":
        return f"gru, reset {options.get('reset', 'before')}"
    if name != "lstm_variant":
        return name
    odd = set(options) - {"peepholes", "projection_size", *_DRAWING}
    has = [word for word, option in (("peepholes", "peepholes"), ("projection", "projection_size")) if options.get(option)]
    if odd or len(has) > 1:
        raise ValueError(f"{cell}: no other library has this variant; at most peepholes or a projection can be converted")
    return f"lstm with {has[0]}" if has else "lstm"


def options_of(cell: Cell) -> dict[str, Any]:
    """The options that a cell was made with, where they are not the defaults."""
    return dict(_recipe(cell).named)


def widths_of(cell: Cell) -> tuple[int, int | None]:
    """Units of a cell, and of its projection."""
    return _recipe(cell).positional[1], options_of(cell).get("projection_size")


def drawn_shapes(network: Network) -> Params:
    """Shapes and dtypes of the params of a network."""
    return _drawn_shapes(network, jnp.result_type(float))


@functools.lru_cache(maxsize=256)
def _drawn_shapes(network: Network, floats: Any) -> Params:
    """Traced once: a module of flax asks at every call. `floats` tells whether float64 is available."""
    del floats
    return jax.eval_shape(network.init, jax.random.key(0))


def gates_of(kind: str, field: str) -> str:
    """The gates of a field of the params, in our order; each is one block."""
    if field == "projection":
        return "h"
    gates = GATES[kind.split()[0].rstrip(",")]
    return {"recurrent_bias": "n", "peepholes": gates.replace("g", "")}.get(field, gates)


def layer_and_direction(path: Path) -> tuple[int, str]:
    """Layer and direction of a cell as torch counts them."""
    steps = [step for step in path if step not in DIRECTIONS]
    return int(steps[0]) if steps else 0, "backward" if "backward" in path else "forward"


def check_layers_of_torch(library: str, network: Network) -> None:
    """Raises ValueError unless a network is a stack of equal layers whose directions are joined at every layer."""
    cells = cells_of(network)
    if any(len(path) > 2 or (len(path) == 2 and (path[0] in DIRECTIONS or path[1] not in DIRECTIONS)) for path in cells):
        raise ValueError(f"{network}: {library} joins the directions at every layer: take serial(bidirectional(a, b), ...)")
    if any(made.name == "bidirectional" and "merge" in dict(_recipe(made).named) for made in _made(network)):
        raise ValueError(f'{network}: {library} joins the directions by merge="concat" only')
    alike = {(kind_of(cell), options_of(cell).get("activation"), *widths_of(cell)) for cell in cells.values()}
    sides = {path[-1] in DIRECTIONS for path in cells if path}
    if len(alike) > 1 or len(sides) > 1:
        raise ValueError(f"{network}: all layers of a module of {library} are of one kind and size; convert them one by one")


def _made(network: Network) -> Iterator[Network]:
    yield network
    for part in (_parts(network) or (None, {}))[1].values():
        yield from _made(part)


_DRAWING = {"kernel_init", "recurrent_init", "bias_init", "forget_bias", "dtype", "param_dtype"}
_CELLS = (elman, gru, lstm, lstm_variant)


def _recipe(network: Network) -> Recipe:
    if not isinstance(network, Made) or network.recipe is None:
        raise ValueError(f"weights can be converted for networks of elman, lstm, gru and lstm_variant; got {network!r}")
    return network.recipe


def _parts(network: Network) -> tuple[Callable[..., Params], dict[str, Network]] | None:
    """What joins the params of the parts of a network, and its parts; None for a cell."""
    recipe = _recipe(network)
    if recipe.factory in _CELLS:
        return None
    if network.name in ("serial", "stack"):
        return lambda *params: params, {str(i): part for i, part in enumerate(recipe.positional)}
    if network.name == "bidirectional":
        return BidirectionalParams, dict(zip(DIRECTIONS, recipe.positional, strict=True))
    if network.name == "scanned":
        return _parts(recipe.positional[0])
    raise ValueError(
        f"{network.name} has no counterpart in other libraries: weights can be converted for elman, lstm, gru and lstm_variant "
        "in scanned, serial, stack and bidirectional; convert the rest of the network by hand"
    )


def _walk(network: Network, path: Path) -> Iterator[tuple[Path, Cell]]:
    parts = _parts(network)
    if parts is None:
        yield path, network if isinstance(network, Cell) else _recipe(network).positional[0]
        return
    for step, part in parts[1].items():
        yield from _walk(part, (*path, step))


def _assemble(network: Network, params: dict[Path, Params], path: Path) -> Params:
    parts = _parts(network)
    if parts is None:
        return params[path]
    return parts[0](*(_assemble(part, params, (*path, step)) for step, part in parts[1].items()))
