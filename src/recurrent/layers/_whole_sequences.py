"""Between one input or output and a whole sequence of them."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from recurrent import pytrees
from recurrent.types import PyTree


def at_first_step(x: Float[Array, "*batch features"], num_steps: int) -> Float[Array, "T *batch features"]:
    """x, 0, 0, ...: one input for a whole sequence, seen at the first step only."""
    return jnp.zeros((num_steps, *x.shape), x.dtype).at[0].set(x)


def at_every_step(x: Float[Array, "*batch features"], num_steps: int) -> Float[Array, "T *batch features"]:
    """x, x, x, ...: one input for a whole sequence, seen at every step."""
    return jnp.broadcast_to(x, (num_steps, *x.shape))


def last_valid(values: PyTree, lengths: Array) -> PyTree:
    """Picks the last valid step of every row, `[T, *batch, ...] -> [*batch, ...]`; 0 for rows of length 0."""
    steps = jnp.maximum(lengths - 1, 0)

    def pick(leaf):
        index = steps.reshape((1, *steps.shape) + (1,) * (leaf.ndim - 1 - steps.ndim))
        return jnp.take_along_axis(leaf, index, axis=0, mode="clip")[0]

    picked = jax.tree.map(pick, values)
    return pytrees.where(lengths > 0, picked, pytrees.zeros_like(picked))


def mean_over_time(values: Float[Array, "T *batch features"], mask: Array | None = None) -> Float[Array, "*batch features"]:
    """Averages the valid steps of every row; 0 for rows that have none."""
    if mask is None:
        return values.sum(axis=0) / max(len(values), 1)
    total = jnp.sum(pytrees.where(mask, values, jnp.zeros_like(values)), axis=0)
    return total / jnp.maximum(mask.sum(axis=0), 1).astype(values.dtype)[..., None]
