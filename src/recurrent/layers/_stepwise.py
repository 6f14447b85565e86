"""Layers that treat every step apart: linear maps, embeddings, functions."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks, pytrees
from recurrent.dense import DenseParams, dense, draw_dense
from recurrent.initializers import Initializer, draw, glorot_uniform, normal, zeros
from recurrent.made import remembered
from recurrent.sequences import mask_of, without_padding
from recurrent.types import InitFn, Layer, Params, PyTree


@remembered
def linear(
    input_size: int,
    output_size: int,
    *,
    kernel_init: Initializer = glorot_uniform,
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Layer:
    """o_t = x_t V + c, the same map at every step, in the dtype of the inputs; `dtype` is that of the products.

    Raises:
      ValueError: a size is not a positive integer; when run, inputs or params of other sizes.
    """
    checks.sizes("linear", input_size=input_size, output_size=output_size)

    def map_step(params, xs):
        checks.params("linear", params, DenseParams, input=input_size, output=output_size)
        checks.features("linear", xs, input_size)
        ys = dense(params, xs, dtype)
        return ys.astype(xs.dtype) if pytrees.is_inexact(xs) else ys

    return _stepwise(lambda key: draw_dense(key, input_size, output_size, kernel_init, bias_init, param_dtype), map_step)


class EmbedParams(NamedTuple):
    """One vector per symbol."""

    table: Float[Array, "symbols features"]


@remembered
def embed(
    num_symbols: int,
    features: int,
    *,
    table_init: Initializer = normal(1.0),  # noqa: B008
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Layer:
    """x_t = table[token_t]: integers `[T, *batch]` to vectors `[T, *batch, features]`, in `dtype`, or else that of the table.

    Symbols outside 0 ... num_symbols - 1 act as the nearest one inside; the gradient of unused rows is 0.

    Raises:
      ValueError: a size is not a positive integer; when run, tokens that are not integers, or params of other sizes.
    """
    checks.sizes("embed", num_symbols=num_symbols, features=features)

    def look_up(params, tokens):
        checks.params("embed", params, EmbedParams, symbols=num_symbols, features=features)
        if not jnp.issubdtype(tokens.dtype, jnp.integer):
            raise ValueError(f"embed: tokens must be integers [T, *batch]; got dtype {tokens.dtype}")
        vectors = jnp.take(params.table, tokens, axis=0, mode="clip")
        return vectors if dtype is None else vectors.astype(dtype)

    def init(key):
        return EmbedParams(draw(table_init, key, (num_symbols, features), param_dtype))

    return _stepwise(init, look_up, feature_axes=0)


@remembered
def time_distributed(function: Callable[[PyTree], PyTree]) -> Layer:
    """Applies a function without parameters, such as `jax.nn.relu`, at every step; masked steps give 0."""
    return _stepwise(lambda key: (), lambda params, xs: function(xs))


def _stepwise(init: InitFn, function: Callable[[Params, PyTree], PyTree], feature_axes: int = 1) -> Layer:
    """The layer of a function of `(params, xs)`: masked steps keep their inputs from it, and give 0. It has no state."""

    def apply(params, xs, state=None, *, lengths=None, mask=None, resets=None):
        del state, resets
        shape = jax.tree.leaves(xs)[0].shape
        mask = mask_of(lengths, mask, shape[0], shape[1 : len(shape) - feature_axes])
        if mask is None:
            return (), function(params, xs)
        ys = function(params, without_padding(xs, mask))
        return (), pytrees.where(mask, ys, pytrees.zeros_like(ys))

    return Layer(init, apply, against_time=apply)
