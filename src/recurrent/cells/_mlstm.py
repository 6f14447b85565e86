"""The LSTM with a matrix memory and exponential gates, step by step and in parallel over time."""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.nn import log_sigmoid, sigmoid
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.cells._memory import association, draw_projections, recall
from recurrent.cells._slstm import check_forget_bias, stabilised
from recurrent.dense import add_bias, dot
from recurrent.factories import checked_cell
from recurrent.initializers import Fused, Initializer, glorot_uniform, zeros
from recurrent.made import remembered
from recurrent.types import Cell


class MLSTMParams(NamedTuple):
    """Parameters of the mLSTM, side by side: q and k; v and o; the input and the forget gate of a row."""

    query_key_kernel: Float[Array, "input 2*key"]
    value_output_kernel: Float[Array, "input 2*hidden"]
    gate_kernel: Float[Array, "input 2"]
    query_key_bias: Float[Array, "2*key"]
    value_output_bias: Float[Array, "2*hidden"]
    gate_bias: Float[Array, "2"]


class MLSTMState(NamedTuple):
    """Memory C and normaliser n, both divided by e^m, and the stabiliser m, a number per row; see `SLSTMState`."""

    c: Float[Array, "*batch key hidden"]
    n: Float[Array, "*batch key"]
    m: Float[Array, "*batch"]


class MLSTMProjections(NamedTuple):
    """What a step reads of x_t: query, key, value, output gate, and the logarithms of input and forget gate."""

    q: Float[Array, "*lead key"]
    k: Float[Array, "*lead key"]
    v: Float[Array, "*lead hidden"]
    o: Float[Array, "*lead hidden"]
    ln_i: Float[Array, "*lead"]
    ln_f: Float[Array, "*lead"]


