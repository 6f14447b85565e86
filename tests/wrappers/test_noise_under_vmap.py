"""Noise of rows that are vmapped over instead of batched: the rows' streams come from the keys that they are given."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_array

from recurrent import dropout, elman, unroll
from recurrent.wrappers import variational_dropout, zoneout

T, B, D, H = 6, 4, 3, 16
INNER = elman(D, H, param_dtype=jnp.float64)
PARAMS = INNER.init(jax.random.key(0))
XS = jnp.broadcast_to(random_array((T, 1, D), 1), (T, B, D))
WRAPS = {"dropout": dropout, "variational_dropout": variational_dropout, "zoneout": zoneout}
every_wrap = pytest.mark.parametrize("wrap", list(WRAPS))


@every_wrap
def test_rows_with_keys_of_their_own_draw_their_own_masks(wrap):
    def row(key, xs):
        return unroll(WRAPS[wrap](INNER, 0.5, key=key), PARAMS, xs)[1]

    ys = np.asarray(jax.jit(jax.vmap(row, in_axes=(0, 1)))(jax.random.split(jax.random.key(2), B), XS))
    for a in range(B):
        assert not any(np.array_equal(ys[a], ys[b]) for b in range(a))


@every_wrap
def test_rows_of_a_batch_draw_their_own_masks(wrap):
    ys = np.asarray(unroll(WRAPS[wrap](INNER, 0.5, key=jax.random.key(2)), PARAMS, XS)[1])
    for a in range(B):
        assert not any(np.array_equal(ys[:, a], ys[:, b]) for b in range(a))


@every_wrap
def test_the_documentation_says_that_rows_under_vmap_need_keys_of_their_own(wrap):
    assert "vmap" in WRAPS[wrap].__doc__
