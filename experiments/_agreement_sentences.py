"""The sentences of `agreement`, and the n-gram that it is compared with."""

import collections

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


class Ngram:
    """Counts which reflexive follows the last words; backs off to fewer words where it has not seen so many."""

    def __init__(self, order: int):
        """An empty n-gram of an order, which is one more than the words it sees."""
        self.order = order
        self.counts: dict[tuple[int, ...], np.ndarray] = collections.defaultdict(lambda: np.zeros(2, int))

    def fit(self, codes: np.ndarray, distances: np.ndarray, genders: np.ndarray) -> "Ngram":
        """Counts the contexts of all lengths."""
        for sentence, gender in zip(self._contexts(codes, distances), genders, strict=True):
            for start in range(len(sentence) + 1):
                self.counts[sentence[start:]][gender] += 1
        return self

    def predict(self, codes: np.ndarray, distances: np.ndarray) -> np.ndarray:
        """Chooses the likelier reflexive by the longest context seen; of equally likely ones, by the next shorter context."""
        return np.array([self._choose(context) for context in self._contexts(codes, distances)])

    def _choose(self, context: tuple[int, ...]) -> int:
        for start in range(len(context) + 1):
            counts = self.counts.get(context[start:])
            if counts is not None and counts[0] != counts[1]:
                return int(np.argmax(counts))
        return 0

    def _contexts(self, codes: np.ndarray, distances: np.ndarray) -> list[tuple[int, ...]]:
        seen = self.order - 1
        return [tuple(row[max(0, 1 + d - seen) : 1 + d].tolist()) for row, d in zip(codes.T, distances, strict=True)]
