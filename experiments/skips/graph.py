"""The recurrent skip coefficient of any cell, read from which entry of its state depends on which entry before the step.

Reference: Zhang et al. (2016), Architectural complexity measures of recurrent neural networks, definition 2.4; Karp (1978), A
characterization of the minimum cycle mean in a digraph.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from recurrent import Cell, pytrees
from recurrent.flow import step_jacobians

DRAWS = 3
"""Random parameters, states and inputs at which Jacobians are read."""
SCALE = 0.3
"""Of these numbers; no parameter is 0, as biases are at the start of a training."""


def coefficient(cell: Cell, features: int) -> float:
    """Steps of time per edge of the shortest path through the unrolled cell, in the limit of long paths."""
    return steps_per_edge(edges(cell, features))


def edges(cell: Cell, features: int) -> np.ndarray:
    """Costs of one step from one entry of the state to another, `[later, earlier]`: 1, 0 for a copy, infinite without an edge.

    An entry is a copy if its row of the Jacobian is a unit vector whatever the parameters. What a step computes counts
    as one edge, however many products and layers there are between two states.
    """
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(cell.init, jax.random.key(0))
    given = shapes, jax.ShapeDtypeStruct((1, features), jnp.float32), jax.eval_shape(cell.initial_state, shapes)
    jacobian = jax.jit(functools.partial(step_jacobians, cell))
    found = np.stack([jacobian(*_random(given, rng))[0] for _ in range(DRAWS)])
    copies = (((found != 0).sum(axis=-1) == 1) & (found.sum(axis=-1) == 1)).all(axis=0)
    return np.where((found != 0).any(axis=0), np.where(copies, 0.0, 1.0)[:, None], np.inf)


def steps_per_edge(costs: np.ndarray) -> float:
    """n over the least cost of a path of n steps, for n to infinity; exact, from paths of as many steps as there are nodes.

    It is the largest ratio of steps to cost of all cycles, which Karp's theorem gives without looking at each. Infinite if
    something is copied forever, 0 if no path goes on.

    Args:
      costs: of one step, `[later, earlier]`, not negative; infinite without an edge.
    """
    size = len(costs)
    least = np.zeros((size + 1, size))  # of all paths of so many steps that end in a node
    for steps in range(size):
        least[steps + 1] = (costs + least[steps]).min(axis=1)
    lasting = np.isfinite(least[size])
    if not lasting.any():
        return 0.0
    gained = least[size, lasting] - least[:size, lasting]
    with np.errstate(divide="ignore"):
        ratios = (size - np.arange(size))[:, None] / gained
    return float(ratios.min(axis=0).max())


def _random(shapes: Any, rng: np.random.Generator) -> Any:
    """Draws the leaves of a tree; those that are no floats are 0."""

    def leaf(shape):
        scale = SCALE if pytrees.is_inexact(shape) else 0.0
        return jnp.asarray(scale * rng.normal(size=shape.shape), shape.dtype)

    return jax.tree.map(leaf, shapes)
