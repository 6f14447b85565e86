"""The gated recurrent unit in its two published forms, forward beside backward.

They differ in where the reset gate acts: on the state before the recurrent product (2014, v3), or on the product (v1, cuDNN).
Both share parameters' names and the order r, z, n; the second has one bias more.
"""

import functools
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.ad_checkpoint import checkpoint_name
from jax.nn import sigmoid
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.dense import add_bias, dot, outer, projection_gradients, sum_rows
from recurrent.factories import checked_cell, draw_kernels
from recurrent.initializers import Fused, Initializer, PerGate, draw_bias, glorot_uniform, orthogonal, zeros
from recurrent.made import remembered
from recurrent.types import Adjoint, Cell

Reset = Literal["before", "after"]


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
    """dE/dh_t in total, and dE/dz_t at the gates' pre-activations (`split_gru_gates` takes it apart).

    `s` is the same at h_{t-1} W, where the candidate's delta is that of z ⊙ r; None where the reset comes before.
    """

    h: Float[Array, "*batch hidden"]
    z: Float[Array, "*batch 3*hidden"]
    s: Float[Array, "*batch 3*hidden"] | None = None


@remembered
def gru(
    input_size: int,
    hidden_size: int,
    *,
    reset: Reset = "before",
    kernel_init: Initializer | Fused = glorot_uniform,
    recurrent_init: Initializer | Fused = orthogonal(),
    bias_init: Initializer | PerGate = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[Any, Array]:
    """h_t = (1 - z) ⊙ h_{t-1} + z ⊙ n, y_t = h_t, with r, z = σ(x_t U + h_{t-1} W + b).

    reset="before": n = tanh(x_t U_n + (r ⊙ h_{t-1}) W_n + b_n), with 3h(h + d + 1) parameters.
    reset="after":  n = tanh(x_t U_n + b_n + r ⊙ (h_{t-1} W_n + b_hn)), with h more. Torch, cuDNN, Keras and flax compute this
    form and write 1 - z for z.

    `bias_init` draws b_hn, too; the other options are those of all cells, see `recurrent.cells`.

    >>> import jax
    >>> import recurrent
    >>> params = recurrent.gru(3, 8, reset="after").init(jax.random.key(0))
    >>> recurrent.count_parameters(params)
    296

    Reference: Cho et al. (2014), Learning phrase representations using RNN encoder-decoder, equations 5-8.
    """
    checks.choice("gru: reset", reset, ("before", "after"))
    inits = (kernel_init, recurrent_init, bias_init)

    def init(key):
        *keys, k_recurrent_bias = jax.random.split(key, 4)
        params = GRUParams(*draw_kernels(keys, (input_size, hidden_size), hidden_size, 3, inits, param_dtype))
        if reset == "before":
            return params
        return ResetAfterGRUParams(*params, recurrent_bias=draw_bias(bias_init, k_recurrent_bias, hidden_size, 1, param_dtype))

    sizes = {"input": input_size, "hidden": hidden_size}
    step = functools.partial(gru_step, reset=reset, dtype=dtype)
    return checked_cell(
        "gru", GRUParams if reset == "before" else ResetAfterGRUParams, sizes, init, lambda zeros: zeros(hidden_size), step
    )


def gru_adjoint(reset: Reset = "before", dtype: DTypeLike | None = None) -> Adjoint:
    """The equations of the GRU, forward beside backward, gate by gate; products are computed in `dtype`."""
    checks.choice("gru_adjoint: reset", reset, ("before", "after"))
    before = Adjoint(gru_project, reset_before_advance, reset_before_retreat, reset_before_collect)
    after = Adjoint(gru_project, reset_after_advance, reset_after_retreat, reset_after_collect)
    return (before if reset == "before" else after).bound(dtype=dtype)


def gru_step(
    params: GRUParams | ResetAfterGRUParams,
    h_tm1: Array,
    x_t: Array,
    reset: Reset = "before",
    dtype: DTypeLike | None = None,
) -> tuple[Array, Array]:
    """h_t, y_t of the GRU."""
    advance = reset_before_advance if reset == "before" else reset_after_advance
    return advance(params, h_tm1, gru_project(params, x_t, dtype), dtype)[:2]


def gru_project(params, xs, dtype=None):
    """z_t = x_t U."""
    return dot(xs, params.input_kernel, dtype)


def reset_before_advance(params, h_tm1, z_t, dtype=None):
    """n = tanh(z_n + (r ⊙ h_{t-1}) W_n + b_n)."""
    hidden = h_tm1.shape[-1]
    z_rz, z_n = jnp.split(add_bias(z_t, params.bias), [2 * hidden], axis=-1)
    z_rz = z_rz + dot(h_tm1, params.recurrent_kernel[:, : 2 * hidden], dtype)
    r, z = map(checkpoint_name, jnp.split(sigmoid(z_rz), 2, axis=-1), "rz")
    z_n = z_n + dot(r * h_tm1, params.recurrent_kernel[:, 2 * hidden :], dtype)
    gates = GRUGates(r, z, checkpoint_name(jnp.tanh(z_n), "n"))
    h_t = checkpoint_name(_interpolate(h_tm1, gates), "h")
    return h_t, h_t, GRUTape(h_tm1, gates, None)


def reset_before_retreat(params, tape_t, dh_t, dy_t, dtype=None):
    """q = dn W_n' reaches r ⊙ h_{t-1}: dr = q ⊙ h_{t-1}, and dh_{t-1} += q ⊙ r."""
    h_tm1, gates, _ = tape_t
    hidden = h_tm1.shape[-1]
    dh_t = dh_t + dy_t
    dz, dn, dh_tm1 = _interpolate_backward(dh_t, h_tm1, gates)
    q = dot(dn, params.recurrent_kernel[:, 2 * hidden :].T, dtype)
    dr = q * h_tm1 * gates.r * (1 - gates.r)
    drz = jnp.concatenate([dr, dz], axis=-1)
    dh_tm1 = dh_tm1 + q * gates.r + dot(drz, params.recurrent_kernel[:, : 2 * hidden].T, dtype)
    return dh_tm1, GRUDeltas(h=dh_t, z=jnp.concatenate([drz, dn], axis=-1))


def reset_before_collect(params, xs, tape, deltas, dtype=None):
    """dW_rz = Σ h_{t-1}' [dr, dz], dW_n = Σ (r ⊙ h_{t-1})' dn."""
    hidden = tape.h_tm1.shape[-1]
    drz, dn = deltas.z[..., : 2 * hidden], deltas.z[..., 2 * hidden :]
    d_rz = outer(tape.h_tm1, drz, params.recurrent_kernel, dtype)
    d_n = outer(tape.gates.r * tape.h_tm1, dn, params.recurrent_kernel, dtype)
    projected, dxs = projection_gradients(params, xs, deltas.z, dtype)
    return GRUParams(**projected, recurrent_kernel=jnp.concatenate([d_rz, d_n], axis=-1)), dxs


def reset_after_advance(params, h_tm1, z_t, dtype=None):
    """n = tanh(z_n + b_n + r ⊙ s) with s = h_{t-1} W_n + b_hn."""
    hidden = h_tm1.shape[-1]
    z_rz, z_n = jnp.split(add_bias(z_t, params.bias), [2 * hidden], axis=-1)
    # one bias for all of h W, so that the backward pass has one delta there
    bias = jnp.pad(params.recurrent_bias, (2 * hidden, 0))
    s_rz, s = jnp.split(add_bias(dot(h_tm1, params.recurrent_kernel, dtype), bias), [2 * hidden], axis=-1)
    r, z = map(checkpoint_name, jnp.split(sigmoid(z_rz + s_rz), 2, axis=-1), "rz")
    gates = GRUGates(r, z, checkpoint_name(jnp.tanh(z_n + r * s), "n"))
    h_t = checkpoint_name(_interpolate(h_tm1, gates), "h")
    return h_t, h_t, GRUTape(h_tm1, gates, s)


def reset_after_retreat(params, tape_t, dh_t, dy_t, dtype=None):
    """dr = dn ⊙ s, ds = dn ⊙ r, dh_{t-1} += [dr, dz, ds] W'."""
    h_tm1, gates, s = tape_t
    dh_t = dh_t + dy_t
    dz, dn, dh_tm1 = _interpolate_backward(dh_t, h_tm1, gates)
    dr = dn * s * gates.r * (1 - gates.r)
    ds_t = jnp.concatenate([dr, dz, dn * gates.r], axis=-1)
    dh_tm1 = dh_tm1 + dot(ds_t, params.recurrent_kernel.T, dtype)
    return dh_tm1, GRUDeltas(h=dh_t, z=jnp.concatenate([dr, dz, dn], axis=-1), s=ds_t)


def reset_after_collect(params, xs, tape, deltas, dtype=None):
    """dW = Σ h_{t-1}' ds_t, db_hn = Σ ds_n."""
    projected, dxs = projection_gradients(params, xs, deltas.z, dtype)
    dparams = ResetAfterGRUParams(
        **projected,
        recurrent_kernel=outer(tape.h_tm1, deltas.s, params.recurrent_kernel, dtype),
        recurrent_bias=sum_rows(deltas.s[..., 2 * tape.h_tm1.shape[-1] :], params.recurrent_bias),
    )
    return dparams, dxs


def split_gru_gates(z: Float[Array, "*batch 3*hidden"]) -> GRUGates:
    """Takes fused pre-activations or their deltas apart."""
    return GRUGates(*jnp.split(z, 3, axis=-1))


def _interpolate(h_tm1: Array, gates: GRUGates) -> Array:
    """h_t = (1 - z) ⊙ h_{t-1} + z ⊙ n."""
    return h_tm1 + gates.z * (gates.n - h_tm1)


def _interpolate_backward(dh_t: Array, h_tm1: Array, gates: GRUGates) -> tuple[Array, Array, Array]:
    """Deltas at the pre-activations of z and n, and the part of dh_{t-1} that meets no matrix."""
    dz = dh_t * (gates.n - h_tm1) * gates.z * (1 - gates.z)
    dn = dh_t * gates.z * (1 - gates.n**2)
    return dz, dn, dh_t * (1 - gates.z)
