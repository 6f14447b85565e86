"""Several layers from state to state inside one time step."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.activations import elementwise
from recurrent.dense import DenseParams, check_layers, dense, dot, draw_dense, preactivation
from recurrent.factories import checked_cell, draw_kernels
from recurrent.initializers import Initializer, draw_blocks, glorot_uniform, orthogonal, zeros
from recurrent.made import remembered
from recurrent.types import Cell


class DeepTransitionParams(NamedTuple):
    """Parameters of a cell with a deep transition; the first layer reads x_t and h_{t-1}, the last one writes h_t."""

    input_kernel: Float[Array, "input first"]
    recurrent_kernel: Float[Array, "hidden first"]
    bias: Float[Array, "first"]
    layers: tuple[DenseParams, ...]
    shortcut_kernel: Float[Array, "hidden hidden"] | None


@remembered
def deep_transition(
    input_size: int,
    hidden_size: int,
    widths: Sequence[int],
    *,
    shortcut: bool = False,
    activation: str | Callable[[Array], Array] = "tanh",
    kernel_init: Initializer = glorot_uniform,
    recurrent_init: Initializer = orthogonal(),
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[DeepTransitionParams, Array]:
    """u¹ = φ(x_t U + h_{t-1} W + b), uˡ = φ(uˡ⁻¹ Kˡ + bˡ), h_t = uᴸ = y_t: a deep hidden-to-hidden function.

    With `shortcut`, h_{t-1} S joins the last layer's pre-activation, so that a path of one layer leads from step to step.

    Args:
      input_size: features of x_t.
      hidden_size: units of h_t.
      widths: units of the layers between h_{t-1} and h_t, at least one; the depth L is one more.
      shortcut: connect h_{t-1} to the last layer.
      activation: φ, as for `elman`.
      kernel_init, bias_init, dtype, param_dtype: as for all cells.
      recurrent_init: of all that leads from state to state: W, the K and S.

    Raises:
      ValueError: there are no widths, or one is not a positive integer.

    Reference: Pascanu, Gulcehre, Cho & Bengio (2014), How to construct deep recurrent neural networks, section 3.2.2.
    """
    widths = tuple(widths)
    if not widths:
        raise ValueError("deep_transition: widths must name at least one layer between h_{t-1} and h_t; elman has none")
    checks.sizes("deep_transition", **{f"widths[{index}]": width for index, width in enumerate(widths)})
    inits = (kernel_init, recurrent_init, bias_init)

    def init(key):
        *keys, k_layers, k_shortcut = jax.random.split(key, 5)
        first = draw_kernels(keys, (input_size, hidden_size), widths[0], 1, inits, param_dtype)
        pairs = zip(jax.random.split(k_layers, len(widths)), widths, (*widths[1:], hidden_size), strict=True)
        layers = tuple(draw_dense(k, a, b, recurrent_init, bias_init, param_dtype) for k, a, b in pairs)
        shortcut_kernel = None
        if shortcut:
            shortcut_kernel = draw_blocks(recurrent_init, k_shortcut, hidden_size, hidden_size, 1, param_dtype)
        return DeepTransitionParams(*first, layers, shortcut_kernel)

    sizes = {"input": input_size, "hidden": hidden_size, "first": widths[0]}
    phi = elementwise(activation)

    def step(params, h_tm1, x_t):
        check_layers("deep_transition", params.layers, (*widths, hidden_size))
        return deep_transition_step(params, h_tm1, x_t, phi, dtype)

    return checked_cell("deep_transition", DeepTransitionParams, sizes, init, lambda zeros: zeros(hidden_size), step)


def deep_transition_step(
    params: DeepTransitionParams,
    h_tm1: Array,
    x_t: Array,
    phi: Callable[[Array], Array] = jnp.tanh,
    dtype: DTypeLike | None = None,
) -> tuple[Array, Array]:
    """h_t, y_t of a deep transition."""
    u = phi(preactivation(params, dot(x_t, params.input_kernel, dtype), h_tm1, dtype))
    for layer in params.layers[:-1]:
        u = phi(dense(layer, u, dtype))
    a = dense(params.layers[-1], u, dtype)
    if params.shortcut_kernel is not None:
        a = a + dot(h_tm1, params.shortcut_kernel, dtype)
    h_t = phi(a)
    return h_t, h_t
