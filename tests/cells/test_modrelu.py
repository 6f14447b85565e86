"""modReLU: complex numbers on the real axis, the linear network in the limit, and gradients that keep their norm."""

import jax
import jax.numpy as jnp
import numpy as np
from helpers import perturbed, random_array, relative_error

from recurrent import elman, gradient_decay, unroll
from recurrent.cells import modrelu
from recurrent.parametrizations import exponential
from recurrent.wrappers import reparametrized

T, B, D, H = 7, 3, 2, 4


def setting():
    cell = modrelu(D, H, param_dtype=jnp.float64)
    return cell, perturbed(cell.init(jax.random.key(0)), 1), random_array((T, B, D), 2), random_array((B, H), 3)


def test_equals_the_complex_definition():
    cell, params, xs, state = setting()
    u, w, b = map(np.asarray, params)
    z = np.asarray(state, complex)
    dead = 0
    for x_t in np.asarray(xs):
        z = x_t @ u + z @ w
        z = np.where(np.abs(z) + b >= 0, (np.abs(z) + b) * z / np.abs(z), 0)
        dead += np.sum(z == 0)
    assert 0 < dead < T * B * H / 2
    assert relative_error(jax.jit(lambda *a: unroll(cell, *a))(params, xs, state)[0], z.real) < 1e-12


def test_without_a_bias_it_is_the_linear_network():
    cell, params, xs, state = setting()
    params = params._replace(bias=jnp.zeros(H))
    expected = unroll(elman(D, H, activation="identity", param_dtype=jnp.float64), params, xs, state)
    assert relative_error(unroll(cell, params, xs, state), expected) < 1e-15


def test_an_orthogonal_kernel_and_a_positive_bias_keep_the_norm_of_every_gradient():
    cell = reparametrized(modrelu(D, H, param_dtype=jnp.float64), exponential())
    params = perturbed(cell.init(jax.random.key(0)), 1)
    params = params._replace(cell=params.cell._replace(bias=jnp.abs(params.cell.bias)))
    xs = random_array((T, B, D), 2)
    decay = jax.jit(lambda p, xs: gradient_decay(cell, p, xs, lambda h: jnp.sum(jnp.sin(h))).total)(params, xs)
    np.testing.assert_allclose(decay, np.broadcast_to(np.asarray(decay[-1]), decay.shape), atol=1e-12)
