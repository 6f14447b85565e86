"""The adjoint of the vanilla cell, written by hand, against central differences, for every named activation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, random_array

from recurrent import elman
from recurrent.activations import ACTIVATIONS
from recurrent.cells import elman_adjoint

T, B, D, H, STEP = 4, 3, 2, 5, 1e-6


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_deltas_of_every_activation(activation):
    cell, adjoint = elman(D, H, activation=activation, param_dtype=jnp.float64), elman_adjoint(activation)
    params, xs, h = perturbed(cell.init(jax.random.key(0)), 1), random_array((B, D), 2), random_array((B, H), 3)
    dh, dy = random_array((B, H), 4), random_array((B, H), 5)
    h_t, y_t, tape = adjoint.advance(params, h, adjoint.project(params, xs))
    assert activation != "relu" or {*np.unique(h_t == 0)} == {True, False}
    dh_tm1, _ = adjoint.retreat(params, tape, dh, dy)

    def loss(h):
        return jnp.vdot(dh + dy, cell.step(params, h, xs)[0])

    for index in np.ndindex(B, H):
        ends = [loss(h.at[index].add(sign * STEP)) for sign in (1, -1)]
        np.testing.assert_allclose(dh_tm1[index], (ends[0] - ends[1]) / (2 * STEP), rtol=1e-5, atol=1e-8)
