"""Keep a word for a while, then say it."""

import functools
import math

import jax.numpy as jnp
from jax import Array

from recurrent import checks
from recurrent.made import remembered
from recurrent.tasks._levels import entropy
from recurrent.tasks._task import Batch, Task, classes, every_step, integers, make_task, one_hot


@remembered
def copy_memory(symbols: int = 8, copied: int = 10) -> Task:
    """Say, after a delimiter, the symbols from before the blanks.

    Inputs, one-hot of `symbols` + 2 features: `copied` symbols, uniform and independent; length - 1 blanks (feature
    `symbols`), one delimiter (feature `symbols` + 1), and `copied` blanks: T = length + 2 copied steps.
    Targets: the class blank (`symbols`) for length + copied steps, then the symbols in their order. All steps count.

    Levels: with q = copied / T, memoryless q ln symbols, 0.173 nats at length 100 and the sizes given here; chance the
    entropy of the classes, q ln symbols - q ln q - (1 - q) ln(1 - q).
    Wrong: another class has the highest logit at any step. Solved: fewer than 1 in 100 sequences are wrong; the paper,
    which shows curves, has no such rule.

    Args:
      symbols: of the alphabet, blank and delimiter not counted.
      copied: length of the word to be remembered.

    Raises:
      ValueError: a size is not a positive integer.

    Reference: Arjovsky, Shah & Bengio (2016), Unitary evolution recurrent neural networks, section 5.1, after Hochreiter &
    Schmidhuber (1997).
    """
    checks.sizes("copy_memory", symbols=symbols, copied=copied)
    return _recall("copy_memory", symbols, copied, early=1)


@remembered
def memorization(bits: int = 5, *, symbols: int = 2) -> Task:
    """Say, from a trigger on, the word from before a stretch of inputs that are all alike: noiseless memorisation.

    Inputs, one-hot of `symbols` + 2 features: `bits` symbols, uniform and independent; `length` blanks (feature `symbols`),
    one trigger (feature `symbols` + 1), and `bits` - 1 blanks: T = length + 2 bits steps.
    Targets: the class blank (`symbols`) for length + bits steps, then, the trigger's step included, the symbols. All steps
    count. The larger one of the published tasks is `memorization(10, symbols=5)`, a word of 23 bits.

    Levels: with q = bits / T, memoryless q ln symbols; chance q ln symbols - q ln q - (1 - q) ln(1 - q).
    Wrong: another class has the highest logit at any step. Solved: fewer than 1 in 100 sequences are wrong.

    Args:
      bits: length of the word.
      symbols: what each place of it can be; 2 are a bit.

    Raises:
      ValueError: a size is not a positive integer.

    Reference: Martens & Sutskever (2011), Learning recurrent neural networks with Hessian-free optimization;
    Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks, section 4.1, and the authors'
    program for the places. After Hochreiter & Schmidhuber (1997).
    """
    checks.sizes("memorization", bits=bits, symbols=symbols)
    return _recall("memorization", symbols, bits, early=0)


def _recall(name: str, symbols: int, copied: int, early: int) -> Task:
    def levels(length):
        share = copied / (length + 2 * copied)
        return entropy([1 - share] + [share / symbols] * symbols), share * math.log(symbols)

    return make_task(
        name,
        functools.partial(draw_recall, symbols=symbols, copied=copied, early=early),
        symbols + 2,
        classes(symbols + 1),
        chance=lambda length: levels(length)[0],
        memoryless=lambda length: levels(length)[1],
    )


def draw_recall(key: Array, batch: int, length: int, symbols: int, copied: int, early: int) -> Batch:
    """Draws the word; the cue comes `early` steps before the first answer, all else is blank."""
    word = integers(key, (copied, batch), 0, symbols)
    blanks = jnp.full((length + copied, batch), symbols, jnp.int32)
    xs = jnp.concatenate([word, blanks]).at[length + copied - early].set(symbols + 1)
    return Batch(one_hot(xs, symbols + 2), jnp.concatenate([blanks, word]), every_step(xs))
