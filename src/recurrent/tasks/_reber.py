"""Which symbols may come next in the grammar of Reber, by itself, embedded, or in a stream of strings."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float

from recurrent import checks
from recurrent.losses import masked_mean
from recurrent.made import remembered
from recurrent.tasks._levels import set_entropy
from recurrent.tasks._task import Batch, Task, counted_outputs, make_task, one_hot, symbol_sets

SYMBOLS = "BTPSXVE"
REBER = ("B1", "T2 P3", "S2 X4", "T3 V5", "X3 S6", "P4 V6", "E7")
"""The symbols that may come in each state, and the states after them; 7 is after the end."""
T, P = SYMBOLS.index("T"), SYMBOLS.index("P")


@remembered
def reber(*, continual: bool = False, embedded: bool = True) -> Task:
    """The symbols that may follow, in strings of Reber's grammar; the last symbol but one repeats the second one.

    Inputs: one-hot of the 7 symbols B, T, P, S, X, V, E. A string of the grammar begins with B and ends with E; where two
    symbols may come, each has a chance of 1/2. An embedded string is B, T or P, a string of the grammar, the same T or P
    again, E. T = length.
      one string: followed by zeros, and drawn from the strings of at most T symbols: the chances of 1/2 are conditioned on
        that, so that nothing is cut off. The steps of all symbols but the last one count.
      `continual`: one string after the other, the last of which is cut off at T. All steps count.
    Targets: the set of the symbols that may come next by the grammar.

    Levels of Σ_k of the binary cross-entropies: the best answers that know how probable each symbol is to be allowed, at all
    (chance) or at step t given x_t (memoryless), both computed from the chain of the grammar's states. At length 100 these
    are 3.615 and 0.966 nats, for streams 3.631 and 2.043: there t tells less and less.
    Wrong: at any counted step the logit of a symbol that may not come is as high as one of those that may. Solved: no sequence
    is wrong. The paper on streams wants a million symbols in a row: a batch of 1 and length 1,000,000.

    Args:
      continual: a stream of strings, not one.
      embedded: whether the grammar is embedded in an outer one, whose symbol is to be remembered.

    Raises:
      ValueError: in `sample`, a length in which no string fits: below 9, without embedding below 5.

    Reference: Hochreiter & Schmidhuber (1997), Long short-term memory, section 5.1; continual, Gers, Schmidhuber & Cummins
    (2000), Learning to forget: continual prediction with LSTM, section 4.
    """
    checks.choice("continual", continual, (True, False))
    checks.choice("embedded", embedded, (True, False))
    grammar = make_grammar(continual, embedded)
    return make_task(
        "reber",
        functools.partial(draw_strings, grammar=grammar),
        len(SYMBOLS),
        symbol_sets(len(SYMBOLS)),
        chance=lambda length: string_levels(grammar, length)[0],
        memoryless=lambda length: string_levels(grammar, length)[1],
        shortest=1 if continual else 9 if embedded else 5,
    )


def outer_steps(batch: Batch) -> Bool[Array, "T batch"]:
    """The steps after which the outer T or P of an embedded string is due: the only ones where one of them alone may come."""
    one = jnp.sum(batch.targets, axis=-1) == 1
    return batch.mask & one & (batch.targets[..., T] | batch.targets[..., P])


def outer_accuracy(outputs: Float[Array, "T batch outputs"], batch: Batch) -> Float[Array, ""]:
    """How often the right one of T and P has the higher logit when the outer symbol is due; 0 where it never is.

    Without memory it is 1/2.

    Reference: Gers, Schmidhuber & Cummins (2000), Learning to forget: continual prediction with LSTM, section 4.
    """
    logits = counted_outputs(outputs, batch, len(SYMBOLS))
    difference = logits[..., T] - logits[..., P]
    right = jnp.where(batch.targets[..., T], difference > 0, difference < 0)
    return masked_mean(right.astype(jnp.float32), outer_steps(batch))


class Grammar(NamedTuple):
    """States that have one or two ways on; one way is written down twice.

    Attributes:
      symbols: of each way, `[states, 2]`; 7 for no symbol.
      states: after it, `[states, 2]`.
      allowed: the symbols that may come, `[states, 7]`.
      end: the state after the last symbol; None in a stream.
    """

    symbols: np.ndarray
    states: np.ndarray
    allowed: np.ndarray
    end: int | None


def make_grammar(continual: bool, embedded: bool) -> Grammar:
    """The grammar of single strings or of streams; state 0 is where a string begins."""
    rows = ways(REBER)
    if embedded:
        with_t, with_p = ways(REBER, shift=2), ways(REBER, shift=10)
        rows = [*ways(("B1", "T2 P10")), *with_t, *ways(("T18",)), *with_p, *ways(("P18", "E19"))]
    end = len(rows)
    if continual:
        rows = [[(symbol, 0 if state == end else state) for symbol, state in row] for row in rows]
    else:
        rows = [*rows, [(len(SYMBOLS), end)]]
    pairs = np.array([row * 2 if len(row) == 1 else row for row in rows], np.int32)
    allowed = np.any(pairs[:, :, 0, None] == np.arange(len(SYMBOLS)), axis=1)
    return Grammar(pairs[..., 0], pairs[..., 1], allowed, None if continual else end)


def ways(texts: Sequence[str], shift: int = 0) -> list[list[tuple[int, int]]]:
    """Symbols and next states of the ways that lead on from each state."""
    return [[(SYMBOLS.index(way[0]), shift + int(way[1:])) for way in text.split()] for text in texts]


def second_way(grammar: Grammar, length: int) -> np.ndarray:
    """How probable the second way is at each step and in each state, `[T, states]`, given that the string ends in time."""
    if grammar.end is None:
        return np.full((length, len(grammar.states)), 0.5)
    # how probable it is that a string ends within the steps that are left
    in_time, rows = np.eye(len(grammar.states))[grammar.end], []
    for _ in range(length):
        first, second = in_time[grammar.states].T
        total = first + second
        rows.append(second / np.where(total > 0, total, 1))
        in_time = total / 2
    return np.stack(rows[::-1])


def draw_strings(key: Array, batch: int, length: int, grammar: Grammar) -> Batch:
    """Walks through the states of the grammar."""
    symbols, states, allowed = map(jnp.asarray, grammar[:3])
    chances = jnp.asarray(second_way(grammar, length), jnp.float32)
    draws = jax.random.uniform(key, (length, batch), jnp.float32)

    def step(state, inputs):
        chance, draw = inputs
        way = (draw < chance[state]).astype(jnp.int32)
        after = states[state, way]
        return after, (symbols[state, way], after)

    _, (drawn, after) = jax.lax.scan(step, jnp.zeros(batch, jnp.int32), (chances, draws))
    counted = jnp.ones_like(after, bool) if grammar.end is None else after != grammar.end
    return Batch(one_hot(drawn, len(SYMBOLS)), allowed[after] & counted[..., None], counted)


def string_levels(grammar: Grammar, length: int) -> tuple[float, float]:
    """Chance and memoryless, from how probable each symbol, with the state after it, is at each step."""
    before = np.eye(len(grammar.states))[0]
    total, sets, memoryless = 0.0, np.zeros(len(SYMBOLS)), 0.0
    for second in second_way(grammar, length):
        joint = np.zeros((len(SYMBOLS) + 1, len(before)))
        np.add.at(joint, (grammar.symbols, grammar.states), before[:, None] * np.stack([1 - second, second], axis=-1))
        before = joint.sum(axis=0)
        if grammar.end is not None:
            joint[:, grammar.end] = 0
        weights, allowed = joint.sum(axis=1), joint @ grammar.allowed
        total, sets = total + weights.sum(), sets + allowed.sum(axis=0)
        memoryless += weights @ set_entropy(allowed / np.where(weights > 0, weights, 1)[:, None])
    return float(set_entropy(sets / total)), float(memoryless / total)
