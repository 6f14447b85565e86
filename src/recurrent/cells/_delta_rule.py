"""The delta rule: a matrix memory that overwrites what it holds under a key, linear in the state."""

import dataclasses
import functools
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.nn import sigmoid
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent.cells._memory import association, draw_projections, recall
from recurrent.dense import add_bias, dot
from recurrent.factories import checked_cell
from recurrent.initializers import Fused, Initializer, glorot_uniform, zeros
from recurrent.made import remembered
from recurrent.types import MATRIX, Cell, LinearForm


class DeltaRuleParams(NamedTuple):
    """Parameters of the delta rule; q and k lie side by side, and the gate is that of β."""

    query_key_kernel: Float[Array, "input 2*key"]
    value_kernel: Float[Array, "input hidden"]
    gate_kernel: Float[Array, "input 1"]
    query_key_bias: Float[Array, "2*key"]
    value_bias: Float[Array, "hidden"]
    gate_bias: Float[Array, "1"]


@remembered
def delta_rule(
    input_size: int,
    hidden_size: int,
    *,
    key_size: int | None = None,
    max_beta: float = 2.0,
    kernel_init: Initializer | Fused = glorot_uniform,
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[DeltaRuleParams, Array]:
    """M_t = (I - β k' k) M_{t-1} + β k' v, y_t = q M_t: the value stored under the key k moves towards v by the share β.

    q, k, v and the argument of β = max_beta σ(·) are affine maps of x_t; k is brought to length 1. The map of the state has the
    eigenvalue 1 - β along k and 1 elsewhere: β = 1 puts v in the place of what was stored, β = 2 reflects. Products of
    reflections are all orthogonal maps, permutations among them, which neither max_beta = 1 nor a diagonal recurrence reaches.
    `unroll_parallel` takes one associative scan, of `[key, key]` matrices for every step.

    Args:
      input_size: features of x_t.
      hidden_size: entries of a value, and so of y_t.
      key_size: entries of a key; `hidden_size` by default.
      max_beta: the largest β, in (0, 2]: beyond 2 the state explodes.
      kernel_init, bias_init, dtype, param_dtype: as for all cells.

    Raises:
      ValueError: a key size that is not a positive integer, or max_beta outside (0, 2].

    Reference: Schlag, Irie & Schmidhuber (2021), Linear transformers are secretly fast weight programmers; Yang et al. (2024),
    Parallelizing linear transformers with the delta rule over sequence length; Grazzi et al. (2024), Unlocking state-tracking
    in linear RNNs through negative eigenvalues (β up to 2).
    """
    if not 0 < max_beta <= 2:
        raise ValueError(f"delta_rule: max_beta must lie in (0, 2], for 1 - β is an eigenvalue; got {max_beta}")
    key_size = hidden_size if key_size is None else key_size
    blocks = ((key_size, 2), (hidden_size, 1), (1, 1))

    def init(key):
        return DeltaRuleParams(*draw_projections(key, input_size, blocks, (kernel_init, bias_init), param_dtype))

    sizes = {"input": input_size, "hidden": hidden_size, "key": key_size}
    step, coefficients = (
        functools.partial(f, max_beta=max_beta, dtype=dtype) for f in (delta_rule_step, delta_rule_coefficients)
    )
    cell = checked_cell("delta_rule", DeltaRuleParams, sizes, init, lambda zeros: zeros(key_size, hidden_size), step)
    return dataclasses.replace(cell, linear=LinearForm(coefficients, functools.partial(delta_rule_output, dtype=dtype), MATRIX))


def delta_rule_step(
    params: DeltaRuleParams,
    memory: Float[Array, "*batch key hidden"],
    x_t: Array,
    max_beta: float = 2.0,
    dtype: DTypeLike | None = None,
) -> tuple[Array, Array]:
    """M_t = M_{t-1} + β k' (v - k M_{t-1}), y_t = q M_t: the linear form without its `[key, key]` matrix."""
    q, k, v, beta = delta_rule_project(params, x_t, max_beta, dtype)
    memory = memory + association(beta * k, v - recall(k, memory))
    return memory, recall(q, memory)


def delta_rule_coefficients(
    params: DeltaRuleParams, xs: Array, max_beta: float = 2.0, dtype: DTypeLike | None = None
) -> tuple[Array, Array]:
    """a_t = I - β k' k, `[*lead, key, key]`, and b_t = β k' v, `[*lead, key, hidden]`."""
    _, k, v, beta = delta_rule_project(params, xs, max_beta, dtype)
    write = association(beta * k, k)
    return MATRIX.one(write) - write, association(beta * k, v)


def delta_rule_output(params: DeltaRuleParams, memories: Array, xs: Array, dtype: DTypeLike | None = None) -> Array:
    """y_t = q M_t."""
    return recall(delta_rule_project(params, xs, dtype=dtype)[0], memories)


def delta_rule_project(
    params: DeltaRuleParams, xs: Array, max_beta: float = 2.0, dtype: DTypeLike | None = None
) -> tuple[Array, Array, Array, Array]:
    """q, k of length 1, v and β `[*lead, 1]` of x_t, for any leading axes."""
    q, k = jnp.split(add_bias(dot(xs, params.query_key_kernel, dtype), params.query_key_bias), 2, axis=-1)
    v = add_bias(dot(xs, params.value_kernel, dtype), params.value_bias)
    return q, unit_length(k), v, max_beta * sigmoid(add_bias(dot(xs, params.gate_kernel, dtype), params.gate_bias))


def unit_length(k: Array) -> Array:
    """k / |k|; a key shorter than the rounding unit is divided by that instead: 0 stays 0, writes nothing, has a gradient."""
    return k / jnp.sqrt(jnp.maximum(jnp.sum(k * k, axis=-1, keepdims=True), jnp.finfo(k.dtype).eps ** 2))
