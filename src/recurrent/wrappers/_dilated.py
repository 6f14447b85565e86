"""Any recurrence with steps of a longer stride."""

import jax
import jax.numpy as jnp
from jax import Array, lax

from recurrent import checks, pytrees
from recurrent.made import remembered
from recurrent.types import Cell


@remembered
def dilated(cell: Cell, dilation: int) -> Cell:
    """s_t, y_t = step(s_{t-d}, x_t): d runs of the cell that take turns, and share their parameters.

    A path from s_{t-τ} to s_t has τ/d steps. Runs do not see each other; layers of other dilations mix them:
    `stack(dilated(lstm(3, 20), 1), dilated(lstm(20, 20), 2), dilated(lstm(20, 20), 4))` is the DilatedRNN of the reference.

    The state is the past d states of the cell, in an axis behind those of the batch, [*batch, d, ...], s_{t-1} first. Each run
    starts in the cell's initial state, and draws noise of its own. A masked step holds all runs, and a reset starts all anew.
    With d = 1 this is the cell.

    Args:
      cell: any cell.
      dilation: d. From d = T on, no step of a sequence of T steps sees another.

    Raises:
      ValueError: a dilation that is not a positive integer.

    Reference: Chang et al. (2017), Dilated recurrent neural networks, section 2.
    """
    checks.sizes("dilated", dilation=dilation)

    def initial_state(params, batch_shape=()):
        return cell.initial_state(params, (*batch_shape, dilation))

    def step(params, past, x_t):
        rows = jax.eval_shape(cell.initial_state, params)
        axes = jax.tree.map(lambda leaf, row: leaf.ndim - row.ndim - 1, past, rows)
        state_t, y_t = cell.step(params, jax.tree.map(_oldest, past, axes), x_t)
        return jax.tree.map(_pushed, past, state_t, axes), y_t

    return Cell(cell.init, initial_state, step)


def _oldest(past: Array, axis: int) -> Array:
    """s_{t-d}, as the sum of one: the derived backward pass keeps a sum, but for a slice it would keep all of the past."""
    last = lax.slice_in_dim(past, past.shape[axis] - 1, None, axis=axis)
    return jnp.sum(last, axis) if pytrees.is_inexact(past) else jnp.squeeze(last, axis)


def _pushed(past: Array, state_t: Array, axis: int) -> Array:
    """The past with s_t in front, and without its oldest."""
    kept = lax.slice_in_dim(past, 0, past.shape[axis] - 1, axis=axis)
    return jnp.concatenate([jnp.expand_dims(state_t, axis), kept], axis)
