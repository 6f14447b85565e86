"""Long short-term memory on trees: of children whose order does not count, and of children in their places."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import sigmoid
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent.cells import LSTMParams, LSTMState
from recurrent.dense import add_bias, dot
from recurrent.factories import draw_kernels
from recurrent.initializers import (
    Fused,
    Initializer,
    PerGate,
    draw_bias,
    draw_blocks,
    glorot_uniform,
    orthogonal,
    zeros,
)
from recurrent.made import remembered
from recurrent.trees._cell import TreeCell, checked_tree_cell
from recurrent.trees._elman import from_children


@remembered
def child_sum_lstm(
    input_size: int,
    hidden_size: int,
    *,
    kernel_init: Initializer | Fused = glorot_uniform,
    recurrent_init: Initializer | Fused = orthogonal(),
    bias_init: Initializer | PerGate = zeros,
    forget_bias: float = 1.0,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> TreeCell:
    """c = i ⊙ g + Σ_k f_k ⊙ c_k, h = o ⊙ tanh(c), y = h, over any number of children k, whose order does not count.

    i, o = σ(·) and g = tanh(·) of x U + (Σ_k h_k) W + b, and f_k = σ(·) of x U + h_k W + b, each with blocks of its own. The
    parameters are those of `lstm`, and so are the options; on a chain it is the same network.

    Raises:
      ValueError: a size that is not a positive integer; and as for all cells.

    Reference: Tai, Socher & Manning (2015), Improved semantic representations from tree-structured long short-term memory
    networks, equations 2-8.
    """
    inits = (kernel_init, recurrent_init, bias_init)

    def init(key):
        keys = jax.random.split(key, 3)
        params = LSTMParams(*draw_kernels(keys, (input_size, hidden_size), hidden_size, 4, inits, param_dtype))
        return params._replace(bias=_with_forget_bias(params.bias, hidden_size, forget_bias))

    sizes = {"input": input_size, "hidden": hidden_size}
    compose = functools.partial(child_sum_lstm_compose, dtype=dtype)
    return checked_tree_cell("child_sum_lstm", LSTMParams, sizes, init, _state_of(hidden_size), compose, None)


class NaryLSTMParams(NamedTuple):
    """Parameters of the N-ary tree LSTM; blocks of U and b in the order i, f, g, o, of the others i, f_1 ... f_N, g, o.

    `child_kernels[l]` leads from child l to all gates, the forget gates of the other children included.
    """

    input_kernel: Float[Array, "input 4*hidden"]
    child_kernels: Float[Array, "arity hidden (3+arity)*hidden"]
    bias: Float[Array, "4*hidden"]


@remembered
def nary_lstm(
    input_size: int,
    hidden_size: int,
    arity: int = 2,
    *,
    kernel_init: Initializer | Fused = glorot_uniform,
    recurrent_init: Initializer | Fused = orthogonal(),
    bias_init: Initializer | PerGate = zeros,
    forget_bias: float = 1.0,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> TreeCell:
    """c = i ⊙ g + Σ_k f_k ⊙ c_k, h = o ⊙ tanh(c), y = h, over the children k in their places.

    i, o, f_k = σ(·) and g = tanh(·) of x U + Σ_l h_l W_l + b, each with blocks of its own: every h_l has a part in every f_k,
    but all f_k share U_f and b_f. A child that is not there has c_k = 0 and h_k = 0. The options are those of `lstm`;
    `recurrent_init` draws every W_l block by block. On a chain, with arity 1, it is `lstm`.

    Raises:
      ValueError: a size or arity that is not a positive integer; and as for all cells.

    Reference: Tai, Socher & Manning (2015), Improved semantic representations from tree-structured long short-term memory
    networks, equations 9-14.
    """

    def init(key):
        k_input, k_children, k_bias = jax.random.split(key, 3)
        child_keys, gates = jax.random.split(k_children, arity), 3 + arity
        return NaryLSTMParams(
            draw_blocks(kernel_init, k_input, input_size, hidden_size, 4, param_dtype),
            jnp.stack([draw_blocks(recurrent_init, k, hidden_size, hidden_size, gates, param_dtype) for k in child_keys]),
            _with_forget_bias(draw_bias(bias_init, k_bias, hidden_size, 4, param_dtype), hidden_size, forget_bias),
        )

    sizes = {"input": input_size, "hidden": hidden_size}
    compose = functools.partial(nary_lstm_compose, dtype=dtype)
    return checked_tree_cell("nary_lstm", NaryLSTMParams, sizes, init, _state_of(hidden_size), compose, arity)


def child_sum_lstm_compose(
    params: LSTMParams, children: LSTMState, child_mask: Array, x: Array, dtype: DTypeLike | None = None
) -> tuple[LSTMState, Array]:
    """(c, h), y of a child-sum node."""
    del child_mask  # the state of an absent child is 0
    w_i, w_f, w_g, w_o = jnp.split(params.recurrent_kernel, 4, axis=-1)
    z_i, z_f, z_g, z_o = jnp.split(add_bias(dot(x, params.input_kernel, dtype), params.bias), 4, axis=-1)
    summed = dot(children.h.sum(axis=-2), jnp.concatenate([w_i, w_g, w_o], axis=-1), dtype)
    s_i, s_g, s_o = jnp.split(summed, 3, axis=-1)
    f = sigmoid(z_f[..., None, :] + dot(children.h, w_f, dtype))
    return _node(z_i + s_i, f, z_g + s_g, z_o + s_o, children.c)


def nary_lstm_compose(
    params: NaryLSTMParams, children: LSTMState, child_mask: Array, x: Array, dtype: DTypeLike | None = None
) -> tuple[LSTMState, Array]:
    """(c, h), y of an N-ary node."""
    del child_mask  # the state of an absent child is 0
    arity = params.child_kernels.shape[0]
    z_i, z_f, z_g, z_o = jnp.split(add_bias(dot(x, params.input_kernel, dtype), params.bias), 4, axis=-1)
    s_i, *s_f, s_g, s_o = jnp.split(from_children(children.h, params.child_kernels, dtype), 3 + arity, axis=-1)
    f = sigmoid(z_f[..., None, :] + jnp.stack(s_f, axis=-2))
    return _node(z_i + s_i, f, z_g + s_g, z_o + s_o, children.c)


def _node(z_i: Array, f: Array, z_g: Array, z_o: Array, child_c: Array) -> tuple[LSTMState, Array]:
    """c = σ(z_i) ⊙ tanh(z_g) + Σ_k f_k ⊙ c_k, h = σ(z_o) ⊙ tanh(c)."""
    c = sigmoid(z_i) * jnp.tanh(z_g) + (f * child_c).sum(axis=-2)
    h = sigmoid(z_o) * jnp.tanh(c)
    return LSTMState(c, h), h


def _with_forget_bias(bias: Array, hidden_size: int, forget_bias: float) -> Array:
    return bias.at[hidden_size : 2 * hidden_size].add(forget_bias)


def _state_of(hidden_size: int):
    return lambda zeros: LSTMState(zeros(hidden_size), zeros(hidden_size))
