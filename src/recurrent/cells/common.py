"""What the cells share: products in the computation dtype, and checks that name the mistake."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike


def state_dtype(param_dtype: DTypeLike) -> Any:
    """States and accumulations are at least float32, whatever the parameters are stored in."""
    return jnp.float32 if jnp.finfo(param_dtype).bits < 32 else jnp.dtype(param_dtype)


def dot(x: Array, kernel: Array, dtype: DTypeLike | None) -> Array:
    """X @ kernel with the operands in `dtype` (the kernel's by default), accumulated in the state dtype."""
    compute = kernel.dtype if dtype is None else dtype
    return jnp.dot(x.astype(compute), kernel.astype(compute), preferred_element_type=state_dtype(kernel.dtype))


def add_bias(z: Array, bias: Array) -> Array:
    """Z + bias, in the dtype of z, for any leading axes."""
    return z + jnp.broadcast_to(bias.astype(z.dtype), z.shape)


def outer(x: Array, delta: Array, kernel: Array, dtype: DTypeLike | None) -> Array:
    """Σ x' delta over all leading axes: the gradient of `kernel` in `dot(x, kernel)`, as one product."""
    compute = kernel.dtype if dtype is None else dtype
    rows, columns = (a.astype(compute).reshape(-1, a.shape[-1]) for a in (x, delta))
    return jnp.dot(rows.T, columns, preferred_element_type=state_dtype(kernel.dtype)).astype(kernel.dtype)


def sum_rows(delta: Array, bias: Array) -> Array:
    """Σ delta over all leading axes: the gradient of `bias`."""
    rows = delta.reshape(-1, delta.shape[-1])
    # as a product: on a CPU, a sum over rows runs on one core
    return jnp.dot(jnp.ones(len(rows), rows.dtype), rows).astype(bias.dtype)


def check_sizes(name: str, **sizes: int) -> None:
    """Raises ValueError unless every size is a positive integer."""
    for size_name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name}: {size_name} must be a positive integer; got {size!r}")


def check_params(name: str, params_type: type, params: Any) -> None:
    """Raises ValueError if the params belong to another cell."""
    if not isinstance(params, params_type):
        raise ValueError(
            f"{name}: expected params of type {params_type.__name__}, got {type(params).__name__}; "
            f"draw them with the init of this very cell"
        )


def check_sizes_agree(name: str, params: Any, input_size: int, hidden_size: int) -> None:
    """Raises ValueError if params of the right type were drawn for a cell of other sizes."""
    found = (params.input_kernel.shape[0], params.recurrent_kernel.shape[0])
    if found != (input_size, hidden_size):
        raise ValueError(
            f"{name}: this cell has input_size={input_size} and hidden_size={hidden_size}, but the params were drawn for "
            f"input_size={found[0]} and hidden_size={found[1]}; draw them with the init of this very cell"
        )


def check_features(name: str, x: Any, input_size: int) -> None:
    """Raises ValueError if the last axis of the inputs does not have `input_size` features."""
    shape = jnp.shape(x)
    if not shape or shape[-1] != input_size:
        raise ValueError(
            f"{name}: inputs must have {input_size} features in their last axis; got shape {tuple(shape)} "
            f"(sequences are time-major, [T, *batch, features])"
        )


def check_array(name: str, what: str, value: Any) -> None:
    """Raises ValueError unless `value` is one array with a feature axis."""
    if not hasattr(value, "shape") or not value.shape:
        raise ValueError(f"{name}: {what} must be one array with features in its last axis; got {jax.tree.structure(value)}")


def zero_state(shape: tuple[int, ...], params: Any) -> Array:
    """A state leaf of zeros in the dtype that goes with the params."""
    return jnp.zeros(shape, state_dtype(params.bias.dtype))


def checked(name: str, params_type: type, params: Any, x_t: Any, input_size: int, hidden_size: int) -> None:
    """Raises ValueError unless params and input are those of a cell with an input and a recurrent kernel of these sizes."""
    check_params(name, params_type, params)
    check_sizes_agree(name, params, input_size, hidden_size)
    check_features(name, x_t, input_size)


def preactivation(params: Any, z_t: Array, h_tm1: Array, dtype: DTypeLike | None) -> Array:
    """a_t = z_t + h_{t-1} W + b with z_t = x_t U."""
    return add_bias(z_t + dot(h_tm1, params.recurrent_kernel, dtype), params.bias)


def projection_gradients(params: Any, xs: Array, dzs: Array, dtype: DTypeLike | None) -> tuple[dict[str, Array], Array]:
    """DU = Σ x_t' dz_t, db = Σ dz_t, dx_t = dz_t U': the backward pass of z_t = x_t U + b."""
    dparams = {"input_kernel": outer(xs, dzs, params.input_kernel, dtype), "bias": sum_rows(dzs, params.bias)}
    return dparams, dot(dzs, params.input_kernel.T, dtype).astype(xs.dtype)
