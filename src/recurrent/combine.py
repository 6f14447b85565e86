"""Functions from cells to cells: what is emitted, where the state starts, how gradients are clipped on their way."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recurrent import pytrees
from recurrent.types import Cell, LinearForm, Params, PyTree, State


def emit_state(cell: Cell) -> Cell:
    """y_t = s_t: the same recurrence, with the whole state as its output."""

    def step(params, state, x_t):
        state, _ = cell.step(params, state, x_t)
        return state, state

    return cell._replace(step=step, linear=_with_output(cell, lambda states, ys: states))


def emit_both(cell: Cell) -> Cell:
    """y_t = (y_t, s_t): the same recurrence, with the whole state beside its output."""

    def step(params, state, x_t):
        state, y_t = cell.step(params, state, x_t)
        return state, (y_t, state)

    return cell._replace(step=step, linear=_with_output(cell, lambda states, ys: (ys, states)))


def _with_output(cell: Cell, output: Callable[[State, PyTree], PyTree]) -> LinearForm | None:
    """The linear form of a cell under `output(states, ys)`, or None if the cell has none."""
    inner = cell.linear
    if inner is None:
        return None
    return inner._replace(output=lambda params, states, xs: output(states, inner.output(params, states, xs)))


class LearnedStateParams(NamedTuple):
    """Parameters of a cell and of its initial state.

    Attributes:
      cell: parameters of the cell.
      state: the initial state of one row, without batch axes.
    """

    cell: Params
    state: State


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
        _check_wrapped(params, LearnedStateParams, "learned_state")
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


def clip_state_gradients(cell: Cell, max_norm: float) -> Cell:
    """The same values; every dL/ds_{t-1} that a step passes back is scaled to a norm of at most `max_norm` per row.

    Clipping inside backpropagation through time, unlike clipping the summed gradient, changes its direction: what lies further
    back than the explosion is weighted down by a different factor at every step. The gradient is no longer that of any loss.

    Args:
      cell: any cell.
      max_norm: the largest norm, over all leaves of the state of one row.

    Raises:
      ValueError: a threshold that is not positive.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm must be positive; got {max_norm}")

    def clip(dstate, num_lead):
        size = pytrees.norm(dstate, num_lead)
        factor = jnp.where(size > max_norm, max_norm / jnp.where(size > 0, size, 1), 1)
        rows = lambda leaf: factor.reshape(factor.shape + (1,) * (leaf.ndim - factor.ndim)).astype(leaf.dtype)  # noqa: E731
        return jax.tree.map(lambda leaf: leaf * rows(leaf) if pytrees.is_inexact(leaf) else leaf, dstate)

    def step(params, state, x_t):
        num_lead = _num_batch_axes(cell, params, state)

        @jax.custom_vjp
        def gate(state):
            return state

        gate.defvjp(lambda state: (state, None), lambda _, dstate: (clip(dstate, num_lead),))
        return cell.step(params, gate(state), x_t)

    return cell._replace(step=step, linear=None)  # the form's gradient is not clipped


def _num_batch_axes(cell: Cell, params: Params, state: State) -> int:
    """How many axes the state has more than that of one row: inputs and outputs may be of any rank."""
    row = jax.eval_shape(lambda p: cell.initial_state(p, ()), params)
    return jnp.ndim(jax.tree.leaves(state)[0]) - jax.tree.leaves(row)[0].ndim


def count_parameters(params: PyTree) -> int:
    """Counts the numbers in a tree of parameters; 4h(h + d + 1) for an LSTM."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def _check_wrapped(params: Params, expected: type, name: str) -> None:
    if not isinstance(params, expected):
        raise ValueError(f"{name}: expected params of type {expected.__name__}, got {type(params).__name__}")
