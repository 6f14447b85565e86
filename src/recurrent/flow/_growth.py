"""How large the units of a state become, and how many of them have left the range in which tanh has a slope."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from recurrent import checks, pytrees


def growth(c: Float[Array, "T *batch units"]) -> Float[Array, "T *batch"]:
    """√(Σ c_t² / units): the root mean square over the units of a row at every step, without overflow.

    The memory of an LSTM without a forget gate is a sum, and grows in proportion to t under a constant input; with a gate of
    f < 1 it stays below 1 / (1 - f).

    Args:
      c: states, such as `ys.c` of `_, ys = unroll(emit_state(lstm(3, 8)), params, xs)`.

    Raises:
      ValueError: c is not one array with a feature axis.

    Reference: Gers, Schmidhuber & Cummins (2000), Learning to forget: continual prediction with LSTM.
    """
    checks.array("growth", "c", c)
    return pytrees.norm(c, c.ndim - 1) / c.shape[-1] ** 0.5


def saturation(c: Float[Array, "T *batch units"], slope: float = 0.1) -> Float[Array, "T *batch"]:
    """The share of units with tanh'(c_t) = 1 - tanh² c_t < slope, in every row at every step; NaN where a unit is.

    A saturated unit is |c| > artanh √(1 - slope), 1.82 by default. It keeps its memory but tells only its sign, and almost no
    gradient reaches it through h_t = o ⊙ tanh(c_t).

    Args:
      c: as for `growth`.
      slope: below which a unit is saturated.

    Raises:
      ValueError: c is not one array with a feature axis, or not 0 < slope <= 1.
    """
    checks.array("saturation", "c", c)
    if not 0 < slope <= 1:
        raise ValueError(f"saturation: slope must lie in (0, 1], as those of tanh do; got {slope}")
    saturated = (1 - jnp.tanh(c) ** 2 < slope).astype(c.dtype)
    return jnp.where(jnp.isnan(c), c, saturated).mean(axis=-1)
