"""The word problem of a group: what is the product so far?"""

import functools
import itertools
import math
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from recurrent import checks
from recurrent.made import remembered
from recurrent.tasks._levels import entropy
from recurrent.tasks._task import Batch, Task, bits, classes, every_step, integers, make_task, one_hot

Factors = Literal["all", "transpositions"]


@remembered
def parity() -> Task:
    """y_t = x_1 xor ... xor x_t: is the number of ones so far odd?

    Inputs: fair, independent bits, one feature of 0 or 1; T = length. Targets: a class at every step. All steps count.

    Levels: chance ln 2; memoryless (1 - 1/T) ln 2, for the first step has no past.
    Wrong: the other class has the higher logit at any step. Solved: fewer than 1 in 100 sequences are wrong.

    Reference: Grazzi, Siems, Franke, Zela, Hutter & Pontil (2025), Unlocking state-tracking in linear RNNs through negative
    eigenvalues, who train at lengths up to 40, and test up to 256.
    """
    return make_task(
        "parity",
        draw_parity,
        1,
        classes(2),
        chance=lambda length: math.log(2),
        memoryless=lambda length: (1 - 1 / length) * math.log(2),
    )


def draw_parity(key: Array, batch: int, length: int) -> Batch:
    """Draws bits."""
    xs, drawn = bits(key, batch, length)
    return Batch(xs, jnp.cumsum(drawn, axis=0) % 2, every_step(drawn))


@remembered
def permutations(elements: int = 3, *, factors: Factors = "all") -> Task:
    """p_t = x_t ∘ p_{t-1}, p_0 = 1: where is each of 3, 4 or 5 elements after all permutations so far?

    Inputs, one-hot: a uniform, independent factor x_t per step. With "all", any of the n! permutations, in lexicographic order
    of (x(0), ..., x(n-1)), so that feature 0 is the identity; with "transpositions", (0 1), (0 2), ..., (n-2 n-1).
    T = length. Targets: the class of p_t, of p_t(i) = x_t(p_{t-1}(i)), in lexicographic order. All steps count.

    Levels with "all": chance ln n!, memoryless (1 - 1/T) ln n!, for the first step has no past. With "transpositions" the
    distribution P_t of p_t becomes uniform slowly, and on one half of the group only: chance is the entropy of the mean of
    P_1 ... P_T, and memoryless the mean of the entropies of P_0 ... P_{T-1}; both are computed by that walk.
    Wrong: another class has the highest logit at any step. Solved: fewer than 1 in 100 sequences are wrong.

    Args:
      elements: n; with 5 the group is not solvable, and its word problem complete for NC¹.
      factors: what the inputs are.

    Raises:
      ValueError: another number of elements, or unknown factors.

    Reference: Barrington (1989), Bounded-width polynomial-size branching programs recognize exactly those languages in NC¹;
    Merrill, Petty & Sabharwal (2024), The illusion of state in state-space models.
    """
    checks.choice("elements", elements, (3, 4, 5))
    checks.choice("factors", factors, ("all", "transpositions"))
    table = product_table(elements, factors)
    order, count = table.shape
    return make_task(
        "permutations",
        functools.partial(draw_products, table=table),
        count,
        classes(order),
        chance=lambda length: entropy(np.mean(walk(table, length)[1:], axis=0)),
        memoryless=lambda length: np.mean(entropy(walk(table, length)[:-1])),
    )


def product_table(elements: int, factors: Factors) -> np.ndarray:
    """The class of x ∘ p for every class of p, `[n!, factors]`."""
    group = list(itertools.permutations(range(elements)))
    chosen = group
    if factors == "transpositions":
        pairs = itertools.combinations(range(elements), 2)
        chosen = [tuple(j if k == i else i if k == j else k for k in range(elements)) for i, j in pairs]
    index = {p: n for n, p in enumerate(group)}
    return np.array([[index[tuple(x[k] for k in p)] for x in chosen] for p in group], np.int32)


def walk(table: np.ndarray, length: int) -> np.ndarray:
    """The distributions of p_0, ..., p_T, `[T + 1, n!]`."""
    order, count = table.shape
    step = np.zeros((order, order))
    np.add.at(step, (np.arange(order)[:, None], table), 1 / count)
    states = [np.eye(order)[0]]
    for _ in range(length):
        states.append(states[-1] @ step)
    return np.stack(states)


def draw_products(key: Array, batch: int, length: int, table: np.ndarray) -> Batch:
    """Draws factors, and multiplies them from left to right."""
    factors = integers(key, (length, batch), 0, table.shape[1])
    products = jnp.asarray(table)

    def step(p_tm1, x_t):
        p_t = products[p_tm1, x_t]
        return p_t, p_t

    _, targets = jax.lax.scan(step, jnp.zeros(batch, jnp.int32), factors)
    return Batch(one_hot(factors, table.shape[1]), targets, every_step(factors))
