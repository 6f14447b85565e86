"""Maps from sequences to sequences, and their composition: cells in time, both directions, linear maps, embeddings.

Every layer outputs 0 at masked steps, so a padded row of a batch gets exactly what the unpadded row would get. Stacks of
bidirectional networks come in three forms, which are three expressions:

    merged at every layer   serial(bidirectional(a, b), bidirectional(c, d))
    two towers              bidirectional(stack(a, c), stack(b, d))
    alternating directions  serial(scanned(a), scanned(c, reverse=True))

The patterns of input and output are expressions, too:

    one to one              unroll(cell, params, x[None])[0]
    many to one             the final state of unroll, last_valid(ys, lengths), or mean_over_time(ys, mask)
    one to many             unroll(cell, params, at_first_step(x, T)) or at_every_step(x, T)
    many to many, aligned   unroll(cell, params, xs)[1]
    many to many, unaligned recurrent.seq2seq
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from recurrent import pytrees
from recurrent.cells.common import add_bias, check_params, check_sizes, dot
from recurrent.initializers import Initializer, glorot_uniform, normal, zeros
from recurrent.sequences import lengths_to_mask
from recurrent.types import Cell, Layer, PyTree
from recurrent.unrolling import Backprop, unroll


def scanned(
    cell: Cell, *, reverse: bool = False, backprop: Backprop = "autodiff", checkpoint_every: int | None = None
) -> Layer:
    """Runs a cell over the sequence from its initial state: ys = unroll(cell, params, xs)[1].

    Args:
      cell: any cell.
      reverse: run from the last step to the first.
      backprop: see `unroll`.
      checkpoint_every: see `unroll`.
    """

    def apply(params, xs, *, lengths=None, mask=None):
        options = {"reverse": reverse, "backprop": backprop, "checkpoint_every": checkpoint_every}
        return unroll(cell, params, xs, lengths=lengths, mask=mask, **options)[1]

    return Layer(cell.init, apply)


def serial(*layers: Layer) -> Layer:
    """Feeds each layer's output to the next; the params are a tuple.

    Raises:
      ValueError: no layers.
    """
    if not layers:
        raise ValueError("serial needs at least one layer; got none")

    def init(key):
        return tuple(layer.init(k) for layer, k in zip(layers, jax.random.split(key, len(layers)), strict=True))

    def apply(params, xs, *, lengths=None, mask=None):
        if len(params) != len(layers):
            raise ValueError(f"serial: expected params of {len(layers)} layers, got {len(params)}")
        for layer, layer_params in zip(layers, params, strict=True):
            xs = layer.apply(layer_params, xs, lengths=lengths, mask=mask)
        return xs

    return Layer(init, apply)


class BidirectionalParams(NamedTuple):
    """Parameters of the two directions."""

    forward: PyTree
    backward: PyTree


def bidirectional(
    forward: Cell, backward: Cell, *, merge: Literal["concat", "sum"] = "concat", backprop: Backprop = "autodiff"
) -> Layer:
    """y_t = [→y_t, ←y_t]: one cell reads the sequence forwards, the other backwards.

    A learned linear merge is `serial(bidirectional(a, b), linear(2 * h, k))`.

    Args:
      forward: reads x_1 ... x_T.
      backward: reads x_T ... x_1, each row from its own last valid step.
      merge: "concat" joins the two outputs along the features, "sum" adds them.
      backprop: see `unroll`.

    Raises:
      ValueError: an unknown merge, or a sum of outputs of different widths.

    Reference: Schuster & Paliwal (1997), Bidirectional recurrent neural networks.
    """
    if merge not in ("concat", "sum"):
        raise ValueError(f'merge must be "concat" or "sum"; got {merge!r} (a learned merge is a linear layer after "concat")')
    there, back = scanned(forward, backprop=backprop), scanned(backward, reverse=True, backprop=backprop)

    def init(key):
        k_forward, k_backward = jax.random.split(key)
        return BidirectionalParams(there.init(k_forward), back.init(k_backward))

    def apply(params, xs, *, lengths=None, mask=None):
        check_params("bidirectional", BidirectionalParams, params)
        left = there.apply(params.forward, xs, lengths=lengths, mask=mask)
        right = back.apply(params.backward, xs, lengths=lengths, mask=mask)
        if merge == "concat":
            return jax.tree.map(lambda a, b: jnp.concatenate([a, b], axis=-1), left, right)
        widths = [[leaf.shape[-1] for leaf in jax.tree.leaves(ys)] for ys in (left, right)]
        if widths[0] != widths[1]:
            raise ValueError(f'bidirectional: merge="sum" needs outputs of equal width; got {widths[0]} and {widths[1]}')
        return pytrees.add(left, right)

    return Layer(init, apply)


class LinearParams(NamedTuple):
    """Parameters of an affine map."""

    kernel: Float[Array, "input output"]
    bias: Float[Array, "output"]


def linear_map(params: LinearParams, x: Float[Array, "*lead input"]) -> Float[Array, "*lead output"]:
    """o = x V + c, for any leading axes."""
    return add_bias(dot(x, params.kernel, None), params.bias)


def linear(
    input_size: int, output_size: int, *, kernel_init: Initializer = glorot_uniform, bias_init: Initializer = zeros
) -> Layer:
    """o_t = x_t V + c, the same map at every step.

    Raises:
      ValueError: a size is not a positive integer, or inputs whose features do not fit.
    """
    check_sizes("linear", input_size=input_size, output_size=output_size)

    def init(key):
        k_kernel, k_bias = jax.random.split(key)
        return LinearParams(
            kernel_init(k_kernel, (input_size, output_size), jnp.float32), bias_init(k_bias, (output_size,), jnp.float32)
        )

    def apply(params, xs, *, lengths=None, mask=None):
        check_params("linear", LinearParams, params)
        if xs.shape[-1] != params.kernel.shape[0]:
            raise ValueError(f"linear: inputs must have {params.kernel.shape[0]} features in their last axis; got {xs.shape}")
        return _masked(lambda x: linear_map(params, x), xs, lengths, mask)

    return Layer(init, apply)


class EmbedParams(NamedTuple):
    """One vector per symbol."""

    table: Float[Array, "symbols features"]


def embed(num_symbols: int, features: int, *, table_init: Initializer = normal(1.0)) -> Layer:  # noqa: B008
    """x_t = table[token_t]: integers `[T, *batch]` to vectors `[T, *batch, features]`.

    Symbols outside 0 ... num_symbols - 1 act as the nearest one inside; the gradient of unused rows is 0.

    Raises:
      ValueError: a size is not a positive integer, or tokens that are not integers.
    """
    check_sizes("embed", num_symbols=num_symbols, features=features)

    def init(key):
        return EmbedParams(table_init(key, (num_symbols, features), jnp.float32))

    def apply(params, xs, *, lengths=None, mask=None):
        check_params("embed", EmbedParams, params)
        if not jnp.issubdtype(xs.dtype, jnp.integer):
            raise ValueError(f"embed: tokens must be integers [T, *batch]; got dtype {xs.dtype}")
        return _masked(lambda x: jnp.take(params.table, x, axis=0, mode="clip"), xs, lengths, mask, feature_axes=0)

    return Layer(init, apply)


def time_distributed(function: Callable[[PyTree], PyTree]) -> Layer:
    """Applies a function without parameters, such as `jax.nn.relu`, at every step; masked steps give 0."""

    def apply(params, xs, *, lengths=None, mask=None):
        del params
        return _masked(function, xs, lengths, mask)

    return Layer(lambda key: (), apply)


def at_first_step(x: Float[Array, "*batch features"], num_steps: int) -> Float[Array, "T *batch features"]:
    """x, 0, 0, ...: one input for a whole sequence, seen at the first step only."""
    return jnp.zeros((num_steps, *x.shape), x.dtype).at[0].set(x)


def at_every_step(x: Float[Array, "*batch features"], num_steps: int) -> Float[Array, "T *batch features"]:
    """x, x, x, ...: one input for a whole sequence, seen at every step."""
    return jnp.broadcast_to(x, (num_steps, *x.shape))


def last_valid(values: PyTree, lengths: Array) -> PyTree:
    """Picks the last valid step of every row, `[T, *batch, ...] -> [*batch, ...]`; 0 for rows of length 0."""
    steps = jnp.maximum(lengths - 1, 0)

    def pick(leaf):
        index = steps.reshape((1, *steps.shape) + (1,) * (leaf.ndim - 1 - steps.ndim))
        return jnp.take_along_axis(leaf, index, axis=0, mode="clip")[0]

    picked = jax.tree.map(pick, values)
    return pytrees.where(lengths > 0, picked, pytrees.zeros_like(picked))


def mean_over_time(values: Float[Array, "T *batch features"], mask: Array | None = None) -> Float[Array, "*batch features"]:
    """Averages the valid steps of every row; 0 for rows that have none."""
    if mask is None:
        return values.mean(axis=0)
    total = jnp.sum(pytrees.where(mask, values, jnp.zeros_like(values)), axis=0)
    return total / jnp.maximum(mask.sum(axis=0), 1).astype(values.dtype)[..., None]


def _masked(function, xs, lengths, mask, feature_axes: int = 1):
    """Applies a function and sets masked steps to 0, having kept their inputs from it."""
    if lengths is not None and mask is not None:
        raise ValueError("give either lengths or mask, not both: lengths_to_mask(lengths, T) & mask combines them")
    if lengths is not None:
        mask = lengths_to_mask(lengths, jax.tree.leaves(xs)[0].shape[0])
    if mask is None:
        return function(xs)
    expected = jax.tree.leaves(xs)[0].shape[: jax.tree.leaves(xs)[0].ndim - feature_axes]
    if mask.shape != expected:
        raise ValueError(f"mask must have shape [T, *batch] = {expected}; got {mask.shape}")
    ys = function(pytrees.where(mask, xs, pytrees.zeros_like(xs)))
    return pytrees.where(mask, ys, pytrees.zeros_like(ys))
