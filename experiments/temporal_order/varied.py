"""Sequences of many lengths in one batch."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import tasks
from recurrent.made import remembered
from recurrent.tasks import Batch, Task


@remembered
def varied(shortest: int) -> Task:
    """`temporal_order` with a length of its own, uniform in [shortest, length], for every sequence.

    The answer is due at the last step of a sequence. The steps behind it hold distractors, and no loss sees them.
    """

    def sample(key: Array, batch: int, length: int) -> Batch:
        k_length, k_distractors, *keys = jax.random.split(key, 6)
        own = jax.random.randint(k_length, (batch,), shortest, length + 1)
        symbols = jax.random.randint(k_distractors, (length, batch), 2, 6)
        word = jnp.zeros(batch, jnp.int32)
        for begin, k_place, k_symbol in zip((own // 10, own // 2), keys[::2], keys[1::2], strict=True):
            place = jax.random.randint(k_place, (batch,), begin, begin + own // 10)
            symbol = jax.random.randint(k_symbol, (batch,), 0, 2)
            symbols = symbols.at[place, jnp.arange(batch)].set(symbol)
            word = 2 * word + symbol
        mask = jnp.arange(length)[:, None] == own - 1
        return Batch(jax.nn.one_hot(symbols, 6), jnp.where(mask, word, 0), mask)

    return dataclasses.replace(tasks.temporal_order(), sample=sample, shortest=shortest)
