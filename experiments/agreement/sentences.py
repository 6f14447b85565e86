"""The sentences of `agreement`: a subject, clauses with competing pronouns between other words, and the subject's reflexive."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

PRONOUNS = ("he", "she")
REFLEXIVES = ("himself", "herself")
OPENERS = ("that", "because", "while")
VERBS = ("saw", "took", "found", "heard", "called", "told", "left", "met")
NOUNS = ("king", "queen", "man", "woman", "father", "mother", "boy", "girl", "dog", "house", "river", "letter")
OTHERS = ("the", "a", "and", "then", "old", "young", "slowly", "never", "near", "with")
VOCABULARY = (*PRONOUNS, *OPENERS, *VERBS, *NOUNS, *OTHERS)
CLAUSE = 3
"""Words of a clause: an opener, a competing pronoun, a verb."""
MOST = 4
"""Clauses of a sentence at most."""
SHORTEST = CLAUSE * MOST + 1
"""Least distance in the test: there is room for every number of clauses, and for more sentences than training can meet."""


class Sentences(NamedTuple):
    """Sentences without their reflexives.

    Attributes:
      codes: words `[1 + longest, n]`, -1 behind the end.
      distances: words between subject and reflexive, `[n]`.
      genders: of the subjects, and so of the reflexives, `[n]`.
    """

    codes: Array
    distances: Array
    genders: Array


def random_sentences(key: Array, count: int, longest: int) -> Sentences:
    """Draws distances 1 ... longest, numbers of clauses that fit, and the gender of every pronoun independently."""
    k_distance, k_clauses, k_gender, k_others, k_words = jax.random.split(key, 5)
    distances = jax.random.randint(k_distance, (count,), 1, longest + 1)
    clauses = jax.random.randint(k_clauses, (count,), 0, jnp.minimum(MOST, distances // CLAUSE) + 1)
    genders = jax.random.bernoulli(k_gender, 0.5, (count,)).astype(jnp.int32)
    others = jax.random.bernoulli(k_others, 0.5, (count, MOST)).astype(jnp.int32)
    return sentences(k_words, distances, genders, clauses, others, longest)


def balanced_sentences(key: Array, per_distance: int, longest: int) -> Sentences:
    """Draws as many sentences of every distance, gender, number of clauses 1 ... MOST, and relation: see `cells_of`."""
    repeats = per_distance // (2 * MOST * 2)
    grid = (jnp.arange(SHORTEST, longest + 1), jnp.arange(repeats), jnp.arange(2), jnp.arange(1, MOST + 1), jnp.arange(2))
    distances, _, genders, clauses, opposed = (axis.reshape(-1) for axis in jnp.meshgrid(*grid, indexing="ij"))
    others = jnp.broadcast_to((genders ^ opposed)[:, None], (len(genders), MOST))
    return sentences(key, distances, genders, clauses, others, longest)


def cells_of(values: np.ndarray, per_distance: int) -> np.ndarray:
    """Means of a value per balanced sentence: `[distance, clauses - 1, relation]`.

    The relation is 0 where all competing pronouns have the subject's gender, and 1 where all have the other one.
    """
    return values.reshape(-1, per_distance // (2 * MOST * 2), 2, MOST, 2).mean(axis=(1, 2))


@functools.partial(jax.jit, static_argnames="longest")
def sentences(key: Array, distances: Array, genders: Array, clauses: Array, others: Array, longest: int) -> Sentences:
    """Draws words for given distances, genders and numbers of clauses `[n]`, and genders of competing pronouns `[n, MOST]`."""
    keys = jax.random.split(key, len(distances))
    words = jax.vmap(functools.partial(_words, longest=longest))(keys, distances, clauses, others)
    codes = jnp.concatenate([genders[:, None].astype(words.dtype), words], axis=1)
    codes = jnp.where(jnp.arange(1 + longest) <= distances[:, None], codes, -1)
    return Sentences(codes.T, distances, genders)


def _words(key: Array, distance: Array, clauses: Array, others: Array, longest: int) -> Array:
    """The words behind the subject: clauses at random places among words that are no pronouns."""
    k_words, k_openers, k_verbs, k_places = jax.random.split(key, 4)
    first = len(PRONOUNS) + len(OPENERS)
    words = jax.random.randint(k_words, (longest,), first, len(VOCABULARY))
    opens = _openings(k_places, distance, clauses, longest)
    openers = jax.random.randint(k_openers, (longest,), len(PRONOUNS), first)
    verbs = jax.random.randint(k_verbs, (longest,), first, first + len(VERBS))
    pronouns = others[jnp.clip(jnp.cumsum(opens) - 1, 0)]
    words = jnp.where(opens, openers, words)
    words = jnp.where(_later(opens, 1), pronouns, words)
    return jnp.where(_later(opens, 2), verbs, words)


def _openings(key: Array, distance: Array, clauses: Array, longest: int) -> Array:
    """Where clauses begin, `[longest]`: a clause counts as one unit, and any of the units may be one."""
    units = jnp.arange(longest)
    order = jnp.argsort(jnp.where(units < distance - (CLAUSE - 1) * clauses, jax.random.uniform(key, (longest,)), 2.0))
    chosen = jnp.zeros(longest, int).at[order].set((units < clauses).astype(int))
    places = units + (CLAUSE - 1) * (jnp.cumsum(chosen) - chosen)
    return jnp.zeros(longest, int).at[places].add(chosen, mode="drop") > 0


def _later(marks: Array, steps: int) -> Array:
    return jnp.concatenate([jnp.zeros(steps, bool), marks[:-steps]])


def spelled(codes: np.ndarray, gender: int) -> str:
    """One sentence in words, with its reflexive."""
    return " ".join([*(VOCABULARY[code] for code in codes if code >= 0), REFLEXIVES[gender]])
