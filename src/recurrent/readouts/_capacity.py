"""How much of its past input the state of a network holds, as far as a linear readout can tell."""

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.dense import DenseParams
from recurrent.readouts._ridge import fit_ridge
from recurrent.readouts._run import add_run
from recurrent.readouts._sums import RidgeSums, no_rows
from recurrent.types import Cell, Params


def squared_correlation(sums: RidgeSums, readout: DenseParams) -> Float[Array, "*ridges outputs"]:
    """r² of every output and its target over the rows of the sums; 0 where one of them does not vary."""
    deviations, outputs = sums.factor[1:, 1:], sums.targets.shape[1]
    targets = deviations[:, -outputs:]
    found = jnp.einsum("rf,...fo->...ro", deviations[:, :-outputs], readout.kernel, precision="highest")
    products = jnp.einsum("...ro,ro->...o", found, targets, precision="highest")
    norms = jnp.einsum("...ro,...ro,o->...o", found, found, jnp.sum(jnp.square(targets), axis=0), precision="highest")
    return jnp.where(norms > 0, jnp.square(products) / jnp.where(norms > 0, norms, 1), 0)


def memory_capacity(
    cell: Cell,
    params: Params,
    inputs: Float[Array, "T *batch 1"],
    *,
    max_lag: int,
    washout: int,
    ridge: float = 0.0,
    dtype: DTypeLike = jnp.float32,
) -> Float[Array, "max_lag+1"]:
    """MC_k = r²(u_{t-k}, y_{k,t}) - 1 / (n - 1) for k = 0 ... max_lag, of readouts y_k that name the input k steps ago.

    The readouts are fitted to the first half of the steps and measured on the other, whose n rows would give white noise an r²
    of 1 / (n - 1) that is none of its memory. So a lag that is forgotten counts 0 in the mean, and can count less than 0. Of
    independent inputs, Σ_k MC_k is at most the number of features. (Jaeger's sum leaves out k = 0, the input of the step.)

    Args:
      cell: emits the features that are read.
      params: its parameters.
      inputs: one number per step, independent of each other.
      max_lag: the largest k; twice the features is plenty.
      washout: steps that are left out at the beginning, at least `max_lag`.
      ridge: ρ of the readouts.
      dtype: in which rows are kept.

    Raises:
      ValueError: inputs of another width, a washout below `max_lag`, or one that leaves no step of the first half.

    Reference: Jaeger (2002), Short term memory in echo state networks, GMD report 152.
    """
    checks.counts(max_lag=max_lag, washout=washout)
    checks.features("memory_capacity", inputs, 1)
    half = len(inputs) // 2
    if not max_lag <= washout < half:
        raise ValueError(
            f"memory_capacity: the washout must be at least max_lag = {max_lag}, so that the inputs asked for exist, and below "
            f"{half}, half of the steps; got {washout}"
        )
    lagged = jnp.concatenate([_delayed(inputs, lag) for lag in range(max_lag + 1)], axis=-1)
    emitted = jax.eval_shape(lambda: cell.step(params, cell.initial_state(params, inputs.shape[1:-1]), inputs[0])[1])
    empty = no_rows(emitted.shape[-1], max_lag + 1, dtype)
    state, seen = add_run(empty, cell, params, inputs[:half], lagged[:half], washout=washout)
    _, fresh = add_run(empty, cell, params, inputs[half:], lagged[half:], state)
    return squared_correlation(fresh, fit_ridge(seen, ridge)) - 1 / (fresh.rows - 1)


def _delayed(inputs: Array, lag: int) -> Array:
    """u_{t-k}, and 0 before the first."""
    return jnp.concatenate([jnp.zeros_like(inputs[:lag]), inputs[: len(inputs) - lag]])
