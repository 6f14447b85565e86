"""The minimal gated unit: a GRU with one gate for both of its two."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import sigmoid
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent.dense import add_bias, dot
from recurrent.factories import checked_cell, draw_kernels
from recurrent.initializers import Fused, Initializer, PerGate, glorot_uniform, orthogonal, zeros
from recurrent.made import remembered
from recurrent.types import Cell


class MGUParams(NamedTuple):
    """Parameters of the minimal gated unit; gate and candidate in the order f, n."""

    input_kernel: Float[Array, "input 2*hidden"]
    recurrent_kernel: Float[Array, "hidden 2*hidden"]
    bias: Float[Array, "2*hidden"]


@remembered
def mgu(
    input_size: int,
    hidden_size: int,
    *,
    kernel_init: Initializer | Fused = glorot_uniform,
    recurrent_init: Initializer | Fused = orthogonal(),
    bias_init: Initializer | PerGate = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[MGUParams, Array]:
    """h_t = (1 - f) ⊙ h_{t-1} + f ⊙ n, y_t = h_t, with 2h(h + d + 1) parameters.

    f = σ(x_t U_f + h_{t-1} W_f + b_f) and n = tanh(x_t U_n + (f ⊙ h_{t-1}) W_n + b_n): one gate in the place of both of
    `gru`. Where it is open (f = 1), this is `elman`. The options are those of all cells, see `recurrent.cells`.

    Reference: Zhou, Wu, Zhang & Zhou (2016), Minimal gated unit for recurrent neural networks, section 3.
    """
    inits = (kernel_init, recurrent_init, bias_init)

    def init(key):
        keys = jax.random.split(key, 3)
        return MGUParams(*draw_kernels(keys, (input_size, hidden_size), hidden_size, 2, inits, param_dtype))

    sizes = {"input": input_size, "hidden": hidden_size}
    step = functools.partial(mgu_step, dtype=dtype)
    return checked_cell("mgu", MGUParams, sizes, init, lambda zeros: zeros(hidden_size), step)


def mgu_step(params: MGUParams, h_tm1: Array, x_t: Array, dtype: DTypeLike | None = None) -> tuple[Array, Array]:
    """h_t, y_t of the minimal gated unit."""
    z_f, z_n = jnp.split(add_bias(dot(x_t, params.input_kernel, dtype), params.bias), 2, axis=-1)
    w_f, w_n = jnp.split(params.recurrent_kernel, 2, axis=-1)
    f = sigmoid(z_f + dot(h_tm1, w_f, dtype))
    n = jnp.tanh(z_n + dot(f * h_tm1, w_n, dtype))
    h_t = (1 - f) * h_tm1 + f * n
    return h_t, h_t
