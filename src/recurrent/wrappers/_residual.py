"""Connections that skip a cell."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.dense import dot
from recurrent.initializers import Initializer, draw_blocks, glorot_uniform
from recurrent.made import remembered
from recurrent.types import Cell, Params


class ResidualParams(NamedTuple):
    """Parameters of a cell and of the projection P around it."""

    cell: Params
    kernel: Float[Array, "input output"]


@remembered
def residual(
    cell: Cell,
    input_size: int | None = None,
    output_size: int | None = None,
    *,
    kernel_init: Initializer = glorot_uniform,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell:
    """y_t = cell(x_t) + x_t P, with P the identity where the widths are equal, and learned where they differ.

    Without sizes, or with equal ones, P is the identity and the parameters are the cell's own. Otherwise they are
    `ResidualParams`.

    Args:
      cell: a cell whose output is one array.
      input_size: features of x_t, if they differ from those of y_t.
      output_size: features of y_t, if they differ from those of x_t.
      kernel_init: initialiser of P.
      dtype: dtype of the product x_t P; that of the parameters by default.
      param_dtype: dtype of P.

    Raises:
      ValueError: only one of the sizes is given, or one is not a positive integer; when run, widths other than those.

    Reference: He, Zhang, Ren & Sun (2016), Deep residual learning for image recognition, equations 1 and 2.
    """
    if (input_size is None) != (output_size is None):
        raise ValueError(
            f"residual: give both sizes or neither; got input_size={input_size} and output_size={output_size} "
            f"(neither means equal widths and no projection)"
        )
    if input_size is None or output_size is None or input_size == output_size:
        return dataclasses.replace(cell, step=_adding_input(cell), linear=None)
    checks.sizes("residual", input_size=input_size, output_size=output_size)

    def init(key):
        k_cell, k_kernel = jax.random.split(key)
        return ResidualParams(cell.init(k_cell), draw_blocks(kernel_init, k_kernel, input_size, output_size, 1, param_dtype))

    def initial_state(params, batch_shape=()):
        checks.params("residual", params, ResidualParams, input=input_size, output=output_size)
        return cell.initial_state(params.cell, batch_shape)

    def step(params, state, x_t):
        checks.params("residual", params, ResidualParams, input=input_size, output=output_size)
        checks.features("residual", x_t, input_size)
        state, y_t = cell.step(params.cell, state, x_t)
        checks.array("residual", "the output of the cell", y_t)
        if y_t.shape[-1] != output_size:
            raise ValueError(f"residual: output_size={output_size}, but the cell emits {y_t.shape[-1]} features")
        return state, y_t + dot(x_t, params.kernel, dtype).astype(y_t.dtype)

    return Cell(init, initial_state, step)


def _adding_input(cell: Cell):
    def step(params, state, x_t):
        checks.array("residual", "the input", x_t)
        state, y_t = cell.step(params, state, x_t)
        checks.array("residual", "the output of the cell", y_t)
        return state, sum_of("residual", y_t, x_t)

    return step


def sum_of(name: str, y_t: Array, x_t: Array) -> Array:
    """y_t + x_t, or a ValueError that says how to make widths equal."""
    if y_t.shape != x_t.shape:
        raise ValueError(
            f"{name}: a sum needs equal widths, but the input has {x_t.shape[-1]} features and the output of the cell "
            f"{y_t.shape[-1]}; residual(cell, input_size={x_t.shape[-1]}, output_size={y_t.shape[-1]}) learns a projection"
        )
    return y_t + x_t.astype(y_t.dtype)
