"""Recurrent kernels made of free parameters."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recurrent import checks
from recurrent.made import remembered
from recurrent.parametrizations import Parametrization
from recurrent.types import Cell, Params, PyTree


class ReparametrizedParams(NamedTuple):
    """Parameters of a cell without its recurrent kernel, and what that is made of.

    Attributes:
      cell: parameters of the cell; None stands in the kernel's place.
      free: what its blocks are made of, with the blocks in the first axis.
    """

    cell: Params
    free: PyTree


@remembered
def reparametrized(cell: Cell, parametrization: Parametrization) -> Cell:
    """W = `parametrization.matrix(free)`: the same recurrence, whose kernel no update can lead out of its set.

    Such as `reparametrized(elman(3, 64, activation="identity"), exponential())`, whose W stays orthogonal. Where a kernel has
    several blocks, as in the LSTM, each is a matrix of its own. W is made once per run, not once per step.

    Args:
      cell: a cell whose params have a `recurrent_kernel` of square blocks.
      parametrization: from `recurrent.parametrizations`.

    Raises:
      ValueError: the cell's params have no such kernel.
    """

    def init(key):
        k_cell, k_free = jax.random.split(key)
        params = cell.init(k_cell)
        kernel = _kernel_of(cell, params)
        size, width = kernel.shape
        keys = jax.random.split(k_free, width // size)
        free = [parametrization.init(k, size, kernel.dtype) for k in keys]
        return ReparametrizedParams(
            params._replace(recurrent_kernel=None), jax.tree.map(lambda *leaves: jnp.stack(leaves), *free)
        )

    def initial_state(params, batch_shape=()):
        return cell.initial_state(with_kernel(params, parametrization), batch_shape)

    def step(params, state, x_t):
        return cell.step(with_kernel(params, parametrization), state, x_t)

    _kernel_of(cell, jax.eval_shape(cell.init, jax.random.key(0)))
    return Cell(init, initial_state, step)


def with_kernel(params: ReparametrizedParams, parametrization: Parametrization) -> Params:
    """The cell's own parameters, with the recurrent kernel made of the free ones."""
    checks.params("reparametrized", params, ReparametrizedParams)
    blocks = [
        parametrization.matrix(jax.tree.map(lambda leaf, i=i: leaf[i], params.free))
        for i in range(len(jax.tree.leaves(params.free)[0]))
    ]
    return params.cell._replace(recurrent_kernel=jnp.concatenate(blocks, axis=1))


def _kernel_of(cell: Cell, params: Params) -> jax.Array:
    kernel = getattr(params, "recurrent_kernel", None)
    if kernel is None or kernel.ndim != 2 or kernel.shape[1] % kernel.shape[0]:
        shape = "none" if kernel is None else kernel.shape
        raise ValueError(
            f"reparametrized: {cell} must have a recurrent_kernel [hidden, blocks * hidden] in its params; got {shape}"
        )
    return kernel
