"""What cells with a matrix memory share: a state `[*batch, key, value]` that keys write values into and queries read."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from recurrent.initializers import Fused, Initializer, draw_bias, draw_blocks


def association(k: Array, v: Array) -> Array:
    """k' v: what a key and a value `[*lead, key]` and `[*lead, value]` add to a memory."""
    return k[..., :, None] * v[..., None, :]


def recall(q: Array, memory: Array) -> Array:
    """q M, `[*lead, value]`: the sum of what was written, each weighted by the product of its key with the query."""
    # once more through the recurrence at every step, so not in the reduced precision that accelerators multiply in
    return jnp.matmul(q[..., None, :], memory, precision="highest")[..., 0, :]


def draw_projections(
    key: Array,
    input_size: int,
    blocks: Sequence[tuple[int, int]],
    inits: tuple[Initializer | Fused, Initializer],
    dtype: DTypeLike,
) -> tuple[Array, ...]:
    """Draws affine maps of x_t, all kernels before all biases; each of a width and of how many of that lie side by side."""
    k_kernels, k_biases = (jax.random.split(k, len(blocks)) for k in jax.random.split(key))
    kernels = [draw_blocks(inits[0], k, input_size, *block, dtype) for k, block in zip(k_kernels, blocks, strict=True)]
    return *kernels, *(draw_bias(inits[1], k, *block, dtype) for k, block in zip(k_biases, blocks, strict=True))
