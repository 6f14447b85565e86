"""A cell as a user of the library would write it: three functions, and no word about a backward pass."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import sigmoid

from recurrent import Cell


class PeepholeParams(NamedTuple):
    """Kernels and bias of the gates i, f, g, o side by side, and the weights with which i, f and o see the cell state."""

    input_kernel: Array
    recurrent_kernel: Array
    bias: Array
    peep_i: Array
    peep_f: Array
    peep_o: Array


def peephole_lstm(input_size: int, hidden_size: int) -> Cell:
    """c_t = f ⊙ c_{t-1} + i ⊙ g, h_t = o ⊙ tanh(c_t), where i and f see p ⊙ c_{t-1} and o sees p ⊙ c_t, too.

    Reference: Gers, Schraudolph & Schmidhuber (2002), Learning precise timing with LSTM recurrent networks, section 3.
    """

    def init(key):
        k_input, k_recurrent, *k_peep = jax.random.split(key, 5)
        draw = lambda key, *shape: jax.random.normal(key, shape) / hidden_size**0.5  # noqa: E731
        kernels = draw(k_input, input_size, 4 * hidden_size), draw(k_recurrent, hidden_size, 4 * hidden_size)
        return PeepholeParams(*kernels, jnp.zeros(4 * hidden_size), *(draw(key, hidden_size) for key in k_peep))

    def initial_state(params, batch_shape=()):
        del params
        return jnp.zeros((*batch_shape, hidden_size)), jnp.zeros((*batch_shape, hidden_size))

    def step(params, state, x_t):
        c, h = state
        z = x_t @ params.input_kernel + h @ params.recurrent_kernel + params.bias
        i, f, g, o = jnp.split(z, 4, axis=-1)
        c = sigmoid(f + params.peep_f * c) * c + sigmoid(i + params.peep_i * c) * jnp.tanh(g)
        h = sigmoid(o + params.peep_o * c) * jnp.tanh(c)
        return (c, h), h

    return Cell(init, initial_state, step)
