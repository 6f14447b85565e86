"""In which order did the relevant symbols come?"""

import functools
import math

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import checks
from recurrent.made import remembered
from recurrent.tasks._task import Batch, Task, classes, integers, last_step, make_task, one_hot

DISTRACTORS = 4
PERCENTS = {2: (10, 50), 3: (10, 33, 66)}
"""Where the places of each relevant symbol begin, in hundredths of the length."""


@remembered
def temporal_order(relevant: int = 2) -> Task:
    """Which of X and Y stood at each of the relevant places? Answered at the last step.

    Inputs: one of 6 symbols per step, one-hot: X, Y, and 4 distractors, drawn uniformly for all other places. With two relevant
    symbols the first one stands, uniformly, at one of the ⌊T/10⌋ places from ⌊T/10⌋ on, the second one from ⌊T/2⌋ on; with
    three, from ⌊T/10⌋, ⌊33 T/100⌋ and ⌊66 T/100⌋ on (places count from 0). Each is X or Y, with equal chances.
    Targets: the class of the word, XX, XY, YX, YY = 0 ... 3 (with three XXX ... YYY = 0 ... 7), at the last step; T = length.

    Levels: chance and memoryless ln 4 = 1.386 nats, with three ln 8 = 2.079: the last symbol is a distractor.
    Wrong: another class has the highest logit. Solved: fewer than 1 in 100 sequences are wrong.

    Args:
      relevant: symbols to remember, 2 or 3.

    Raises:
      ValueError: another number of relevant symbols; in `sample`, a length below 10.

    Reference: Hochreiter & Schmidhuber (1997), Long short-term memory, section 5.6, experiments 6a and 6b, where T is 100 to
    110 and start and end have symbols of their own; with two symbols, Pascanu, Mikolov & Bengio (2013), section 4.1.
    """
    checks.choice("relevant", relevant, tuple(PERCENTS))
    level = relevant * math.log(2)
    return make_task(
        "temporal_order",
        functools.partial(draw_temporal_order, relevant=relevant),
        2 + DISTRACTORS,
        classes(2**relevant),
        chance=lambda length: level,
        memoryless=lambda length: level,
        shortest=10,
    )


def draw_temporal_order(key: Array, batch: int, length: int, relevant: int) -> Batch:
    """Draws distractors, and the relevant symbols in their places."""
    k_distractors, *keys = jax.random.split(key, 1 + 2 * relevant)
    symbols = integers(k_distractors, (length, batch), 2, 2 + DISTRACTORS)
    word = jnp.zeros(batch, jnp.int32)
    for percent, k_place, k_symbol in zip(PERCENTS[relevant], keys[::2], keys[1::2], strict=True):
        begin = length * percent // 100
        place = integers(k_place, (batch,), begin, begin + length // 10)
        symbol = integers(k_symbol, (batch,), 0, 2)
        symbols = symbols.at[place, jnp.arange(batch)].set(symbol)
        word = 2 * word + symbol
    return Batch(one_hot(symbols, 2 + DISTRACTORS), *last_step(word, length))
