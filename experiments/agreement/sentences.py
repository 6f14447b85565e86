"""The sentences of `agreement`."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

PRONOUNS = ("he", "she")
REFLEXIVES = ("himself", "herself")
NOUNS = ("king", "queen", "man", "woman", "father", "mother", "boy", "girl", "dog", "house", "river", "letter")
VERBS = ("saw", "took", "found", "heard", "called", "told", "left", "met")
OTHERS = ("the", "a", "that", "who", "and", "then", "old", "young", "slowly", "never", "near", "with")
VOCABULARY = (*PRONOUNS, *NOUNS, *VERBS, *OTHERS)


def sentences(key: Array, distances: Array, genders: Array, longest: int) -> Array:
    """Draws sentences without their reflexives: codes `[1 + longest, n]`; row i ends after 1 + distances[i] words, then -1."""
    words = jax.random.randint(key, (longest, len(distances)), len(PRONOUNS), len(VOCABULARY))
    codes = jnp.concatenate([genders[None].astype(words.dtype), words])
    return jnp.where(jnp.arange(1 + longest)[:, None] <= distances[None], codes, -1)


def random_sentences(key: Array, count: int, longest: int) -> tuple[Array, Array, Array]:
    """Draws sentences of random distances 1 ... longest: codes, distances, and genders, which are the reflexives."""
    k_distance, k_gender, k_words = jax.random.split(key, 3)
    distances = jax.random.randint(k_distance, (count,), 1, longest + 1)
    genders = jax.random.bernoulli(k_gender, 0.5, (count,)).astype(jnp.int32)
    return sentences(k_words, distances, genders, longest), distances, genders


def spelled(codes: np.ndarray, gender: int) -> str:
    """One sentence in words, with its reflexive."""
    return " ".join([*(VOCABULARY[code] for code in codes if code >= 0), REFLEXIVES[gender]])
