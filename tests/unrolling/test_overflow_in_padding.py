"""What a cell would do with its last state after the end of its row reaches neither values nor gradients."""

import jax
import jax.numpy as jnp
import pytest
from helpers import random_array, relative_error

from recurrent import Cell, unroll

TOWER = Cell(
    init=lambda key: jnp.asarray([0.2, -0.3], jnp.float64),
    initial_state=lambda params, batch_shape=(): jnp.zeros((*batch_shape, 2)),
    step=lambda params, s, x_t: (jnp.exp(s) + params[None] * x_t,) * 2,
)
"""e^(e^(e^...)): a few steps stay finite, the next one overflows."""


@pytest.mark.parametrize("backprop", ["autodiff", "explicit"])
def test_a_padded_row_has_the_gradients_of_the_unpadded_row(backprop):
    params, xs = TOWER.init(jax.random.key(0)), random_array((8, 1, 2), 0)

    def loss(params, xs, **flags):
        final_state, ys = unroll(TOWER, params, xs, backprop=backprop, **flags)
        return jnp.sum(jnp.sin(jnp.log1p(final_state))) + jnp.sum(jnp.cos(ys[:2]))

    found = jax.jit(jax.grad(loss))(params, xs, lengths=jnp.array([4]))
    assert relative_error(found, jax.grad(loss)(params, xs[:4])) < 1e-10
