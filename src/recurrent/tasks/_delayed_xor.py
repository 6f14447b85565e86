"""The exclusive or of two bits of the past."""

import functools
import math

import jax.numpy as jnp
from jax import Array

from recurrent import checks
from recurrent.made import remembered
from recurrent.tasks._task import Batch, Task, bits, classes, counted_steps, make_task


@remembered
def delayed_xor(delay: int) -> Task:
    """y_t = x_{t-delay} xor x_{t-2 delay}.

    Inputs: fair, independent bits, one feature of 0 or 1; T = length. Targets: the class y_t, from step 2 delay on.

    Levels: chance and memoryless ln 2.
    Wrong: the other class has the higher logit at any counted step. Solved: fewer than 1 in 100 sequences are wrong; the
    paper, which shows the share of right answers, has no such rule, and squares the error of one output.

    Raises:
      ValueError: the delay is not a positive integer; in `sample`, a length of 2 delay or less.

    Reference: Engelken (2023), Gradient flossing: improving gradient descent through dynamic control of Jacobians, with
    delays as in the author's program.
    """
    checks.sizes("delayed_xor", delay=delay)
    return make_task(
        "delayed_xor",
        functools.partial(draw_delayed_xor, delay=delay),
        1,
        classes(2),
        chance=lambda length: math.log(2),
        memoryless=lambda length: math.log(2),
        shortest=2 * delay + 1,
    )


def draw_delayed_xor(key: Array, batch: int, length: int, delay: int) -> Batch:
    """Draws bits."""
    xs, drawn = bits(key, batch, length)
    answers = drawn[delay:-delay] ^ drawn[: -2 * delay]
    targets = jnp.concatenate([jnp.zeros((2 * delay, batch), jnp.int32), answers])
    return Batch(xs, targets, counted_steps(jnp.arange(length) >= 2 * delay, batch))
