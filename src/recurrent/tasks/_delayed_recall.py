"""Say at the cue which symbol was shown."""

import functools
import math
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import checks
from recurrent.made import remembered
from recurrent.tasks._task import Batch, Task, at_places, classes, integers, make_task, one_hot

Place = Literal["start", "anywhere"]


@remembered
def delayed_recall(symbols: int = 8, *, place: Place = "start", shortest_lag: int = 1) -> Task:
    """Name the one symbol of the sequence when a cue asks for it, after a lag that varies.

    Inputs, one-hot of `symbols` + 2 features: one symbol, uniform; one cue (feature `symbols` + 1); blanks (feature
    `symbols`) elsewhere. T = length steps. Where the symbol stands, p, and where the cue stands, c:
      "start": p = 0, c uniform in [shortest_lag, T).
      "anywhere": p uniform in [0, T - shortest_lag), then c uniform in [p + shortest_lag, T).
    Targets: the class of the symbol, at the cue alone.

    Levels: chance and memoryless ln symbols.
    Wrong: another class has the highest logit at the cue. Solved: fewer than 1 in 100 sequences are wrong.

    Args:
      symbols: of the alphabet, blank and cue not counted.
      place: of the symbol.
      shortest_lag: least number of steps from the symbol to the cue.

    Raises:
      ValueError: a size is not a positive integer, or an unknown place; in `sample`, a length of `shortest_lag` or less.

    Reference: the latch problem of Bengio, Simard & Frasconi (1994), Learning long-term dependencies with gradient descent is
    difficult, section 2, with a cue in place of the fixed end.
    """
    checks.sizes("delayed_recall", symbols=symbols, shortest_lag=shortest_lag)
    checks.choice("place", place, ("start", "anywhere"))
    level = math.log(symbols)
    return make_task(
        "delayed_recall",
        functools.partial(draw_delayed_recall, symbols=symbols, place=place, shortest_lag=shortest_lag),
        symbols + 2,
        classes(symbols),
        chance=lambda length: level,
        memoryless=lambda length: level,
        shortest=shortest_lag + 1,
    )


def draw_delayed_recall(key: Array, batch: int, length: int, symbols: int, place: Place, shortest_lag: int) -> Batch:
    """Draws a symbol, its place, and that of the cue."""
    k_symbol, k_shown, k_cue = jax.random.split(key, 3)
    symbol = integers(k_symbol, (batch,), 0, symbols)
    shown = integers(k_shown, (batch,), 0, 1 if place == "start" else length - shortest_lag)
    cue = integers(k_cue, (batch,), shown + shortest_lag, length)
    due = at_places(cue, length)
    xs = jnp.where(at_places(shown, length), symbol[None], jnp.where(due, symbols + 1, symbols))
    return Batch(one_hot(xs, symbols + 2), jnp.where(due, symbol[None], 0), due)
