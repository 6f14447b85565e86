"""The plain recursive network."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent.activations import elementwise
from recurrent.dense import add_bias, dot
from recurrent.initializers import Initializer, draw, draw_bias, glorot_uniform, orthogonal, zeros
from recurrent.made import remembered
from recurrent.trees._cell import TreeCell, checked_tree_cell


class TreeElmanParams(NamedTuple):
    """Parameters of the plain node: U, a matrix W_k for every child, and b."""

    input_kernel: Float[Array, "input hidden"]
    child_kernels: Float[Array, "arity hidden hidden"]
    bias: Float[Array, "hidden"]


@remembered
def tree_elman(
    input_size: int,
    hidden_size: int,
    arity: int = 2,
    *,
    activation: str | Callable[[Array], Array] = "tanh",
    kernel_init: Initializer = glorot_uniform,
    recurrent_init: Initializer = orthogonal(),
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> TreeCell:
    """h = φ(x U + Σ_k h_k W_k + b), y = h, over the children k of a node; h_k = 0 of one that is not there.

    On a chain, with arity 1, it is `elman`. Every W_k is drawn by itself; φ and the other options are those of `elman`.

    Raises:
      ValueError: a size or arity that is not a positive integer; and as for all cells.

    Reference: Socher, Manning & Ng (2010), Learning continuous phrase representations and syntactic parsing with recursive
    neural networks, whose inner nodes have no x.
    """

    def init(key):
        k_input, k_children, k_bias = jax.random.split(key, 3)
        child_keys = jax.random.split(k_children, arity)
        return TreeElmanParams(
            draw(kernel_init, k_input, (input_size, hidden_size), param_dtype),
            jnp.stack([draw(recurrent_init, k, (hidden_size, hidden_size), param_dtype) for k in child_keys]),
            draw_bias(bias_init, k_bias, hidden_size, 1, param_dtype),
        )

    sizes = {"input": input_size, "hidden": hidden_size}
    compose = functools.partial(tree_elman_compose, phi=elementwise(activation), dtype=dtype)
    return checked_tree_cell("tree_elman", TreeElmanParams, sizes, init, lambda zeros: zeros(hidden_size), compose, arity)


def tree_elman_compose(
    params: TreeElmanParams,
    child_h: Array,
    child_mask: Array,
    x: Array,
    phi: Callable[[Array], Array] = jnp.tanh,
    dtype: DTypeLike | None = None,
) -> tuple[Array, Array]:
    """h, y of a plain node."""
    del child_mask  # the state of an absent child is 0
    h = phi(add_bias(dot(x, params.input_kernel, dtype) + from_children(child_h, params.child_kernels, dtype), params.bias))
    return h, h


def from_children(
    child_h: Float[Array, "*batch arity hidden"], kernels: Float[Array, "arity hidden width"], dtype: DTypeLike | None
) -> Float[Array, "*batch width"]:
    """Σ_k h_k W_k, as one product."""
    return dot(child_h.reshape(*child_h.shape[:-2], -1), kernels.reshape(-1, kernels.shape[-1]), dtype)
