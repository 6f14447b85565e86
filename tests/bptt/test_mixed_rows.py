"""The explicit backward pass, under masks and resets, of cells whose rows see each other or whose inputs enter twice."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_array, relative_error

from recurrent import Cell, unroll

T, B, H = 6, 3, 4
RNG = np.random.default_rng(2)
MASK, RESETS = jnp.asarray(RNG.random((T, B)) < 0.6), jnp.asarray(RNG.random((T, B)) < 0.25)


def rows_turned_around(params, s_tm1, x_t):
    s_t = jnp.tanh(s_tm1 @ params + x_t[::-1])
    return s_t, s_t


def mean_of_what_was_made(params, s_tm1, x_t):
    """Reads the new state of rows that are masked, too, and so will be held."""
    s_t = jnp.tanh(s_tm1 @ params + x_t)
    return s_t, jnp.broadcast_to(jnp.mean(s_t**3, axis=0, keepdims=True), s_t.shape)


def state_of_the_row_before(params, s_tm1, x_t):
    s_t = jnp.tanh(jnp.roll(s_tm1, 1, axis=0) @ params + x_t)
    return s_t, jnp.sin(s_t)


def sum_with_the_input(params, s_tm1, x_t):
    """The tangent of z enters the loop, and the part after it."""
    z = x_t @ params
    s_t = jnp.tanh(s_tm1 + z)
    return s_t, s_t + z


def fresh(params, batch_shape=()):
    return jnp.broadcast_to(jnp.sum(params, axis=0), (*batch_shape, H))


@pytest.mark.parametrize("step", [rows_turned_around, mean_of_what_was_made, state_of_the_row_before, sum_with_the_input])
def test_explicit_equals_autodiff(step):
    cell = Cell(lambda key: random_array((H, H), 1), fresh, step)
    arguments = 0.5 * random_array((H, H), 1), random_array((T, B, H), 2), random_array((B, H), 3)

    @functools.partial(jax.jit, static_argnums=0)
    def run(backprop, *arguments):
        def loss(params, xs, state):
            final, ys = unroll(cell, params, xs, state, mask=MASK, resets=RESETS, backprop=backprop)
            return jnp.vdot(random_array(ys.shape, 4), jnp.sin(ys)) + jnp.vdot(random_array(final.shape, 5), final)

        return jax.value_and_grad(loss, (0, 1, 2))(*arguments)

    assert relative_error(run("explicit", *arguments), run("autodiff", *arguments)) < 1e-12
