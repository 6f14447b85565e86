"""Add the two marked numbers."""

import functools
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import checks
from recurrent.made import remembered
from recurrent.tasks._task import Batch, Task, at_places, integers, last_step, make_task, numbers

AddingForm = Literal["one per half", "leading part"]


@remembered
def adding(form: AddingForm = "one per half") -> Task:
    """The sum, or the mean, of two marked numbers, at the last step.

    Inputs: a number of U[0, 1), and a marker, which is 1 at two places and 0 elsewhere.
      "one per half": places uniform in [0, ⌊T/2⌋) and in [⌊T/2⌋, T); the target is the sum, of mean 1 and variance 1/6.
      "leading part": places uniform in [0, ⌊T/10⌋) and in the ⌊2T/5⌋ places from ⌊T/10⌋ on; the target is the mean of both
      numbers, of mean 1/2 and variance 1/24. The authors draw T, one for each batch, from [length, 1.1 length).
    Targets: one number, at the last of T = length steps.

    Levels of the squared error: chance 1/6, and 1/24 for "leading part". Memoryless 1/24 for "leading part", too; for
    "one per half" 1/6 - 1/(12 ⌈T/2⌉), for the last number may be the second marked one.
    Wrong: a squared error above 0.04. Solved: fewer than 1 in 100 sequences are wrong. This is the rule for the mean, used for
    the sum, too, where the paper shows curves only.

    Raises:
      ValueError: an unknown form; in `sample`, a length below 2, or below 10 for "leading part".

    Reference: "one per half", Arjovsky, Shah & Bengio (2016), Unitary evolution recurrent neural networks, section 5.2;
    "leading part", Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks, section 4.1,
    with places as in the authors' program. Both after Hochreiter & Schmidhuber (1997), section 5.4.
    """
    checks.choice("form", form, ("one per half", "leading part"))
    halves = form == "one per half"
    variance = 1 / 6 if halves else 1 / 24
    return make_task(
        "adding",
        functools.partial(draw_adding, form=form),
        2,
        numbers(tolerance=0.04),
        chance=lambda length: variance,
        memoryless=lambda length: variance - (1 / 12 / (length - length // 2) if halves else 0),
        shortest=2 if halves else 10,
    )


def draw_adding(key: Array, batch: int, length: int, form: AddingForm) -> Batch:
    """Draws numbers and two places for the markers."""
    k_values, *keys = jax.random.split(key, 3)
    values = jax.random.uniform(k_values, (length, batch), jnp.float32)
    if form == "one per half":
        bounds, weight = (0, length // 2, length), 1.0
    else:
        bounds, weight = (0, length // 10, length // 10 + 2 * length // 5), 0.5
    places = [integers(k, (batch,), low, high) for k, low, high in zip(keys, bounds[:-1], bounds[1:], strict=True)]
    markers = at_places(places[0], length) | at_places(places[1], length)
    total = weight * jnp.sum(jnp.where(markers, values, 0), axis=0)
    xs = jnp.stack([values, markers.astype(jnp.float32)], axis=-1)
    return Batch(xs, *last_step(total[:, None], length))
