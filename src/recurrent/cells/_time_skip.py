"""Connections that skip through time: units that read states from several steps ago."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.activations import elementwise
from recurrent.dense import add_bias, dot
from recurrent.factories import checked_cell
from recurrent.initializers import Fused, Initializer, draw_bias, draw_blocks, glorot_uniform, orthogonal, zeros
from recurrent.made import remembered
from recurrent.types import Cell


class TimeSkipParams(NamedTuple):
    """Parameters: U, the blocks W_d of all lags side by side, and b."""

    input_kernel: Float[Array, "input hidden"]
    recurrent_kernel: Float[Array, "hidden lags*hidden"]
    bias: Float[Array, "hidden"]


@remembered
def time_skip(
    input_size: int,
    hidden_size: int,
    lags: Sequence[int] = (1, 4),
    *,
    activation: str | Callable[[Array], Array] = "tanh",
    kernel_init: Initializer = glorot_uniform,
    recurrent_init: Initializer | Fused = orthogonal(),
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[TimeSkipParams, Array]:
    """h_t = φ(x_t U + Σ_d h_{t-d} W_d + b) over the lags d, y_t = h_t, with h(nh + d_x + 1) parameters for n lags.

    From h_{t-τ} to h_t the shortest path has about τ/D steps, D being the longest lag. With lags=(1,) this is `elman`.

    The state is the past, [*batch, D, hidden] with h_{t-1} first. It starts as zeros: a lag that reaches back before the first
    step reads 0, and a lag as long as the sequence never anything else. Windows that hand on their state may be shorter.

    Args:
      input_size: features of x_t.
      hidden_size: units of h_t.
      lags: how many steps ago the states lie that are read; positive integers in increasing order.
      activation: φ, as for `elman`.
      kernel_init, bias_init, dtype, param_dtype: as for all cells.
      recurrent_init: of every W_d. n orthogonal blocks add up to √n times the norm; `orthogonal(n**-0.5)` keeps it.

    Raises:
      ValueError: no lags, or lags that are not positive integers in increasing order.

    Reference: Lin, Horne, Tiňo & Giles (1996), Learning long-term dependencies in NARX recurrent neural networks; Zhang et al.
    (2016), Architectural complexity measures of recurrent neural networks.
    """
    lags = tuple(lags)
    checks.sizes("time_skip", **{f"lags[{index}]": lag for index, lag in enumerate(lags)})
    if not lags or list(lags) != sorted(set(lags)):
        raise ValueError(f"time_skip: lags must be increasing, and at least one: (1,) is a network without skips; got {lags}")

    def init(key):
        k_input, k_recurrent, k_bias = jax.random.split(key, 3)
        return TimeSkipParams(
            draw_blocks(kernel_init, k_input, input_size, hidden_size, 1, param_dtype),
            draw_blocks(recurrent_init, k_recurrent, hidden_size, hidden_size, len(lags), param_dtype),
            draw_bias(bias_init, k_bias, hidden_size, 1, param_dtype),
        )

    sizes = {"input": input_size, "hidden": hidden_size, "lags": len(lags)}
    step = functools.partial(time_skip_step, lags=lags, phi=elementwise(activation), dtype=dtype)
    return checked_cell("time_skip", TimeSkipParams, sizes, init, lambda zeros: zeros(lags[-1], hidden_size), step)


def time_skip_step(
    params: TimeSkipParams,
    past: Float[Array, "*batch longest hidden"],
    x_t: Array,
    lags: Sequence[int] = (1,),
    phi: Callable[[Array], Array] = jnp.tanh,
    dtype: DTypeLike | None = None,
) -> tuple[Array, Array]:
    """The past after the step, and y_t = h_t."""
    a_t = dot(x_t, params.input_kernel, dtype)
    for lag, kernel in zip(lags, jnp.split(params.recurrent_kernel, len(lags), axis=-1), strict=True):
        a_t = a_t + dot(_state_before(past, lag), kernel, dtype)
    h_t = phi(add_bias(a_t, params.bias))
    return jnp.concatenate([h_t[..., None, :], past[..., :-1, :]], axis=-2), h_t


def _state_before(past: Array, lag: int) -> Array:
    """h_{t-d}, as the sum of one: the derived backward pass keeps a sum, but for a slice it would keep all of the past."""
    return jnp.sum(past[..., lag - 1 : lag, :], axis=-2)
