"""An initial state that is learned."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recurrent import checks, pytrees
from recurrent.made import remembered
from recurrent.types import Cell, LinearForm, Params, State


class LearnedStateParams(NamedTuple):
    """Parameters of a cell and of its initial state.

    Attributes:
      cell: parameters of the cell.
      state: the initial state of one row, without batch axes.
    """

    cell: Params
    state: State


@remembered
def learned_state(cell: Cell, *, scale: float = 0.0) -> Cell:
    """s_0 = a parameter, shared by all rows of the batch; resets return to it, too.

    Args:
      cell: any cell whose state is all floating point.
      scale: the initial state is the cell's own plus N(0, scale²).

    Raises:
      ValueError: at `init`, if a state leaf is not floating point (a counter cannot be learned).
    """

    def init(key):
        k_cell, k_state = jax.random.split(key)
        params = cell.init(k_cell)
        leaves, structure = jax.tree.flatten(cell.initial_state(params))
        if not all(map(pytrees.is_inexact, leaves)):
            raise ValueError("learned_state: every leaf of the state must be floating point; a counter cannot be learned")
        keys = jax.random.split(k_state, len(leaves))
        noisy = [s + scale * jax.random.normal(k, s.shape, s.dtype) for s, k in zip(leaves, keys, strict=True)]
        return LearnedStateParams(params, jax.tree.unflatten(structure, noisy))

    def initial_state(params, batch_shape=()):
        checks.params("learned_state", params, LearnedStateParams)
        expected = jax.eval_shape(cell.initial_state, params.cell)
        checks.same_arrays("learned_state: params.state", params.state, expected, "draw it with the init of this very cell")
        return jax.tree.map(lambda s: jnp.broadcast_to(s, (*batch_shape, *s.shape)), params.state)

    def step(params, state, x_t):
        return cell.step(params.cell, state, x_t)

    form = cell.linear
    linear = form and LinearForm(
        coefficients=lambda params, xs: form.coefficients(params.cell, xs),
        output=lambda params, states, xs: form.output(params.cell, states, xs),
        algebra=form.algebra,
    )
    return Cell(init, initial_state, step, linear=linear)
