"""Jacobians of the state: one step's, and their product over many steps."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import pytrees
from recurrent.flow._states import states_before
from recurrent.sequences import Sequence, flagged_step, in_run_order, num_batch_axes, prepare
from recurrent.types import Cell, Params, PyTree, State


def step_jacobians(
    cell: Cell,
    params: Params,
    xs: PyTree,
    state: State | None = None,
    *,
    lengths: Array | None = None,
    mask: Array | None = None,
    resets: Array | None = None,
    reverse: bool = False,
) -> Array:
    """J_t[i, j] = ∂s_t[i] / ∂s_{t-1}[j] along a run.

    A gradient row goes back as `dL/ds_{t-1} = dL/ds_t @ J_t`. For the vanilla cell J_t = diag(φ'(a_t)) W'.

    Returns:
      `[T, *batch, n, n]`, n being all floating-point entries of one row's state in the order of `jax.tree.leaves`.
    """
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    sequence = in_run_order(sequence, reverse)
    return over_rows(cell, params, sequence, lambda jacobian, inputs: jax.vmap(jacobian)(inputs))


class Transport(NamedTuple):
    """Singular values of ds_T/ds_t for t = 0 ... T, as log10.

    Attributes:
      log10_singular_values: `[T + 1, *batch, n]`, descending. Values below the resolution of the dtype relative to the largest
        one (n ε) are not known and given as NaN; those of a zero matrix are -inf.
      log10_norm: the largest of them, `[T + 1, *batch]`.
    """

    log10_singular_values: Array
    log10_norm: Array


def transport(
    cell: Cell,
    params: Params,
    xs: PyTree,
    state: State | None = None,
    *,
    lengths: Array | None = None,
    mask: Array | None = None,
    resets: Array | None = None,
    reverse: bool = False,
) -> Transport:
    """Singular values of the product J_T ... J_{t+1} that carries gradients from the last state to state t.

    The product is renormalised by a power of two at every step; neither its growth nor its decay leaves the dtype.
    """
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    sequence = in_run_order(sequence, reverse)

    def products(jacobian: Callable, inputs: PyTree) -> tuple[Array, Array]:
        size = sum(math.prod(leaf.shape[1:]) for leaf in jax.tree.leaves(inputs[0]) if pytrees.is_inexact(leaf))
        dtype = next(leaf.dtype for leaf in jax.tree.leaves(inputs[0]) if pytrees.is_inexact(leaf))

        def step(carry, inputs_t):
            product, exponent = carry
            product, gained = pytrees.normalize_rows(product @ jacobian(inputs_t))
            exponent = exponent + gained
            return (product, exponent), (product, exponent)

        start = (jnp.eye(size, dtype=dtype), jnp.zeros((), jnp.int32))
        _, earlier = jax.lax.scan(step, start, inputs, reverse=True)
        return jax.tree.map(lambda a, b: jnp.concatenate([a, b[None]]), earlier, start)

    product, exponent = over_rows(cell, params, sequence, products)
    values = jnp.linalg.svd(product, compute_uv=False)
    known = values > values[..., :1] * (values.shape[-1] * jnp.finfo(values.dtype).eps)
    offset = exponent.astype(values.dtype)[..., None] * jnp.log10(2.0).astype(values.dtype)
    logs = jnp.where(known, jnp.log10(values) + offset, jnp.where(values[..., :1] > 0, jnp.nan, -jnp.inf))
    return Transport(logs, logs[..., 0])


def over_rows(cell: Cell, params: Params, sequence: Sequence, function: Callable) -> PyTree:
    """Applies `function(jacobian, inputs)` to every row of the batch.

    `inputs` are the arguments of the steps, leaves `[T, ...]`; `jacobian(inputs_t)` is `[n, n]`. Results lead with
    `[T', *batch]`.
    """
    xs, _, fresh, flags = sequence
    states = states_before(cell, params, sequence)

    def row(states, fresh, xs, flags):
        def jacobian(inputs_t):
            state_tm1, x_t, flags_t = inputs_t
            vector, unravel = ravel_floats(state_tm1)

            def step(v):
                state_t, _ = flagged_step(cell.step, params, fresh, unravel(v), x_t, flags_t)
                return ravel_floats(state_t)[0]

            return jax.jacfwd(step)(vector)

        return function(jacobian, (states, xs, flags))

    batch_axes = num_batch_axes(xs)
    for _ in range(batch_axes):  # the innermost vmap takes the last batch axis
        row = jax.vmap(row, in_axes=(1, 0, 1, 1), out_axes=1)
    return row(states, fresh, xs, flags)


def ravel_floats(state: State) -> tuple[Array, Callable[[Array], State]]:
    """Lays the floating-point leaves of one row's state out as a vector; the inverse keeps the other leaves."""
    leaves, structure = jax.tree.flatten(state)
    floats = [i for i, leaf in enumerate(leaves) if pytrees.is_inexact(leaf)]
    sizes = [leaves[i].size for i in floats]
    vector = jnp.concatenate([leaves[i].reshape(-1) for i in floats])

    def unravel(vector):
        filled, start = list(leaves), 0
        for i, size in zip(floats, sizes, strict=True):
            filled[i] = vector[start : start + size].reshape(leaves[i].shape)
            start += size
        return jax.tree.unflatten(structure, filled)

    return vector, unravel
