"""The very step at which a state, an output, or a gradient stops being finite."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrent import Cell
from recurrent.flow import first_nonfinite_step

T, B = 6, 3


def step(params, h_tm1, x_t):
    """A sum of inputs, whose output is 1 / h_{t-1}."""
    return h_tm1 + x_t, 1 / h_tm1


CELL = Cell(lambda key: (), lambda params, batch_shape=(): jnp.ones((*batch_shape, 1)), step)


def find(xs, loss=lambda run: jnp.sum(run.states)):
    return jax.jit(lambda xs: first_nonfinite_step(CELL, (), xs, loss))(xs)


def test_a_state():
    xs = jnp.ones((T, B, 1)).at[2, 0].set(jnp.inf).at[0, 1].set(jnp.nan)
    np.testing.assert_array_equal(find(xs).forward, [2, 0, T])


def test_an_output_alone():
    xs = jnp.ones((T, B, 1)).at[3, 2].set(-4.0)  # h_3 = 0, and y_4 = 1 / h_3
    np.testing.assert_array_equal(find(xs).forward, [T, T, 4])


@pytest.mark.parametrize("last", range(1, T + 1))
def test_a_gradient(last):
    """√0 has no slope: dL/ds_t is finite above the last state that the loss reads so, and not finite from there down."""

    def loss(run):
        distance = run.states[last - 1, 1] - (1.0 + last)
        return jnp.sum(jnp.sqrt(distance)) + jnp.sum(run.states[:, 0])

    found = find(jnp.ones((T, B, 1)), loss)
    np.testing.assert_array_equal(found.forward, [T] * B)
    np.testing.assert_array_equal(found.backward, [-1, last, -1])
