"""Lyapunov exponents of a driven recurrent network."""

import jax
import jax.numpy as jnp
from jax import Array

from recurrent.flow._jacobians import ravel_floats
from recurrent.sequences import prepare
from recurrent.types import Cell, Params, PyTree, State


def lyapunov_spectrum(
    cell: Cell,
    params: Params,
    xs: PyTree,
    state: State | None = None,
    *,
    num_exponents: int | None = None,
    discard: int = 0,
) -> Array:
    """λ_i = lim (1/T) Σ_t ln |R_t[i, i]| with Q_t R_t = J_t Q_{t-1}: mean growth rates of perturbations, in nats per step.

    Args:
      xs: inputs `[T, *batch, ...]` along whose run the exponents are taken.
      num_exponents: how many of the largest exponents; all by default. Memory is n times this.
      discard: first steps that do not count, while the directions align.

    Returns:
      `[*batch, num_exponents]`, descending but for the error of a finite run.

    Raises:
      ValueError: `num_exponents` or `discard` out of range.

    Reference: Benettin et al. (1980); for recurrent networks Engelken, Wolf & Abbott (2023), Lyapunov spectra of chaotic
    recurrent neural networks.
    """
    sequence = prepare(cell, params, xs, state)
    num_steps, *batch_shape = jax.tree.leaves(xs)[0].shape[:-1]
    if num_steps == 0:
        raise ValueError("lyapunov_spectrum is a mean over a run of at least one step; got xs of 0 steps")
    row_state = jax.tree.map(lambda leaf: leaf[(0,) * len(batch_shape)], sequence.state)
    size = jax.eval_shape(lambda s: ravel_floats(s)[0], row_state).shape[0]
    count = size if num_exponents is None else num_exponents
    if not 1 <= count <= size:
        raise ValueError(f"num_exponents must lie in 1..{size}, the size of the state; got {count}")
    if not 0 <= discard < num_steps:
        raise ValueError(f"discard must lie in 0..{num_steps - 1}, below the {num_steps} steps of xs; got {discard}")
    dtype = ravel_floats(row_state)[0].dtype
    directions = jnp.linalg.qr(jax.random.normal(jax.random.key(0), (size, count), dtype))[0]

    def row(state, xs):
        def step(carry, inputs):
            state, directions, sums = carry
            t, x_t = inputs
            vector, unravel = ravel_floats(state)
            push = _pusher(cell, params, unravel, x_t)
            _, moved = jax.vmap(lambda d: jax.jvp(push, (vector,), (d,)), in_axes=1, out_axes=(None, 1))(directions)
            directions, upper = jnp.linalg.qr(moved)
            growth = jnp.log(jnp.abs(jnp.diagonal(upper)))
            state, _ = cell.step(params, state, x_t)
            return (state, directions, sums + jnp.where(t < discard, jnp.zeros_like(growth), growth)), None

        start = (state, directions, jnp.zeros(count, dtype))
        (_, _, sums), _ = jax.lax.scan(step, start, (jnp.arange(num_steps), xs))
        return sums / (num_steps - discard)

    for _ in batch_shape:
        row = jax.vmap(row, in_axes=(0, 1))
    return row(sequence.state, sequence.xs)


def _pusher(cell: Cell, params: Params, unravel, x_t):
    """The step as a map of vectors."""

    def push(vector):
        state, _ = cell.step(params, unravel(vector), x_t)
        return ravel_floats(state)[0]

    return push
