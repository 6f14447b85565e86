"""The vanilla recurrent network of Elman (1990), forward beside backward."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.ad_checkpoint import checkpoint_name
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent.activations import get_activation
from recurrent.cells.common import (
    check_params,
    check_sizes,
    checked,
    dot,
    outer,
    preactivation,
    projection_gradients,
    zero_state,
)
from recurrent.initializers import Initializer, draw_bias, draw_blocks, glorot_uniform, orthogonal, zeros
from recurrent.types import Adjoint, Cell


class ElmanParams(NamedTuple):
    """Parameters of the vanilla cell: U, W and b."""

    input_kernel: Float[Array, "input hidden"]
    recurrent_kernel: Float[Array, "hidden hidden"]
    bias: Float[Array, "hidden"]


class ElmanTape(NamedTuple):
    """What the backward pass reads of one step."""

    h_tm1: Float[Array, "*batch hidden"]
    h_t: Float[Array, "*batch hidden"]


class ElmanDeltas(NamedTuple):
    """dE/dh_t in total, and dE/da_t at the pre-activation."""

    h: Float[Array, "*batch hidden"]
    a: Float[Array, "*batch hidden"]


def elman(
    input_size: int,
    hidden_size: int,
    *,
    activation: str | Callable[[Array], Array] = "tanh",
    kernel_init: Initializer = glorot_uniform,
    recurrent_init: Initializer = orthogonal(),
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell:
    """h_t = φ(x_t U + h_{t-1} W + b), y_t = h_t.

    Args:
      input_size: features of x_t.
      hidden_size: units of h_t.
      activation: φ, one of "tanh", "sigmoid", "relu", "identity", or any elementwise function of an array.
      kernel_init: initialiser of U.
      recurrent_init: initialiser of W.
      bias_init: initialiser of b.
      dtype: dtype of the matrix products; that of the parameters by default. The state is at least float32.
      param_dtype: dtype of the parameters.

    Raises:
      ValueError: a size is not a positive integer, or the activation is unknown.

    Reference: Elman (1990), Finding structure in time; backward: Werbos (1990), Backpropagation through time.
    """
    check_sizes("elman", input_size=input_size, hidden_size=hidden_size)
    phi = activation if callable(activation) else get_activation(activation).apply

    def init(key):
        k_input, k_recurrent, k_bias = jax.random.split(key, 3)
        return ElmanParams(
            input_kernel=draw_blocks(kernel_init, k_input, input_size, hidden_size, 1, param_dtype),
            recurrent_kernel=draw_blocks(recurrent_init, k_recurrent, hidden_size, hidden_size, 1, param_dtype),
            bias=draw_bias(bias_init, k_bias, hidden_size, 1, param_dtype),
        )

    def initial_state(params, batch_shape=()):
        check_params("elman", ElmanParams, params)
        return zero_state((*batch_shape, hidden_size), params)

    def step(params, h_tm1, x_t):
        checked("elman", ElmanParams, params, x_t, input_size, hidden_size)
        return _forward(params, h_tm1, dot(x_t, params.input_kernel, dtype), phi, dtype)

    return Cell(init, initial_state, step)


def _forward(params, h_tm1, z_t, phi, dtype):
    a_t = checkpoint_name(preactivation(params, z_t, h_tm1, dtype), "a")
    h_t = checkpoint_name(phi(a_t), "h")
    return h_t, h_t


def elman_adjoint(activation: str = "tanh", dtype: DTypeLike | None = None) -> Adjoint:
    """da_t = dh_t ⊙ φ'(a_t); dh_{t-1} = da_t W'; dW = Σ h_{t-1}' da_t; dU = Σ x_t' da_t; db = Σ da_t; dx_t = da_t U'.

    Args:
      activation: a named one.
      dtype: dtype of the matrix products.

    Raises:
      ValueError: the activation is unknown.
    """
    phi = get_activation(activation)

    def project(params, xs):
        return dot(xs, params.input_kernel, dtype)

    def advance(params, h_tm1, z_t):
        h_t, y_t = _forward(params, h_tm1, z_t, phi.apply, dtype)
        return h_t, y_t, ElmanTape(h_tm1, h_t)

    def retreat(params, tape_t, dh_t, dy_t):
        dh_t = dh_t + dy_t
        da_t = dh_t * phi.slope(tape_t.h_t)
        dh_tm1 = dot(da_t, params.recurrent_kernel.T, dtype)
        return dh_tm1, ElmanDeltas(h=dh_t, a=da_t)

    def collect(params, xs, tape, deltas):
        projected, dxs = projection_gradients(params, xs, deltas.a, dtype)
        return ElmanParams(**projected, recurrent_kernel=outer(tape.h_tm1, deltas.a, params.recurrent_kernel, dtype)), dxs

    return Adjoint(project, advance, retreat, collect)
