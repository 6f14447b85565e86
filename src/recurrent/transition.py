"""Several layers inside one time step: between input and state, between state and output, and from state to state."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent.activations import get_activation
from recurrent.cells.common import (
    add_bias,
    check_array,
    check_features,
    check_params,
    check_sizes,
    checked,
    dot,
    preactivation,
    zero_state,
)
from recurrent.cells.feedforward import DenseParams, check_layer_sizes, draw_layers, multilayer
from recurrent.initializers import Initializer, draw_bias, draw_blocks, glorot_uniform, orthogonal, zeros
from recurrent.types import Cell, Params


class MLPCellParams(NamedTuple):
    """Parameters of a cell and of the layers before or behind it.

    Attributes:
      cell: parameters of the cell.
      layers: parameters of the feed-forward layers, in the order of the flow.
    """

    cell: Params
    layers: tuple[DenseParams, ...]


def mlp_input(
    cell: Cell,
    sizes: Sequence[int],
    *,
    activation: str | Callable[[Array], Array] = "tanh",
    kernel_init: Initializer = glorot_uniform,
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell:
    """The cell reads φ(... φ(x_t K₁ + b₁) ... K_n + b_n) in the place of x_t: a deep input-to-hidden function.

    Args:
      cell: a cell that reads `sizes[-1]` features.
      sizes: widths from x_t to the cell's input, such as `(3, 32, 16)`; at least two.
      activation: φ, behind every layer: "tanh", "relu", "sigmoid", "identity", or any elementwise function of an array.
      kernel_init: initialiser of the K.
      bias_init: initialiser of the b.
      dtype: dtype of the layers' products; that of the parameters by default.
      param_dtype: dtype of the layers' parameters.

    Raises:
      ValueError: fewer than two sizes, one that is not a positive integer, or an unknown activation; when run, inputs of
        another width.

    Reference: Pascanu, Gulcehre, Cho & Bengio (2014), How to construct deep recurrent neural networks, section 3.2.1.
    """
    check_layer_sizes("mlp_input", sizes)
    phi = _elementwise(activation)
    mlp = multilayer([phi] * (len(sizes) - 1), dtype)

    def step(params, state, x_t):
        check_params("mlp_input", MLPCellParams, params)
        check_features("mlp_input", x_t, sizes[0])
        return cell.step(params.cell, state, mlp(params.layers, x_t))

    init = _mlp_cell_init(cell, sizes, kernel_init, bias_init, param_dtype)
    return Cell(init, _initial_state_inside("mlp_input", cell), step)


def mlp_output(
    cell: Cell,
    sizes: Sequence[int],
    *,
    activation: str | Callable[[Array], Array] = "tanh",
    kernel_init: Initializer = glorot_uniform,
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell:
    """y_t = φ(... φ(u_t K₁ + b₁) ...) K_n + b_n of the cell's output u_t: a deep hidden-to-output function.

    The last layer is linear; with two sizes, it is all there is: a linear readout.

    Args:
      cell: a cell whose output is one array of `sizes[0]` features.
      sizes: widths from the cell's output to y_t, such as `(64, 32, 10)`; at least two.
      activation: φ, behind every layer but the last: "tanh", "relu", "sigmoid", "identity", or any elementwise function.
      kernel_init: initialiser of the K.
      bias_init: initialiser of the b.
      dtype: dtype of the layers' products; that of the parameters by default.
      param_dtype: dtype of the layers' parameters.

    Raises:
      ValueError: fewer than two sizes, one that is not a positive integer, or an unknown activation; when run, a cell whose
        output has another width.

    Reference: Pascanu, Gulcehre, Cho & Bengio (2014), How to construct deep recurrent neural networks, section 3.2.3.
    """
    check_layer_sizes("mlp_output", sizes)
    phi = _elementwise(activation)
    mlp = multilayer([phi] * (len(sizes) - 2) + [lambda a: a], dtype)

    def step(params, state, x_t):
        check_params("mlp_output", MLPCellParams, params)
        state, u_t = cell.step(params.cell, state, x_t)
        check_array("mlp_output", "the output of the cell", u_t)
        if u_t.shape[-1] != sizes[0]:
            raise ValueError(
                f"mlp_output: the first layer reads {sizes[0]} features, but the cell emits {u_t.shape[-1]}; "
                f"let sizes start with {u_t.shape[-1]}"
            )
        return state, mlp(params.layers, u_t)

    init = _mlp_cell_init(cell, sizes, kernel_init, bias_init, param_dtype)
    return Cell(init, _initial_state_inside("mlp_output", cell), step)


class DeepTransitionParams(NamedTuple):
    """Parameters of a cell with a deep transition; the first layer reads x_t and h_{t-1}, the last one writes h_t."""

    input_kernel: Float[Array, "input first"]
    recurrent_kernel: Float[Array, "hidden first"]
    bias: Float[Array, "first"]
    layers: tuple[DenseParams, ...]
    shortcut_kernel: Float[Array, "hidden hidden"] | None


def deep_transition(
    input_size: int,
    hidden_size: int,
    widths: Sequence[int],
    *,
    shortcut: bool = False,
    activation: str = "tanh",
    kernel_init: Initializer = glorot_uniform,
    recurrent_init: Initializer = orthogonal(),
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell:
    """u¹ = φ(x_t U + h_{t-1} W + b), uˡ = φ(uˡ⁻¹ Kˡ + bˡ), h_t = uᴸ = y_t: a deep hidden-to-hidden function.

    With `shortcut`, h_{t-1} S joins the last layer's pre-activation, so that a path of one layer leads from step to step.

    Args:
      input_size: features of x_t.
      hidden_size: units of h_t.
      widths: units of the layers between h_{t-1} and h_t, at least one; the depth L is one more.
      shortcut: connect h_{t-1} to the last layer.
      activation: φ, one of "tanh", "sigmoid", "relu", "identity".
      kernel_init: initialiser of U.
      recurrent_init: initialiser of all that leads from state to state: W, the K and S.
      bias_init: initialiser of the biases.
      dtype: dtype of the matrix products; that of the parameters by default. The state is at least float32.
      param_dtype: dtype of the parameters.

    Raises:
      ValueError: a size is not a positive integer, there are no widths, or the activation is unknown.

    Reference: Pascanu, Gulcehre, Cho & Bengio (2014), How to construct deep recurrent neural networks, section 3.2.2.
    """
    check_sizes("deep_transition", input_size=input_size, hidden_size=hidden_size)
    if not widths:
        raise ValueError("deep_transition: widths must name at least one layer between h_{t-1} and h_t; elman has none")
    check_sizes("deep_transition", **{f"widths[{index}]": width for index, width in enumerate(widths)})
    phi = get_activation(activation).apply

    def init(key):
        k_input, k_recurrent, k_bias, k_layers, k_shortcut = jax.random.split(key, 5)
        return DeepTransitionParams(
            input_kernel=draw_blocks(kernel_init, k_input, input_size, widths[0], 1, param_dtype),
            recurrent_kernel=draw_blocks(recurrent_init, k_recurrent, hidden_size, widths[0], 1, param_dtype),
            bias=draw_bias(bias_init, k_bias, widths[0], 1, param_dtype),
            layers=draw_layers(k_layers, (*widths, hidden_size), recurrent_init, bias_init, param_dtype),
            shortcut_kernel=draw_blocks(recurrent_init, k_shortcut, hidden_size, hidden_size, 1, param_dtype)
            if shortcut
            else None,
        )

    def initial_state(params, batch_shape=()):
        check_params("deep_transition", DeepTransitionParams, params)
        return zero_state((*batch_shape, hidden_size), params)

    def step(params, h_tm1, x_t):
        checked("deep_transition", DeepTransitionParams, params, x_t, input_size, hidden_size)
        h_t = phi(preactivation(params, dot(x_t, params.input_kernel, dtype), h_tm1, dtype))
        for index, layer in enumerate(params.layers):
            a = add_bias(dot(h_t, layer.kernel, dtype), layer.bias)
            if shortcut and index == len(params.layers) - 1:
                a = a + dot(h_tm1, params.shortcut_kernel, dtype)
            h_t = phi(a)
        return h_t, h_t

    return Cell(init, initial_state, step)


def _mlp_cell_init(cell: Cell, sizes, kernel_init, bias_init, param_dtype):
    def init(key):
        k_cell, k_layers = jax.random.split(key)
        return MLPCellParams(cell.init(k_cell), draw_layers(k_layers, sizes, kernel_init, bias_init, param_dtype))

    return init


def _initial_state_inside(name: str, cell: Cell):
    def initial_state(params, batch_shape=()):
        check_params(name, MLPCellParams, params)
        return cell.initial_state(params.cell, batch_shape)

    return initial_state


def _elementwise(activation: str | Callable[[Array], Array]) -> Callable[[Array], Array]:
    return activation if callable(activation) else get_activation(activation).apply
