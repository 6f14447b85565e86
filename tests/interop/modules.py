"""The networks that the tests of linen and nnx hold, and what they must give."""

import functools

import jax
import jax.numpy as jnp
from helpers import drawn, floats, random_array

import recurrent
from recurrent import unroll

T, B, INPUT, HIDDEN = 6, 3, 3, 4
F64 = jnp.float64
CELL = recurrent.stack(
    recurrent.lstm(INPUT, 2, param_dtype=F64), recurrent.learned_state(recurrent.elman(2, HIDDEN, param_dtype=F64))
)
LAYER = recurrent.serial(
    recurrent.bidirectional(*[recurrent.scanned(recurrent.elman(INPUT, 2, param_dtype=F64))] * 2),
    recurrent.layers.linear(4, HIDDEN, param_dtype=F64),
)
ARRAY = recurrent.Cell(
    init=lambda key: jax.random.normal(key, (INPUT, HIDDEN), F64),
    initial_state=lambda params, batch_shape=(): jnp.zeros((*batch_shape, HIDDEN), F64),
    step=lambda params, state, x_t: (jnp.tanh(state + x_t @ params),) * 2,
)
"""A cell whose params are one array."""

SHARDING = {"0/input_kernel": (None, "model"), "1/cell/bias": ("model",)}

XS = random_array((T, B, INPUT), 0)
PARAMS, STATE = drawn(CELL, batch=B)
FLAGS = {"lengths": jnp.array([6, 2, 4]), "resets": random_array((T, B), 3) > 0.7}


def weighted(outputs):
    """A loss that tells all outputs apart."""
    return sum(jnp.sum(random_array(leaf.shape, 4) * leaf) for leaf in floats(outputs))


@functools.cache
def expected():
    """(state, ys) of the cell, and the gradients of `weighted` by params and xs, by autodiff of the loop."""

    def loss(params, xs):
        outputs = unroll(CELL, params, xs, STATE, **FLAGS)
        return weighted(outputs), outputs

    gradients, outputs = jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))(PARAMS, XS)
    return outputs, gradients


def values_and_gradients(run, weights):
    """As `expected`, of a function of weights, whatever they are, and inputs."""

    def loss(weights, xs):
        outputs = run(weights, xs)
        return weighted(outputs), outputs

    return jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))(weights, XS)[::-1]
