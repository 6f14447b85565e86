"""Linear readouts of recurrences that are not trained: ridge regression from sums, and the memory that it finds.

    sums = no_rows(features=100, outputs=1, dtype=jnp.float64)
    state, sums = add_run(sums, cell, params, xs, targets, washout=100)  # under jax.jit; again for more data
    readouts = fit_ridge(sums, 10.0 ** jnp.arange(-12, 0))  # all penalties from one decomposition
    errors = mean_squared_error(validation_sums, readouts)  # [ridge, output], without the rows

A readout is params of a dense layer: `recurrent.layers.linear`, `closed_loop`.
"""

from recurrent.readouts._capacity import memory_capacity, squared_correlation
from recurrent.readouts._ridge import fit_ridge
from recurrent.readouts._run import add_run
from recurrent.readouts._sums import RidgeSums, add_rows, mean_squared_error, merged, no_rows, variance

__all__ = [
    "RidgeSums",
    "add_rows",
    "add_run",
    "fit_ridge",
    "mean_squared_error",
    "memory_capacity",
    "merged",
    "no_rows",
    "squared_correlation",
    "variance",
]
