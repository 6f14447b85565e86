"""The vanilla recurrent network of Elman (1990), forward beside backward."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.ad_checkpoint import checkpoint_name
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent.activations import elementwise, get_activation
from recurrent.dense import dot, outer, preactivation, projection_gradients
from recurrent.factories import checked_cell, draw_kernels
from recurrent.initializers import Initializer, glorot_uniform, orthogonal, zeros
from recurrent.made import remembered
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


@remembered
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
) -> Cell[ElmanParams, Array]:
    """h_t = φ(x_t U + h_{t-1} W + b), y_t = h_t.

    φ is "tanh", "sigmoid", "relu", "identity", or any elementwise function of an array; the other options are those of all
    cells, see `recurrent.cells`.

    >>> import jax
    >>> import recurrent
    >>> cell = recurrent.elman(3, 8, activation="relu")
    >>> params = cell.init(jax.random.key(0))
    >>> params.input_kernel.shape, params.recurrent_kernel.shape, params.bias.shape
    ((3, 8), (8, 8), (8,))

    Reference: Elman (1990), Finding structure in time; backward: Werbos (1990), Backpropagation through time.
    """
    inits = (kernel_init, recurrent_init, bias_init)

    def init(key):
        keys = jax.random.split(key, 3)
        return ElmanParams(*draw_kernels(keys, (input_size, hidden_size), hidden_size, 1, inits, param_dtype))

    sizes = {"input": input_size, "hidden": hidden_size}
    step = functools.partial(elman_step, phi=elementwise(activation), dtype=dtype)
    return checked_cell("elman", ElmanParams, sizes, init, lambda zeros: zeros(hidden_size), step)


def elman_adjoint(activation: str = "tanh", dtype: DTypeLike | None = None) -> Adjoint:
    """da_t = dh_t ⊙ φ'(a_t); dh_{t-1} = da_t W'; dW = Σ h_{t-1}' da_t; dU = Σ x_t' da_t; db = Σ da_t; dx_t = da_t U'.

    Raises:
      ValueError: the activation is not one of the named ones.
    """
    phi = get_activation(activation)
    return Adjoint(
        functools.partial(elman_project, dtype=dtype),
        functools.partial(elman_advance, phi=phi.apply, dtype=dtype),
        functools.partial(elman_retreat, slope=phi.slope, dtype=dtype),
        functools.partial(elman_collect, dtype=dtype),
    )


def elman_step(
    params: ElmanParams, h_tm1: Array, x_t: Array, phi: Callable[[Array], Array] = jnp.tanh, dtype: DTypeLike | None = None
) -> tuple[Array, Array]:
    """h_t, y_t of the vanilla cell."""
    return elman_advance(params, h_tm1, elman_project(params, x_t, dtype), phi, dtype)[:2]


def elman_project(params: ElmanParams, xs: Array, dtype: DTypeLike | None = None) -> Array:
    """z_t = x_t U."""
    return dot(xs, params.input_kernel, dtype)


def elman_advance(
    params: ElmanParams, h_tm1: Array, z_t: Array, phi: Callable[[Array], Array] = jnp.tanh, dtype: DTypeLike | None = None
) -> tuple[Array, Array, ElmanTape]:
    """h_t = φ(z_t + h_{t-1} W + b)."""
    a_t = checkpoint_name(preactivation(params, z_t, h_tm1, dtype), "a")
    h_t = checkpoint_name(phi(a_t), "h")
    return h_t, h_t, ElmanTape(h_tm1, h_t)


def elman_retreat(
    params: ElmanParams,
    tape_t: ElmanTape,
    dh_t: Array,
    dy_t: Array,
    slope: Callable[[Array], Array],
    dtype: DTypeLike | None = None,
) -> tuple[Array, ElmanDeltas]:
    """da_t = dh_t ⊙ φ'(a_t), dh_{t-1} = da_t W'."""
    dh_t = dh_t + dy_t
    da_t = dh_t * slope(tape_t.h_t)
    return dot(da_t, params.recurrent_kernel.T, dtype), ElmanDeltas(h=dh_t, a=da_t)


def elman_collect(
    params: ElmanParams, xs: Array, tape: ElmanTape, deltas: ElmanDeltas, dtype: DTypeLike | None = None
) -> tuple[ElmanParams, Array]:
    """dW = Σ h_{t-1}' da_t, dU = Σ x_t' da_t, db = Σ da_t, dx_t = da_t U'."""
    projected, dxs = projection_gradients(params, xs, deltas.a, dtype)
    return ElmanParams(**projected, recurrent_kernel=outer(tape.h_tm1, deltas.a, params.recurrent_kernel, dtype)), dxs
