"""Neurons in a column, connected at random: the nearer two are, the more likely; excitatory ones first, then inhibitory."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from recurrent import checks
from recurrent.initializers import Drawn
from recurrent.made import remembered

KINDS = ("excitatory", "inhibitory")
PROBABILITIES = ((0.3, 0.2), (0.4, 0.1))
"""C of a synapse between neighbours [from, to], both in the order of `KINDS`."""
STRENGTHS_NA = ((30.0, 60.0), (19.0, 19.0))
"""Mean strength of a synapse [from, to]."""


def column(size: int, base: tuple[int, int] = (3, 3)) -> Float[np.ndarray, "size 3"]:
    """Integer points of a column that is filled layer by layer: 135 on a base of 3 x 3 are 15 layers."""
    checks.sizes("column", size=size, **{f"base[{axis}]": side for axis, side in enumerate(base)})
    (width, depth), i = base, np.arange(size)
    return np.stack([i % width, i // width % depth, i // (width * depth)], axis=-1).astype(float)


def connection_probabilities(
    positions: Float[Array, "hidden 3"],
    inhibitory: int,
    reach: float = 2.0,
    probabilities: Sequence[Sequence[float]] = PROBABILITIES,
) -> Float[Array, "hidden hidden"]:
    """P_ij = C exp(-(D_ij / λ)²) of a synapse from neuron i to neuron j at the distance D_ij; 0 from a neuron to itself.

    Args:
      positions: of the neurons, of which the last ones are inhibitory.
      inhibitory: how many of them.
      reach: λ, in units of the grid.
      probabilities: C by the kinds of both neurons, [from, to].

    Reference: Maass, Natschläger & Markram (2002), Real-time computing without stable states, appendix B.
    """
    squares = jnp.sum(jnp.square(positions[:, None] - positions[None]), axis=-1)
    likely = jnp.asarray(by_kind(probabilities, len(positions), inhibitory), squares.dtype) * jnp.exp(-squares / reach**2)
    return likely * (1 - jnp.eye(len(positions), dtype=likely.dtype))


def by_kind(table: Sequence[Sequence[float]], size: int, inhibitory: int) -> np.ndarray:
    """The entries of a table [from, to] for every pair of neurons, `[size, size]`."""
    kinds = (np.arange(size) >= size - inhibitory).astype(int)
    return np.asarray(table)[kinds[:, None], kinds]


def draw_synapses(key: Array, probabilities: Float[Array, "n m"], means: Float[np.ndarray, "n m"]) -> Float[Array, "n m"]:
    """Strengths of exponential distribution with these means; 0 where no synapse is drawn."""
    k_there, k_strength = jax.random.split(key)
    shape, dtype = probabilities.shape, probabilities.dtype
    there = jax.random.uniform(k_there, shape, dtype) < probabilities
    return jnp.where(there, jnp.asarray(means, dtype) * exponential_strengths(1.0)(k_strength, shape, dtype), 0)


@remembered
def exponential_strengths(mean: float) -> Drawn:
    """Returns entries of the exponential distribution, a gamma distribution whose deviation is its mean.

    Raises:
      ValueError: a mean that is not positive and finite.
    """
    checks.positive(**{"exponential_strengths: mean": mean})
    return Drawn(lambda key, shape, dtype: mean * jax.random.exponential(key, shape, dtype))
