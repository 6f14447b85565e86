"""Symbols outside the table."""

import jax
import jax.numpy as jnp
import numpy as np

from recurrent.layers import embed


def test_they_act_as_the_nearest_one_inside():
    layer = embed(7, 3)
    params = layer.init(jax.random.key(0))
    tokens, nearest = jnp.array([[-100, -1, 0], [6, 7, 100]]), [[0, 0, 0], [6, 6, 6]]
    np.testing.assert_array_equal(layer.apply(params, tokens)[1], np.asarray(params.table)[nearest])
