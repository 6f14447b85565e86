"""The gated recurrent unit in its two published forms, forward beside backward.

They differ in where the reset gate acts: on the state before the recurrent product (2014, v3), or on the product (v1, cuDNN).
Both share parameters' names and the order r, z, n; the second has one bias more.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.ad_checkpoint import checkpoint_name
from jax.nn import sigmoid
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent.cells.common import (
    add_bias,
    check_params,
    check_sizes,
    checked,
    dot,
    outer,
    projection_gradients,
    sum_rows,
    zero_state,
)
from recurrent.initializers import Fused, Initializer, PerGate, draw_bias, draw_blocks, glorot_uniform, orthogonal, zeros
from recurrent.types import Adjoint, Cell


class GRUParams(NamedTuple):
    """Parameters of the GRU that resets before the product; gates in the order r, z, n."""

    input_kernel: Float[Array, "input 3*hidden"]
    recurrent_kernel: Float[Array, "hidden 3*hidden"]
    bias: Float[Array, "3*hidden"]


class ResetAfterGRUParams(NamedTuple):
    """Parameters of the GRU that resets after the product; `recurrent_bias` is b_hn, inside the reset."""

    input_kernel: Float[Array, "input 3*hidden"]
    recurrent_kernel: Float[Array, "hidden 3*hidden"]
    bias: Float[Array, "3*hidden"]
    recurrent_bias: Float[Array, "hidden"]


class GRUGates(NamedTuple):
    """Reset gate, update gate and candidate, or their deltas."""

    r: Float[Array, "*batch hidden"]
    z: Float[Array, "*batch hidden"]
    n: Float[Array, "*batch hidden"]


class GRUTape(NamedTuple):
    """What the backward pass reads of one step; `s` is h_{t-1} W_n + b_hn, or None where the reset comes before."""

    h_tm1: Float[Array, "*batch hidden"]
    gates: GRUGates
    s: Float[Array, "*batch hidden"] | None


class GRUDeltas(NamedTuple):
    """dE/dh_t in total, and dE/dz_t at the gates' pre-activations (`split_gates` takes it apart).

    `s` is the same at h_{t-1} W, where the candidate's delta is that of z ⊙ r; None where the reset comes before.
    """

    h: Float[Array, "*batch hidden"]
    z: Float[Array, "*batch 3*hidden"]
    s: Float[Array, "*batch 3*hidden"] | None = None


def split_gates(z: Float[Array, "*batch 3*hidden"]) -> GRUGates:
    """Takes fused pre-activations or their deltas apart."""
    return GRUGates(*jnp.split(z, 3, axis=-1))


def gru(
    input_size: int,
    hidden_size: int,
    *,
    reset: Literal["before", "after"] = "before",
    kernel_init: Initializer | Fused = glorot_uniform,
    recurrent_init: Initializer | Fused = orthogonal(),
    bias_init: Initializer | PerGate = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell:
    """h_t = (1 - z) ⊙ h_{t-1} + z ⊙ n, y_t = h_t, with r, z = σ(x_t U + h_{t-1} W + b).

    reset="before": n = tanh(x_t U_n + (r ⊙ h_{t-1}) W_n + b_n), with 3h(h + d + 1) parameters.
    reset="after":  n = tanh(x_t U_n + b_n + r ⊙ (h_{t-1} W_n + b_hn)), with h more. Torch, cuDNN, Keras and flax compute this
    form and write 1 - z for z.

    Args:
      input_size: features d of x_t.
      hidden_size: units h.
      reset: where the reset gate acts.
      kernel_init: initialiser of U, called per gate unless `Fused`.
      recurrent_init: initialiser of W, called per gate unless `Fused`.
      bias_init: initialiser of b, called per gate, and of b_hn.
      dtype: dtype of the matrix products; that of the parameters by default. The state is at least float32.
      param_dtype: dtype of the parameters.

    Raises:
      ValueError: a size is not a positive integer, or `reset` is neither "before" nor "after".

    Reference: Cho et al. (2014), Learning phrase representations using RNN encoder-decoder, equations 5-8.
    """
    check_sizes("gru", input_size=input_size, hidden_size=hidden_size)
    if reset not in ("before", "after"):
        raise ValueError(f'gru: reset must be "before" or "after"; got {reset!r}')
    params_type = GRUParams if reset == "before" else ResetAfterGRUParams

    def init(key):
        k_input, k_recurrent, k_bias, k_recurrent_bias = jax.random.split(key, 4)
        params = GRUParams(
            input_kernel=draw_blocks(kernel_init, k_input, input_size, hidden_size, 3, param_dtype),
            recurrent_kernel=draw_blocks(recurrent_init, k_recurrent, hidden_size, hidden_size, 3, param_dtype),
            bias=draw_bias(bias_init, k_bias, hidden_size, 3, param_dtype),
        )
        if reset == "before":
            return params
        recurrent_bias = draw_bias(bias_init, k_recurrent_bias, hidden_size, 1, param_dtype)
        return ResetAfterGRUParams(*params, recurrent_bias=recurrent_bias)

    def initial_state(params, batch_shape=()):
        check_params("gru", params_type, params)
        return zero_state((*batch_shape, hidden_size), params)

    equations = gru_adjoint(reset, dtype)

    def step(params, h_tm1, x_t):
        checked("gru", params_type, params, x_t, input_size, hidden_size)
        return equations.advance(params, h_tm1, equations.project(params, x_t))[:2]

    return Cell(init, initial_state, step)


def gru_adjoint(reset: Literal["before", "after"] = "before", dtype: DTypeLike | None = None) -> Adjoint:
    """The equations of the GRU, forward beside backward, gate by gate.

    Args:
      reset: where the reset gate acts.
      dtype: dtype of the matrix products.
    """

    def project(params, xs):
        return dot(xs, params.input_kernel, dtype)

    return Adjoint(project, *(_reset_before if reset == "before" else _reset_after)(dtype))


def _interpolate(h_tm1: Array, gates: GRUGates) -> Array:
    """h_t = (1 - z) ⊙ h_{t-1} + z ⊙ n."""
    return h_tm1 + gates.z * (gates.n - h_tm1)


def _interpolate_backward(dh_t: Array, h_tm1: Array, gates: GRUGates) -> tuple[Array, Array, Array]:
    """Deltas at the pre-activations of z and n, and the part of dh_{t-1} that meets no matrix."""
    dz = dh_t * (gates.n - h_tm1) * gates.z * (1 - gates.z)
    dn = dh_t * gates.z * (1 - gates.n**2)
    return dz, dn, dh_t * (1 - gates.z)


def _reset_before(dtype: DTypeLike | None) -> tuple[Callable, Callable, Callable]:
    def advance(params, h_tm1, z_t):
        hidden = h_tm1.shape[-1]
        z_rz, z_n = jnp.split(add_bias(z_t, params.bias), [2 * hidden], axis=-1)
        z_rz = z_rz + dot(h_tm1, params.recurrent_kernel[:, : 2 * hidden], dtype)
        r, z = map(checkpoint_name, jnp.split(sigmoid(z_rz), 2, axis=-1), "rz")
        z_n = z_n + dot(r * h_tm1, params.recurrent_kernel[:, 2 * hidden :], dtype)
        gates = GRUGates(r, z, checkpoint_name(jnp.tanh(z_n), "n"))
        h_t = checkpoint_name(_interpolate(h_tm1, gates), "h")
        return h_t, h_t, GRUTape(h_tm1, gates, None)

    def retreat(params, tape_t, dh_t, dy_t):
        h_tm1, gates, _ = tape_t
        hidden = h_tm1.shape[-1]
        dh_t = dh_t + dy_t
        dz, dn, dh_tm1 = _interpolate_backward(dh_t, h_tm1, gates)
        q = dot(dn, params.recurrent_kernel[:, 2 * hidden :].T, dtype)
        dr = q * h_tm1 * gates.r * (1 - gates.r)
        drz = jnp.concatenate([dr, dz], axis=-1)
        dh_tm1 = dh_tm1 + q * gates.r + dot(drz, params.recurrent_kernel[:, : 2 * hidden].T, dtype)
        return dh_tm1, GRUDeltas(h=dh_t, z=jnp.concatenate([drz, dn], axis=-1))

    def collect(params, xs, tape, deltas):
        hidden = tape.h_tm1.shape[-1]
        kernel = params.recurrent_kernel
        drz, dn = deltas.z[..., : 2 * hidden], deltas.z[..., 2 * hidden :]
        d_rz = outer(tape.h_tm1, drz, kernel, dtype)
        d_n = outer(tape.gates.r * tape.h_tm1, dn, kernel, dtype)
        projected, dxs = projection_gradients(params, xs, deltas.z, dtype)
        dparams = GRUParams(
            **projected,
            recurrent_kernel=jnp.concatenate([d_rz, d_n], axis=-1),
        )
        return dparams, dxs

    return advance, retreat, collect


def _reset_after(dtype: DTypeLike | None) -> tuple[Callable, Callable, Callable]:
    def advance(params, h_tm1, z_t):
        hidden = h_tm1.shape[-1]
        z_rz, z_n = jnp.split(add_bias(z_t, params.bias), [2 * hidden], axis=-1)
        s_rz, s_n = jnp.split(dot(h_tm1, params.recurrent_kernel, dtype), [2 * hidden], axis=-1)
        r, z = map(checkpoint_name, jnp.split(sigmoid(z_rz + s_rz), 2, axis=-1), "rz")
        s = add_bias(s_n, params.recurrent_bias)
        gates = GRUGates(r, z, checkpoint_name(jnp.tanh(z_n + r * s), "n"))
        h_t = checkpoint_name(_interpolate(h_tm1, gates), "h")
        return h_t, h_t, GRUTape(h_tm1, gates, s)

    def retreat(params, tape_t, dh_t, dy_t):
        h_tm1, gates, s = tape_t
        dh_t = dh_t + dy_t
        dz, dn, dh_tm1 = _interpolate_backward(dh_t, h_tm1, gates)
        dr = dn * s * gates.r * (1 - gates.r)
        ds_t = jnp.concatenate([dr, dz, dn * gates.r], axis=-1)
        dh_tm1 = dh_tm1 + dot(ds_t, params.recurrent_kernel.T, dtype)
        return dh_tm1, GRUDeltas(h=dh_t, z=jnp.concatenate([dr, dz, dn], axis=-1), s=ds_t)

    def collect(params, xs, tape, deltas):
        hidden = tape.h_tm1.shape[-1]
        projected, dxs = projection_gradients(params, xs, deltas.z, dtype)
        dparams = ResetAfterGRUParams(
            **projected,
            recurrent_kernel=outer(tape.h_tm1, deltas.s, params.recurrent_kernel, dtype),
            recurrent_bias=sum_rows(deltas.s[..., 2 * hidden :], params.recurrent_bias),
        )
        return dparams, dxs

    return advance, retreat, collect
