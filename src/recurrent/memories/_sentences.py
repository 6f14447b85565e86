"""A sentence as a vector: the sum of its words' vectors, each weighted by its place. Word 0 is padding."""

import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float, Int

from recurrent.pytrees import wide


def position_weights(
    words: Int[Array, "*lead words"], width: int, dtype: DTypeLike = jnp.float32
) -> Float[Array, "*lead words width"]:
    """l_jk = (1 - j/J) - (k/d)(1 - 2j/J) at the j-th of the J words of a sentence, k = 1 ... d; 0 at padding.

    Padding, wherever it stands, counts neither for j nor for J.

    Reference: Sukhbaatar, Szlam, Weston & Fergus (2015), End-to-end memory networks, section 4.1.
    """
    there = words != 0
    places, total = jnp.cumsum(there, axis=-1), jnp.maximum(there.sum(axis=-1, keepdims=True), 1)
    share = (places.astype(dtype) / total.astype(dtype))[..., None]
    component = (jnp.arange(1, width + 1, dtype=dtype) / width).reshape(*(1,) * words.ndim, width)
    return jnp.where(there[..., None], 1 - share - component * (1 - 2 * share), 0)


def sentence_vectors(
    table: Float[Array, "vocabulary width"], words: Int[Array, "*lead words"], *, position_encoding: bool = True
) -> Float[Array, "*lead width"]:
    """Σ_j l_j ⊙ table[word_j], with l_j = 1 without position encoding; 0 for a sentence without words.

    Words beyond the vocabulary act as its last one. What the table holds for word 0 is not looked at.

    Reference: Sukhbaatar, Szlam, Weston & Fergus (2015), End-to-end memory networks, section 4.1.
    """
    table = wide(table)
    vectors = jnp.take(without_padding_word(table), words, axis=0, mode="clip")
    if position_encoding:
        vectors = position_weights(words, table.shape[1], table.dtype) * vectors
    return jnp.sum(vectors, axis=-2)


def without_padding_word(table: Array) -> Array:
    """The table with 0 in the place of word 0."""
    return table.at[0].set(0)
