"""The clockwork network: groups of units that step at periods of their own, the slow ones driving the fast ones."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import DTypeLike
from jaxtyping import Bool, Float, Int32

from recurrent import checks, pytrees
from recurrent.activations import elementwise
from recurrent.dense import add_bias, dot
from recurrent.factories import checked_cell
from recurrent.initializers import Initializer, draw, draw_bias, draw_blocks, glorot_uniform, orthogonal, zeros
from recurrent.made import remembered
from recurrent.types import Cell


class ClockworkParams(NamedTuple):
    """Parameters: U and b of all units, and for each group the W_g from itself and all slower groups to itself."""

    input_kernel: Float[Array, "input hidden"]
    recurrent_kernels: tuple[Float[Array, "sources units"], ...]
    bias: Float[Array, "hidden"]


class ClockworkState(NamedTuple):
    """h, the groups side by side from the fastest to the slowest; and t, the steps that the row has taken."""

    h: Float[Array, "*batch hidden"]
    clock: Int32[Array, "*batch"]


@remembered
def clockwork(
    input_size: int,
    hidden_size: int,
    periods: Sequence[int] = (1, 2, 4, 8),
    *,
    activation: str | Callable[[Array], Array] = "tanh",
    kernel_init: Initializer = glorot_uniform,
    recurrent_init: Initializer = orthogonal(),
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[ClockworkParams, ClockworkState]:
    """h^g_t = φ(x_t U_g + [h^g, ..., h^G]_{t-1} W_g + b_g) where t mod T_g = 0, and h^g_{t-1} elsewhere; y_t = h_t.

    G groups of k units, from the fastest to the slowest. A group reads itself and the slower ones: W has G(G+1)/2 blocks of k²
    parameters, and nothing else. The first step is t = 0, at which all groups step. Every row has a clock of its own, which
    stands still in masked steps and starts again at resets. With periods=(1,) this is `elman`.

    A group that no row of the batch needs is not multiplied by W_g, on a CPU and where no gradient is taken.

    Args:
      input_size: features of x_t.
      hidden_size: units of all groups together.
      periods: T_g, positive integers in increasing order; a group has hidden_size / G units.
      activation: φ, as for `elman`.
      kernel_init, bias_init, dtype, param_dtype: as for all cells.
      recurrent_init: of every W_g [(G - g + 1) k, k] as a whole: `orthogonal()` keeps norms however many groups are read.

    Raises:
      ValueError: no periods, or not positive integers in increasing order; as many groups as do not divide the units.

    Reference: Koutník, Greff, Gomez & Schmidhuber (2014), A clockwork RNN, section 3.
    """
    periods = tuple(periods)
    checks.sizes("clockwork", hidden_size=hidden_size, **{f"periods[{g}]": period for g, period in enumerate(periods)})
    if not periods or list(periods) != sorted(set(periods)):
        raise ValueError(f"clockwork: periods must be increasing, and at least one: (1,) is a single group; got {periods}")
    groups = len(periods)
    if hidden_size % groups:
        raise ValueError(f"clockwork: {groups} periods need a multiple of {groups} units, as many for each; got {hidden_size}")
    phi = elementwise(activation)
    shapes = [(hidden_size - g * hidden_size // groups, hidden_size // groups) for g in range(groups)]

    def init(key):
        k_input, k_recurrent, k_bias = jax.random.split(key, 3)
        pairs = zip(jax.random.split(k_recurrent, groups), shapes, strict=True)
        return ClockworkParams(
            draw_blocks(kernel_init, k_input, input_size, hidden_size, 1, param_dtype),
            tuple(draw(recurrent_init, k, shape, param_dtype) for k, shape in pairs),
            draw_bias(bias_init, k_bias, hidden_size, 1, param_dtype),
        )

    def step(params, state, x_t):
        found = [jnp.shape(kernel) for kernel in params.recurrent_kernels]
        if found != shapes:
            raise ValueError(
                f"clockwork: params.recurrent_kernels must have the shapes {shapes}; got {found}; draw them with the init of "
                "this very cell"
            )
        return clockwork_step(params, state, x_t, periods, phi, dtype)

    sizes = {"input": input_size, "hidden": hidden_size}
    state = lambda zeros: ClockworkState(zeros(hidden_size), zeros().astype(jnp.int32))  # noqa: E731
    return checked_cell("clockwork", ClockworkParams, sizes, init, state, step)


def clockwork_step(
    params: ClockworkParams,
    state: ClockworkState,
    x_t: Array,
    periods: Sequence[int] = (1,),
    phi: Callable[[Array], Array] = jnp.tanh,
    dtype: DTypeLike | None = None,
) -> tuple[ClockworkState, Array]:
    """s_t, y_t of the clockwork network."""
    ticks = jnp.stack([state.clock % period == 0 for period in periods], axis=-1)
    width = state.h.shape[-1] // len(periods)
    driven = [
        product_where(ticks[..., g], state.h[..., g * width :], kernel, dtype)
        for g, kernel in enumerate(params.recurrent_kernels)
    ]
    a_t = add_bias(dot(x_t, params.input_kernel, dtype) + jnp.concatenate(driven, axis=-1), params.bias)
    new, old = (array.reshape(*ticks.shape, width) for array in (phi(a_t), state.h))
    h_t = pytrees.where(ticks, new, old).reshape(a_t.shape)
    return ClockworkState(h_t, state.clock + 1), h_t


@functools.partial(jax.custom_jvp, nondiff_argnums=(3,))
def product_where(
    ticks: Bool[Array, "*batch"], h: Float[Array, "*batch n"], kernel: Float[Array, "n m"], dtype: DTypeLike | None = None
) -> Float[Array, "*batch m"]:
    """H W, or anything where a row does not tick: 0 if none does."""
    full = functools.partial(dot, dtype=dtype)
    # a GPU would wait for the host to read the answer
    skipping = lambda h, kernel: lax.cond(any_row(ticks), full, lambda *_: jnp.zeros_like(full(h, kernel)), h, kernel)  # noqa: E731
    return lax.platform_dependent(h, kernel, cpu=skipping, default=full)


@product_where.defjvp
def _product_jvp(dtype, primals, tangents):
    """The product itself: a derivative of `cond` would keep a copy of W for every step."""
    return jax.jvp(functools.partial(dot, dtype=dtype), primals[1:], tangents[1:])


@jax.custom_batching.custom_vmap
def any_row(ticks: Bool[Array, "*batch"]) -> Bool[Array, ""]:
    """Whether one row ticks; under `vmap`, one of all, for a `cond` with an answer for each row computes both sides."""
    return jnp.any(ticks)


@any_row.def_vmap
def _any_of_all(axis_size, in_batched, ticks):
    del axis_size, in_batched
    return any_row(ticks), False
