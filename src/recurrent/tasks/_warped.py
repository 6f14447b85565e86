"""Remember the last character but one, while time is stretched."""

import functools
import math
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import checks
from recurrent.made import remembered
from recurrent.tasks._task import Batch, Task, classes, integers, make_task, one_hot

WarpForm = Literal["uniform warping", "variable warping", "uniform padding", "variable padding"]


@remembered
def warped(warp: int, form: WarpForm = "variable warping", *, characters: int = 9) -> Task:
    """The character before the current one, in a sequence whose time is warped.

    The characters: the first one uniform, each later one uniform among all but its predecessor. Each lasts d steps, and what
    the length T cuts off is dropped:
      "uniform ...": d = warp. "variable ...": d uniform in {1, ..., warp}, drawn for each character.
      "... warping": the character is repeated for all its steps, all of which count.
      "... padding": it stands at the first of its steps, which alone counts; the others have a dummy.
    Inputs: one-hot of `characters` + 1 features, the last of which is the dummy. Targets: the class of the character before
    the current one; the steps of the first character do not count, as there is none. T = length.

    Levels: chance ln characters; memoryless ln(characters - 1) = 2.079 nats, as neighbours differ.
    Wrong: another class has the highest logit at any counted step. Solved: fewer than 1 in 100 sequences are wrong; the
    paper, which shows losses, has no such rule.

    Args:
      warp: how long a character lasts at most.
      form: as above.
      characters: of the alphabet; the dummy is not counted.

    Raises:
      ValueError: a size is not a positive integer, fewer than 3 characters, an unknown form; in `sample`, a length of `warp`
        or less.

    Reference: Tallec & Ollivier (2018), Can recurrent neural networks warp time?, section 3, where T is 500, and warp 1 to 100.
    """
    checks.sizes("warped", warp=warp, characters=characters)
    checks.choice("form", form, get_args(WarpForm))
    if characters < 3:
        raise ValueError(f"warped: characters must be at least 3, for of 2 the other one came before; got {characters}")
    return make_task(
        "warped",
        functools.partial(draw_warped, warp=warp, form=form, characters=characters),
        characters + 1,
        classes(characters),
        chance=lambda length: math.log(characters),
        memoryless=lambda length: math.log(characters - 1),
        shortest=warp + 1,
    )


def draw_warped(key: Array, batch: int, length: int, warp: int, form: WarpForm, characters: int) -> Batch:
    """Draws as many characters as could be needed, and for how long each lasts."""
    k_durations, k_first, k_changes = jax.random.split(key, 3)
    steps = jnp.arange(length, dtype=jnp.int32)
    if form.startswith("uniform"):
        place = jnp.broadcast_to((steps // warp)[:, None], (length, batch))
    else:
        ends = jnp.cumsum(integers(k_durations, (batch, length), 1, warp + 1), axis=1)
        place = jax.vmap(lambda own: jnp.searchsorted(own, steps, side="right"))(ends).T
    first = integers(k_first, (batch, 1), 0, characters)
    changes = integers(k_changes, (batch, length - 1), 1, characters)
    word = jnp.cumsum(jnp.concatenate([first, changes], axis=1), axis=1).T % characters
    current, before = (jnp.take_along_axis(word, n, axis=0) for n in (place, jnp.maximum(place - 1, 0)))
    begins = jnp.concatenate([jnp.ones((1, batch), bool), place[1:] > place[:-1]])
    shown = begins if form.endswith("padding") else jnp.ones_like(begins)
    counted = shown & (place > 0)
    return Batch(one_hot(jnp.where(shown, current, characters), characters + 1), jnp.where(counted, before, 0), counted)