@remembered
def mlstm(
    input_size: int,
    hidden_size: int,
    *,
    key_size: int | None = None,
    forget_bias: float = 1.0,
    kernel_init: Initializer | Fused = glorot_uniform,
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[MLSTMParams, MLSTMState]:
    """C_t = f C_{t-1} + i k' v, n_t = f n_{t-1} + i k, y_t = o ⊙ q C_t / max(|q · n_t|, 1): one head.

    q, k √key, v, ln i and the arguments of f = σ(·) and o = σ(·) are affine maps of x_t; i and f are numbers. C and n are kept
    divided by e^m with m_t = max(ln f + m_{t-1}, ln i), so that no exponential exceeds 1. Nothing is read from the output, so
    that `mlstm_parallel` computes all steps at once. Several heads are cells side by side: `grouped(mlstm(3, 8), mlstm(3, 8))`.

    Args:
      input_size: features of x_t.
      hidden_size: entries of a value, and so of y_t.
      key_size: entries of a key; `hidden_size` by default.
      forget_bias: added to the forget gate's bias when it is drawn.
      kernel_init, bias_init, dtype, param_dtype: as for all cells.

    Raises:
      ValueError: a key size that is not a positive integer, or a forget bias that is not finite.

    Reference: Beck et al. (2024), xLSTM: extended long short-term memory, section 2.3.
    """
    check_forget_bias("mlstm", forget_bias)
    key_size = hidden_size if key_size is None else key_size
    blocks = ((key_size, 2), (hidden_size, 2), (1, 2))

    def init(key):
        params = MLSTMParams(*draw_projections(key, input_size, blocks, (kernel_init, bias_init), param_dtype))
        return params._replace(gate_bias=params.gate_bias.at[1].add(forget_bias))

    sizes = {"input": input_size, "hidden": hidden_size, "key": key_size}
    state = functools.partial(empty_memory, key_size, hidden_size)
    return checked_cell("mlstm", MLSTMParams, sizes, init, state, functools.partial(mlstm_step, dtype=dtype))


def empty_memory(key_size: int, hidden_size: int, zeros: Callable[..., Array]) -> MLSTMState:
    """C = 0, n = 0; a memory that holds nothing is the same for every m."""
    return MLSTMState(zeros(key_size, hidden_size), zeros(key_size), zeros())


def mlstm_step(params: MLSTMParams, state: MLSTMState, x_t: Array, dtype: DTypeLike | None = None) -> tuple[MLSTMState, Array]:
    """s_t, y_t of the mLSTM."""
    q, k, v, o, ln_i, ln_f = mlstm_project(params, x_t, dtype)
    m_t, f, i = stabilised(ln_f + state.m, ln_i)
    k = i[..., None] * k
    c_t, n_t = f[..., None, None] * state.c + association(k, v), f[..., None] * state.n + k
    return MLSTMState(c_t, n_t, m_t), o * normalised(recall(q, c_t), jnp.sum(q * n_t, axis=-1), m_t)


def mlstm_project(params: MLSTMParams, xs: Array, dtype: DTypeLike | None = None) -> MLSTMProjections:
    """q, k, v, o, ln i and ln f of x_t, for any leading axes."""
    q, k = jnp.split(add_bias(dot(xs, params.query_key_kernel, dtype), params.query_key_bias), 2, axis=-1)
    v, o = jnp.split(add_bias(dot(xs, params.value_output_kernel, dtype), params.value_output_bias), 2, axis=-1)
    gates = add_bias(dot(xs, params.gate_kernel, dtype), params.gate_bias)
    return MLSTMProjections(q, k / math.sqrt(k.shape[-1]), v, sigmoid(o), gates[..., 0], log_sigmoid(gates[..., 1]))


def normalised(read: Array, weight: Array, m: Array) -> Array:
    """Read / max(|weight|, e^-m), with a product of both sides by e^m where m < 0, so that nothing overflows.

    e^-m counts as no smaller than the squared rounding unit: where the query meets no key at all, 0 / 0 is 0.
    """
    scale = jnp.exp(jnp.minimum(m, 0))
    least = jnp.exp(-jnp.clip(m, 0, -2 * math.log(jnp.finfo(m.dtype).eps)))
    return read * (scale / jnp.maximum(scale * jnp.abs(weight), least))[..., None]


def mlstm_parallel(
    params: MLSTMParams, xs: Float[Array, "T *batch input"], state: MLSTMState | None = None, *, dtype: DTypeLike | None = None
) -> tuple[MLSTMState, Float[Array, "T *batch hidden"]]:
    """y_t = o ⊙ Σ_s S[t, s] v_s / max(|Σ_s S[t, s]|, e^-m_t), S[t, s] = (q_t · k_s) e^(D[t, s] - m_t) for s ≤ t.

    D[t, s] = Σ_{r=s+1..t} ln f_r + ln i_s, and m_t its maximum over s: what `unroll` computes, without a loop over time. Work
    and memory grow with T²; masks and resets are left to `unroll`.

    Args:
      params: of `mlstm`.
      xs: inputs.
      state: the state before the first step; empty by default.
      dtype: of the products with the parameters, as for the cell.

    Returns:
      `(final_state, ys)`, as `unroll` does.

    Raises:
      ValueError: params, inputs or a state of another cell.

    Reference: Beck et al. (2024), xLSTM: extended long short-term memory, appendix A.3.
    """
    checks.params("mlstm_parallel", params, MLSTMParams)
    checks.features("mlstm_parallel", xs, params.gate_kernel.shape[0])
    if xs.ndim < 2:
        raise ValueError(f"mlstm_parallel: inputs must have shape [T, *batch, features]; got {xs.shape}")
    q, k, v, o, ln_i, ln_f = mlstm_project(params, xs, dtype)
    empty = empty_memory(k.shape[-1], v.shape[-1], lambda *shape: jnp.zeros((*xs.shape[1:-1], *shape), k.dtype))
    state = empty if state is None else state
    checks.same_arrays("mlstm_parallel: the given state", state, empty, "take it from a previous run of this very cell")
    weights, m = _weights(jnp.concatenate([state.m[None], ln_i]), jnp.concatenate([jnp.zeros_like(state.m)[None], ln_f]))

    # column 0 is the weight of the state before the first step
    past, weights_of_steps = weights[1:, 0], weights[1:, 1:]
    einsum = functools.partial(jnp.einsum, precision="highest")
    s = weights_of_steps * einsum("t...k,s...k->ts...", q, k)
    read = past[..., None] * recall(q, state.c[None]) + einsum("ts...,s...v->t...v", s, v)
    weight = past * jnp.sum(q * state.n[None], axis=-1) + jnp.sum(s, axis=1)

    past, k = weights[-1, 0], weights[-1, 1:, ..., None] * k
    c = past[..., None, None] * state.c + einsum("s...k,s...v->...kv", k, v)
    final_state = MLSTMState(c, past[..., None] * state.n + jnp.sum(k, axis=0), m[-1])
    return final_state, o * normalised(read, weight, m[1:])


def _weights(ln_i: Array, ln_f: Array) -> tuple[Array, Array]:
    """e^(D[t, s] - m_t), `[T, T, *batch]`, and m_t."""
    t = jnp.arange(len(ln_i)).reshape(-1, *(1,) * ln_i.ndim)
    s = jnp.swapaxes(t, 0, 1)
    # a sum of its own for every s: differences of sums from the start would lose the decays of late steps
    decay = jnp.cumsum(jnp.where(t > s, ln_f[:, None], 0), axis=0)
    d = jnp.where(t >= s, decay + ln_i[None], -jnp.inf)
    m = jnp.max(d, axis=1)
    return jnp.exp(d - m[:, None]), m
