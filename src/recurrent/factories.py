"""What the factories of cells and of nodes of trees share: from equations to a cell whose params and inputs are checked."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from recurrent import checks, pytrees
from recurrent.initializers import Fused, Initializer, PerGate, draw_bias, draw_blocks
from recurrent.types import Cell, InitFn, LinearForm, P, S, StepFn

StateFn = Callable[[Callable[..., Array]], S]
"""Makes a state of a function from the shape of a leaf in one row to the leaf, such as `zeros(hidden_size)`.

Every leaf is a buffer of its own, so that all can be donated.
"""


def checked_cell(
    name: str, params_type: type[P], sizes: dict[str, int], init: InitFn[P], state: StateFn[S], step: StepFn[P, S]
) -> Cell[P, S]:
    """Returns the cell of a step; its state starts as zeros, in at least float32.

    Args:
      name: of the factory, for errors.
      params_type: a NamedTuple whose annotations give the shapes.
      sizes: by their names in those annotations; "input" is the width of x_t.
      init: draws the parameters.
      state: makes the state from a function of the axes of a leaf behind those of the batch.
      step: `(params, state, x_t) -> (state, y_t)`.

    Raises:
      ValueError: a size is not a positive integer; when run, params or inputs that are not those of this cell.
    """
    checks.sizes(name, **{f"{size_name}_size": size for size_name, size in sizes.items()})

    def initial_state(params, batch_shape=()):
        checks.params(name, params, params_type, **sizes)
        dtype = pytrees.at_least_float32(jax.tree.leaves(params)[0].dtype)
        return state(lambda *shape: jnp.zeros((*batch_shape, *shape), dtype))

    def checked_step(params, state, x_t):
        checks.params(name, params, params_type, **sizes)
        checks.features(name, x_t, sizes["input"])
        return step(params, state, x_t)

    return Cell(init, initial_state, checked_step)


def linear_cell(
    name: str, params_type: type[P], sizes: dict[str, int], init: InitFn[P], state: StateFn[S], form: LinearForm
) -> Cell[P, S]:
    """s_t = a_t · s_{t-1} + b_t, y_t = output(s_t, x_t): the cell of a linear form, with arguments as for `checked_cell`."""

    def step(params, s_tm1, x_t):
        a_t, b_t = form.coefficients(params, x_t)
        s_t = pytrees.add(form.algebra.product(a_t, s_tm1), b_t)
        return s_t, form.output(params, s_t, x_t)

    return dataclasses.replace(checked_cell(name, params_type, sizes, init, state, step), linear=form)


def states_as_outputs(params: Any, states: Any, xs: Any) -> Any:
    """y_t = s_t."""
    del params, xs
    return states


def draw_kernels(
    keys: Iterable[Array],
    rows: tuple[int, int],
    hidden_size: int,
    gates: int,
    inits: tuple[Initializer | Fused, Initializer | Fused, Initializer | PerGate],
    dtype: DTypeLike,
) -> tuple[Array, Array, Array]:
    """Draws U, W and b of a recurrence of several gates; `rows` are those of U and W."""
    (k_input, k_recurrent, k_bias), (kernel_init, recurrent_init, bias_init) = keys, inits
    return (
        draw_blocks(kernel_init, k_input, rows[0], hidden_size, gates, dtype),
        draw_blocks(recurrent_init, k_recurrent, rows[1], hidden_size, gates, dtype),
        draw_bias(bias_init, k_bias, hidden_size, gates, dtype),
    )
