"""One recurrent sigmoid unit without input, and the error of its last state."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from experiments.cliff.theory import TARGET, WEIGHTS, X_0, wall
from recurrent import Cell, unroll


class Unit(NamedTuple):
    """The two parameters of the network."""

    w: Array
    b: Array


def unit() -> Cell:
    """x_t = w σ(x_{t-1}) + b, x_0 = 0.5; no input is read."""

    def init(key):
        del key
        return Unit(jnp.asarray(WEIGHTS[0]), jnp.asarray(wall(WEIGHTS[0])))

    def initial_state(params, batch_shape=()):
        return jnp.full(batch_shape, X_0, params.w.dtype)

    def step(params, state, x_t):
        del x_t
        state = params.w * jax.nn.sigmoid(state) + params.b
        return state, state

    return Cell(init, initial_state, step)


def last_state(point: Unit, num_steps: int, length: Array | None = None) -> Array:
    """x_T, where T is `num_steps`, or a traced `length` up to that."""
    return unroll(unit(), point, jnp.zeros((num_steps, 1)), lengths=length)[0]


def error(point: Unit, num_steps: int, length: Array | None = None) -> Array:
    """E = (σ(x_T) - 0.7)²."""
    return (jax.nn.sigmoid(last_state(point, num_steps, length)) - TARGET) ** 2


def steepness(point: Unit, num_steps: int, length: Array | None = None) -> Array:
    """|(dE/dw, dE/db)|."""
    return optax.tree.norm(jax.grad(error)(point, num_steps, length))
