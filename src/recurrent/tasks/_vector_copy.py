"""Say a sequence of vectors again."""

import functools
import math

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import checks
from recurrent.made import remembered
from recurrent.tasks._task import Batch, Task, binary, integers, make_task


@remembered
def vector_copy(bits: int = 8, *, fewest: int | None = 1) -> Task:
    """After a delimiter, repeat the vectors that came before it.

    Inputs, `bits` + 1 features: n vectors of fair, independent bits, n uniform in [fewest, length]; a delimiter (feature
    `bits`); zeros. T = 2 length + 1 steps, whatever n.
    Targets: the n vectors in their order, at the n steps behind the delimiter, which are those that count.

    Levels: chance and memoryless `bits` ln 2 per step. A sequence of n vectors costs n / ln 2 times the loss in bits.
    Wrong: a logit on the wrong side of 0. Solved: fewer than 1 in 100 sequences are wrong; the paper, which shows costs, has no
    such rule.

    Args:
      bits: of a vector.
      fewest: vectors of a sequence; None for `length` of them in every one.

    Raises:
      ValueError: a size is not a positive integer; in `sample`, a length below `fewest`.

    Reference: Graves, Wayne & Danihelka (2014), Neural Turing machines, section 4.1.
    """
    checks.sizes("vector_copy", bits=bits, **({} if fewest is None else {"fewest": fewest}))
    level = bits * math.log(2)
    return make_task(
        "vector_copy",
        functools.partial(draw_vector_copy, bits=bits, fewest=fewest),
        bits + 1,
        binary(bits),
        chance=lambda length: level,
        memoryless=lambda length: level,
        shortest=fewest or 1,
    )


def draw_vector_copy(key: Array, batch: int, length: int, bits: int, fewest: int | None) -> Batch:
    """Draws how many vectors each sequence has, and the vectors."""
    k_count, k_bits = jax.random.split(key)
    count = jnp.full(batch, length, jnp.int32) if fewest is None else integers(k_count, (batch,), fewest, length + 1)
    places = jnp.arange(2 * length + 1, dtype=jnp.int32)[:, None] - count[None]  # behind the delimiter
    drawn = jnp.concatenate(
        [jax.random.bernoulli(k_bits, 0.5, (length, batch, bits)), jnp.zeros((length + 1, batch, bits), bool)]
    )
    vectors = drawn & (places < 0)[..., None]
    mask = (places > 0) & (places <= count[None])
    repeated = jnp.take_along_axis(vectors, jnp.maximum(places - 1, 0)[..., None], axis=0)
    xs = jnp.concatenate([vectors, (places == 0)[..., None]], axis=-1).astype(jnp.float32)
    return Batch(xs, repeated & mask[..., None], mask)
