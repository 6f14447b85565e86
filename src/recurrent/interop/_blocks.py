"""The weights of one cell, from a library's arrays and back: cut into blocks, and put together in the other order."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from recurrent.interop._layouts import Block, Layout, Tensor
from recurrent.interop._networks import gates_of
from recurrent.types import Params

Blocks = dict[Block, Any]


def blocks_of(kind: str, params: Params) -> Blocks:
    """Params of a kind of cell, or their shapes, cut at their gates."""

    def cut(leaf: Any, gates: str) -> list[Any]:
        if isinstance(leaf, jax.ShapeDtypeStruct):
            shape = (*leaf.shape[:-1], leaf.shape[-1] // len(gates))
            return [jax.ShapeDtypeStruct(shape, leaf.dtype)] * len(gates)
        return jnp.split(leaf, len(gates), axis=-1)

    fields = {name: gates_of(kind, name) for name, leaf in params._asdict().items() if leaf is not None}
    pieces = {name: cut(getattr(params, name), gates) for name, gates in fields.items()}
    return {(name, gate): piece for name, gates in fields.items() for gate, piece in zip(gates, pieces[name], strict=True)}


def read_blocks(layout: Layout, like: Blocks, tensors: Mapping[str, Array]) -> Blocks:
    """Each block as the sum of its places, with the signs and offsets of the layout; 0 where it has none.

    Args:
      layout: of the tensors.
      like: the shapes of the blocks.
      tensors: by their names in the layout; biases may be missing.
    """
    found: Blocks = {}
    for tensor in layout.tensors:
        if tensor.name in tensors:
            for block, array in _cut(tensor, layout, like, tensors[tensor.name]):
                array = array.astype(_wide(array.dtype, like[block].dtype))
                found[block] = found[block] + array if block in found else array
    for gate, constant in layout.added:
        found["bias", gate] = found.get(("bias", gate), 0.0) + constant
    return {block: jnp.broadcast_to(found.get(block, 0.0), s.shape).astype(s.dtype) for block, s in like.items()}


def _wide(*dtypes: Any) -> Any:
    """Where sums are taken, whatever weights are stored in: float64 for one of float64, float32 for all others."""
    return jnp.float64 if any(jnp.finfo(dtype).bits == 64 for dtype in dtypes) else jnp.float32


def write_blocks(layout: Layout, blocks: Blocks) -> dict[str, Array]:
    """The library's arrays: every block in the first of its places, and 0 in the others; left out if it has none."""
    blocks = blocks | {("bias", gate): blocks["bias", gate] - constant for gate, constant in layout.added}
    blocks = {block: -array if block[1] in layout.negated else array for block, array in blocks.items()}
    tensors = {}
    for tensor in layout.tensors:
        tensors[tensor.name] = _join(tensor, layout, blocks)
        blocks = blocks | {block: jnp.zeros_like(blocks[block]) for row in tensor.grid for block in row}
    return tensors


def tensor_shape(tensor: Tensor, layout: Layout, like: Blocks) -> tuple[int, ...]:
    """The shape of an array of the library."""
    return jax.eval_shape(lambda blocks: _join(tensor, layout, blocks), like).shape


def homeless(layout: Layout, blocks: Blocks) -> Blocks:
    """The blocks that the layout has no place for."""
    placed = {block for tensor in layout.tensors for row in tensor.grid for block in row}
    return {block: array for block, array in blocks.items() if block not in placed}


def fields_of(kind: str, blocks: Blocks, like: Params) -> Params:
    """Params as in `like`, put together from their blocks; fields without one are None."""

    def join(name: str) -> Array | None:
        pieces = [blocks[name, gate] for gate in gates_of(kind, name) if (name, gate) in blocks]
        return jnp.concatenate(pieces, axis=-1) if pieces else None

    return type(like)(*map(join, like._fields))


def _join(tensor: Tensor, layout: Layout, blocks: Blocks) -> Array:
    placed, rows = set(), []
    for row in tensor.grid:
        # what stands twice in one array, such as the two biases of ONNX, is 0 the second time
        pieces = []
        for block in row:
            pieces.append(jnp.zeros_like(blocks[block]) if block in placed else blocks[block])
            placed.add(block)
        rows.append(jnp.concatenate(pieces, axis=-1))
    if not tensor.is_matrix:
        return rows[0] if len(rows) == 1 else jnp.stack(rows)
    joined = jnp.concatenate(rows)
    return joined.T if layout.transposed else joined


def _cut(tensor: Tensor, layout: Layout, like: Blocks, array: Array) -> list[tuple[Block, Array]]:
    if not tensor.is_matrix:
        rows = [array] if len(tensor.grid) == 1 else list(array)
    else:
        heights = [like[row[0]].shape[0] for row in tensor.grid]
        rows = jnp.split(array.T if layout.transposed else array, np.cumsum(heights)[:-1])
    pieces = []
    for blocks, row in zip(tensor.grid, rows, strict=True):
        widths = [like[block].shape[-1] for block in blocks]
        for block, piece in zip(blocks, jnp.split(row, np.cumsum(widths)[:-1], axis=-1), strict=True):
            pieces.append((block, -piece if block[1] in layout.negated else piece))
    return pieces
