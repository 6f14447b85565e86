"""One affine map, and one rule for dtypes, for all cells, layers and attention.

Products are computed in `dtype`, by default that of the parameters, and accumulated in at least float32, which is what states
are kept in. Parameters are drawn in at least float32 and stored in `param_dtype`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.initializers import Initializer, draw
from recurrent.pytrees import at_least_float32


class DenseParams(NamedTuple):
    """Parameters of an affine map."""

    kernel: Float[Array, "input output"]
    bias: Float[Array, "output"]


def dense(params: DenseParams, x: Float[Array, "*lead input"], dtype: DTypeLike | None = None) -> Float[Array, "*lead output"]:
    """o = x K + b, for any leading axes."""
    return add_bias(dot(x, params.kernel, dtype), params.bias)


def draw_dense(
    key: Array, input_size: int, output_size: int, kernel_init: Initializer, bias_init: Initializer, dtype: DTypeLike
) -> DenseParams:
    """Draws an affine map."""
    k_kernel, k_bias = jax.random.split(key)
    return DenseParams(
        draw(kernel_init, k_kernel, (input_size, output_size), dtype), draw(bias_init, k_bias, (output_size,), dtype)
    )


def check_layers(name: str, layers: Sequence[DenseParams], sizes: Sequence[int]) -> None:
    """Raises ValueError unless the affine maps lead from each size to the next."""
    if len(layers) != len(sizes) - 1:
        raise ValueError(f"{name}: params of {len(sizes) - 1} layers are expected; got {len(layers)}")
    for index, (layer, *widths) in enumerate(zip(layers, sizes[:-1], sizes[1:], strict=True)):
        checks.params(f"{name}, layer {index}", layer, DenseParams, input=widths[0], output=widths[1])


def dot(x: Array, kernel: Array, dtype: DTypeLike | None) -> Array:
    """X @ kernel with the operands in `dtype` (the kernel's by default), accumulated in the state dtype."""
    compute = kernel.dtype if dtype is None else dtype
    return jnp.dot(x.astype(compute), kernel.astype(compute), preferred_element_type=at_least_float32(kernel.dtype))


def add_bias(z: Array, bias: Array) -> Array:
    """Z + bias, in the dtype of z, for any leading axes."""
    return z + spread(bias, z)


def spread(vector: Array, like: Array) -> Array:
    """The vector in every row of an array, in its dtype."""
    return jnp.broadcast_to(vector.astype(like.dtype), like.shape)


def outer(x: Array, delta: Array, kernel: Array, dtype: DTypeLike | None) -> Array:
    """Σ x' delta over all leading axes: the gradient of `kernel` in `dot(x, kernel)`, as one product."""
    compute = kernel.dtype if dtype is None else dtype
    rows, columns = (a.astype(compute).reshape(-1, a.shape[-1]) for a in (x, delta))
    return jnp.dot(rows.T, columns, preferred_element_type=at_least_float32(kernel.dtype)).astype(kernel.dtype)


def sum_rows(delta: Array, bias: Array) -> Array:
    """Σ delta over all leading axes: the gradient of `bias`."""
    rows = delta.reshape(-1, delta.shape[-1])
    # as a product: on a CPU, a sum over rows runs on one core
    return jnp.dot(jnp.ones(len(rows), rows.dtype), rows).astype(bias.dtype)


def preactivation(params: Any, z_t: Array, h_tm1: Array, dtype: DTypeLike | None) -> Array:
    """a_t = z_t + h_{t-1} W + b with z_t = x_t U."""
    return add_bias(z_t + dot(h_tm1, params.recurrent_kernel, dtype), params.bias)


def projection_gradients(params: Any, xs: Array, dzs: Array, dtype: DTypeLike | None) -> tuple[dict[str, Array], Array]:
    """DU = Σ x_t' dz_t, db = Σ dz_t, dx_t = dz_t U': the backward pass of z_t = x_t U + b."""
    dparams = {"input_kernel": outer(xs, dzs, params.input_kernel, dtype), "bias": sum_rows(dzs, params.bias)}
    return dparams, dot(dzs, params.input_kernel.T, dtype).astype(xs.dtype)
