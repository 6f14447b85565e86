"""The network with the activation that moves no state off its ray."""

import functools

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from recurrent.cells._elman import ElmanParams
from recurrent.dense import add_bias, dot
from recurrent.factories import checked_cell, draw_kernels
from recurrent.initializers import Initializer, glorot_uniform, orthogonal, zeros
from recurrent.made import remembered
from recurrent.types import Cell


@remembered
def modrelu(
    input_size: int,
    hidden_size: int,
    *,
    kernel_init: Initializer = glorot_uniform,
    recurrent_init: Initializer = orthogonal(),
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[ElmanParams, Array]:
    """h_t = sign(z_t) ⊙ max(|z_t| + b, 0) with z_t = x_t U + h_{t-1} W, y_t = h_t: the modReLU of real numbers.

    A unit of b = 0 is linear; the slope is 1 or, in the dead zone |z| ≤ -b, 0, so that an orthogonal W passes gradients on
    without loss where no unit is dead. Options as for all cells.

    Reference: Arjovsky, Shah & Bengio (2016), Unitary evolution recurrent neural networks, section 4.2.
    """
    inits = (kernel_init, recurrent_init, bias_init)

    def init(key):
        keys = jax.random.split(key, 3)
        return ElmanParams(*draw_kernels(keys, (input_size, hidden_size), hidden_size, 1, inits, param_dtype))

    sizes = {"input": input_size, "hidden": hidden_size}
    step = functools.partial(modrelu_step, dtype=dtype)
    return checked_cell("modrelu", ElmanParams, sizes, init, lambda zeros: zeros(hidden_size), step)


def modrelu_step(params: ElmanParams, h_tm1: Array, x_t: Array, dtype: DTypeLike | None = None) -> tuple[Array, Array]:
    """h_t, y_t of the modReLU network."""
    z_t = dot(x_t, params.input_kernel, dtype) + dot(h_tm1, params.recurrent_kernel, dtype)
    h_t = jnp.sign(z_t) * jax.nn.relu(add_bias(jnp.abs(z_t), params.bias))
    return h_t, h_t
