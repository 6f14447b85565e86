"""Which brackets may come next?"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from recurrent import checks
from recurrent.made import remembered
from recurrent.tasks._levels import set_entropy
from recurrent.tasks._task import Batch, Task, every_step, integers, make_task, one_hot, symbol_sets


@remembered
def brackets(kinds: int = 2, depth: int = 3) -> Task:
    """The brackets that may follow, in a text of several kinds that nest up to a depth: the language Dyck-(kinds, depth).

    Inputs: one-hot of 2 kinds features, the opening brackets first. The text begins with no bracket open. Then at each step,
    where none is open, one opens; at the full depth, the last one closes; elsewhere both have a chance of 1/2. Which kind
    opens is uniform. T = length, where the text is cut off. Targets: the set of brackets that may come next, all opening ones
    below the full depth, and the one that closes the last open one. All steps count.

    Levels of Σ_k of the binary cross-entropies, from the distribution of the number d_t of open brackets, with
    H(p) = -p ln p - (1 - p) ln(1 - p), k kinds and depth m:
      chance: k H(mean of P(d_t < m)) + k H(mean of P(d_t > 0) / k), means over t.
      memoryless: the mean over t of P(x_t opens) k H(P(d_t < m | x_t opens)) + P(x_t closes) k H(P(d_t > 0 | x_t closes) / k).
    Wrong: at any step the logit of a bracket that may not come is as high as one of those that may. Solved: no sequence is
    wrong. The paper looks at closing brackets alone, and wants 0.8 of their probability on the right one.

    Args:
      kinds: of brackets.
      depth: the most brackets that are open at once; with 1, x_t tells all.

    Raises:
      ValueError: a size is not a positive integer.

    Reference: Hewitt, Hahn, Ganguli, Liang & Manning (2020), RNNs can generate bounded hierarchical languages with optimal
    memory.
    """
    checks.sizes("brackets", kinds=kinds, depth=depth)
    return make_task(
        "brackets",
        functools.partial(draw_brackets, kinds=kinds, depth=depth),
        2 * kinds,
        symbol_sets(2 * kinds),
        chance=lambda length: bracket_levels(kinds, depth, length)[0],
        memoryless=lambda length: bracket_levels(kinds, depth, length)[1],
    )


def draw_brackets(key: Array, batch: int, length: int, kinds: int, depth: int) -> Batch:
    """Draws brackets one by one, and keeps the open ones on a stack."""
    k_coins, k_kinds = jax.random.split(key)
    coins = jax.random.bernoulli(k_coins, shape=(length, batch))
    drawn = integers(k_kinds, (length, batch), 0, kinds)
    rows = jnp.arange(batch)

    def step(state, choice_t):
        stack, opened = state
        coin, kind = choice_t
        opens = (opened == 0) | ((opened < depth) & coin)
        symbol = jnp.where(opens, kind, kinds + stack[rows, opened - 1])
        # above the last open bracket nothing is read: there a kind may be written where none opens
        stack = stack.at[rows, opened].set(kind, mode="drop")
        opened = opened + jnp.where(opens, 1, -1)
        last = jax.nn.one_hot(stack[rows, opened - 1], kinds, dtype=bool)
        allowed = jnp.concatenate([jnp.broadcast_to((opened < depth)[:, None], last.shape), last & (opened > 0)[:, None]], -1)
        return (stack, opened), (symbol, allowed)

    start = jnp.zeros((batch, depth), jnp.int32), jnp.zeros(batch, jnp.int32)
    _, (symbols, targets) = jax.lax.scan(step, start, (coins, drawn))
    return Batch(one_hot(symbols, 2 * kinds), targets, every_step(symbols))


def bracket_levels(kinds: int, depth: int, length: int) -> tuple[float, float]:
    """Chance and memoryless, from the chain of the number of open brackets."""
    opening = np.array([1.0] + [0.5] * (depth - 1) + [0.0])
    before = np.eye(depth + 1)[0]
    room, open_ones, memoryless = 0.0, 0.0, 0.0
    for _ in range(length):
        opened, closed = np.roll(before * opening, 1), np.roll(before * (1 - opening), -1)
        before = opened + closed
        room, open_ones = room + before[:-1].sum(), open_ones + before[1:].sum()
        memoryless += _shared(opened, opened[:-1].sum(), kinds) + _shared(closed, closed[1:].sum() / kinds, kinds)
    chance = kinds * (set_entropy([room / length]) + set_entropy([open_ones / length / kinds]))
    return chance, memoryless / length


def _shared(distribution: np.ndarray, part: float, kinds: int) -> float:
    """What k H(part / total) adds to a mean, where total is how probable such an input is."""
    total = distribution.sum()
    return total * kinds * set_entropy([part / total]) if total > 0 else 0.0
