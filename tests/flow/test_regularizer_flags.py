"""The regulariser of a linear network under masks and resets against a loop back over the steps that count."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_array

from recurrent import elman
from recurrent.cells import ElmanParams
from recurrent.flow import flow_regularizer

T, B, H = 7, 3, 4
MASK = np.ones((T, B), bool)
MASK[[0, 3], 0] = False
MASK[4:, 1] = False
RESETS = np.zeros((T, B), bool)
RESETS[2, 2] = RESETS[3, 0] = True


def by_hand(kernel, probe, squared):
    """dL/dh_{t-1} = dL/dh_t W' for L = Σ_rows h_T · probe; a step counts where it is taken and its past is not cut off."""
    errors = []
    for row in range(B):
        gradient = probe
        for t in range(T - 1, -1, -1):
            before = gradient @ kernel.T if MASK[t, row] else gradient
            if MASK[t, row] and not RESETS[t, row] and np.any(gradient):
                ratio = np.sum(before**2) / np.sum(gradient**2)
                errors.append(((ratio if squared else np.sqrt(ratio)) - 1) ** 2)
            gradient = 0 * before if RESETS[t, row] else before
    return np.mean(errors)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("squared", [False, True])
def test_only_steps_that_carry_a_gradient_count(squared, exact):
    cell = elman(1, H, activation="identity", param_dtype=jnp.float64)
    params = ElmanParams(random_array((1, H), 1), random_array((H, H), 2) / 2, random_array((H,), 3))
    probe = random_array((H,), 4)
    omega = functools.partial(flow_regularizer, cell, squared=squared, exact=exact)
    found = jax.jit(functools.partial(omega, loss=lambda run: jnp.sum(run.final_state @ probe)))(
        params, random_array((T, B, 1), 5), mask=jnp.asarray(MASK), resets=jnp.asarray(RESETS)
    )
    np.testing.assert_allclose(found, by_hand(np.asarray(params.recurrent_kernel), np.asarray(probe), squared), rtol=1e-10)
