"""Feed-forward layers, for cells that have several layers inside one time step."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent.cells.common import add_bias, check_sizes, dot
from recurrent.initializers import Initializer, draw_bias, draw_blocks


class DenseParams(NamedTuple):
    """Parameters of one feed-forward layer."""

    kernel: Float[Array, "input output"]
    bias: Float[Array, "output"]


def draw_layers(
    key: Array, sizes: Sequence[int], kernel_init: Initializer, bias_init: Initializer, dtype: Any
) -> tuple[DenseParams, ...]:
    """Draws one layer for every two neighbours among `sizes`."""
    layers = []
    for layer_key, rows, width in zip(jax.random.split(key, len(sizes) - 1), sizes[:-1], sizes[1:], strict=True):
        k_kernel, k_bias = jax.random.split(layer_key)
        kernel = draw_blocks(kernel_init, k_kernel, rows, width, 1, dtype)
        layers.append(DenseParams(kernel, draw_bias(bias_init, k_bias, width, 1, dtype)))
    return tuple(layers)


def multilayer(activations: Sequence[Callable[[Array], Array]], dtype: DTypeLike | None) -> Callable[[Any, Array], Array]:
    """Returns `(layers, x) -> y`: x <- φ(x K + b), layer by layer, for any leading axes."""

    def apply(layers, x):
        for phi, layer in zip(activations, layers, strict=True):
            x = phi(add_bias(dot(x, layer.kernel, dtype), layer.bias))
        return x

    return apply


def check_layer_sizes(name: str, sizes: Sequence[int]) -> None:
    """Raises ValueError unless `sizes` are the widths before and behind one or more layers."""
    if len(sizes) < 2:
        raise ValueError(f"{name}: sizes must name the widths before and behind at least one layer; got {tuple(sizes)}")
    check_sizes(name, **{f"sizes[{index}]": size for index, size in enumerate(sizes)})
