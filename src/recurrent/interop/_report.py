"""What goes where when weights are converted, in words."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import jax.numpy as jnp

from recurrent.interop._layouts import Block, Layout, Tensor
from recurrent.interop._networks import Network
from recurrent.interop._places import places_in


def explain(library: str, network: Network, weights: Mapping[str, Any], at: Any = None) -> str:
    """Says of every array of a library which part of our params it holds: gates in order, signs, and what is a sum."""
    rows = [("array", "shape", "holds")]
    for place in places_in(library, network, at, weights):
        seen: set[Block] = set()
        for tensor in place.layout.tensors:
            name = place.names.get(tensor.name)
            if name is not None and name in weights:
                text = "; ".join((_blocks(tensor), *_remarks(tensor, place.layout, seen)))
                rows.append((name, str(list(jnp.shape(weights[name]))), text))
            seen |= {block for row in tensor.grid for block in row}
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"  {name:<{widths[0]}}  {shape:<{widths[1]}}  {text}" for name, shape, text in rows)


def _blocks(tensor: Tensor) -> str:
    rows = [
        ", ".join(
            f"{field} {' '.join(gate for _, gate in blocks)}" for field, blocks in groupby(row, key=lambda block: block[0])
        )
        for row in tensor.grid
    ]
    return " over ".join(rows)


def _remarks(tensor: Tensor, layout: Layout, seen: set[Block]) -> Iterator[str]:
    blocks = [block for row in tensor.grid for block in row]
    if layout.transposed and tensor.is_matrix:
        yield "as [out, in]"
    if turned := sorted({gate for _, gate in blocks if gate in layout.negated}):
        yield f"{' '.join(turned)} with the other sign"
    for gate, constant in layout.added:
        if ("bias", gate) in blocks:
            yield f"{constant:g} is added to {gate} when it runs"
    if twice := sorted({gate for i, (field, gate) in enumerate(blocks) if (field, gate) in seen | set(blocks[:i])}):
        yield f"a second bias of {' '.join(twice)}, which is added to the first"
