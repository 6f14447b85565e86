"""Feed-forward layers before or behind a cell, inside one time step."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from recurrent import checks
from recurrent.activations import elementwise
from recurrent.dense import DenseParams, check_layers, dense, draw_dense
from recurrent.initializers import Initializer, glorot_uniform, zeros
from recurrent.made import remembered
from recurrent.types import Cell, Params, StepFn


class MLPCellParams(NamedTuple):
    """Parameters of a cell and of the layers before or behind it.

    Attributes:
      cell: parameters of the cell.
      layers: parameters of the feed-forward layers, in the order of the flow.
    """

    cell: Params
    layers: tuple[DenseParams, ...]


@remembered
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
    sizes, phi = tuple(sizes), elementwise(activation)

    def step(params, state, x_t):
        checks.features("mlp_input", x_t, sizes[0])
        for layer in params.layers:
            x_t = phi(dense(layer, x_t, dtype))
        return cell.step(params.cell, state, x_t)

    return _with_layers("mlp_input", cell, sizes, (kernel_init, bias_init), param_dtype, step)


@remembered
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
    sizes, phi = tuple(sizes), elementwise(activation)

    def step(params, state, x_t):
        state, u_t = cell.step(params.cell, state, x_t)
        checks.array("mlp_output", "the output of the cell", u_t)
        if u_t.shape[-1] != sizes[0]:
            raise ValueError(f"mlp_output: sizes start with {sizes[0]}, but the cell emits {u_t.shape[-1]} features")
        for layer in params.layers[:-1]:
            u_t = phi(dense(layer, u_t, dtype))
        return state, dense(params.layers[-1], u_t, dtype)

    return _with_layers("mlp_output", cell, sizes, (kernel_init, bias_init), param_dtype, step)


def _with_layers(
    name: str, cell: Cell, sizes: Sequence[int], inits: tuple[Initializer, Initializer], param_dtype: Any, step: StepFn
) -> Cell:
    if len(sizes) < 2:
        raise ValueError(f"{name}: sizes must name the widths before and behind at least one layer; got {tuple(sizes)}")
    checks.sizes(name, **{f"sizes[{index}]": size for index, size in enumerate(sizes)})

    def init(key):
        k_cell, k_layers = jax.random.split(key)
        pairs = zip(jax.random.split(k_layers, len(sizes) - 1), sizes[:-1], sizes[1:], strict=True)
        return MLPCellParams(cell.init(k_cell), tuple(draw_dense(k, a, b, *inits, param_dtype) for k, a, b in pairs))

    def initial_state(params, batch_shape=()):
        checks.params(name, params, MLPCellParams)
        return cell.initial_state(params.cell, batch_shape)

    def checked_step(params, state, x_t):
        checks.params(name, params, MLPCellParams)
        check_layers(name, params.layers, sizes)
        return step(params, state, x_t)

    return Cell(init, initial_state, checked_step)
