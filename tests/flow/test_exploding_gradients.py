"""The regulariser where it is needed: gradients that leave the range of float32 on their way back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_array

from recurrent import elman
from recurrent.flow import flow_regularizer

T, B, H = 80, 3, 5


def explosive(dtype):
    cell = elman(2, H, activation="relu", param_dtype=dtype)
    params = cell.init(jax.random.key(0))
    kernel = 0.8 + 3 * jnp.abs(random_array((H, H), 1, dtype))
    return cell, params._replace(recurrent_kernel=kernel)


def regularizer(dtype, **options):
    cell, params = explosive(dtype)
    xs = jnp.abs(random_array((T, B, 2), 2, dtype)) * 1e-30
    state = jnp.abs(random_array((B, H), 3, dtype)) * 1e-30
    loss = lambda run: jnp.sum(run.ys[-1] * random_array((B, H), 4, dtype)) * 1e-3  # noqa: E731

    def of_kernel(kernel):
        return flow_regularizer(cell, params._replace(recurrent_kernel=kernel), xs, loss, state, **options)

    return jax.jit(jax.value_and_grad(of_kernel))(params.recurrent_kernel)


@pytest.mark.parametrize("squared", [True, False])
def test_float32_agrees_with_float64(squared):
    (value, gradient), (expected, wanted) = (regularizer(dtype, squared=squared) for dtype in (jnp.float32, jnp.float64))
    assert expected > 1
    np.testing.assert_allclose(value, expected, rtol=1e-4)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-3, atol=1e-5 * float(np.max(np.abs(wanted))))
