"""Which sentences are for training, for choosing and for the test: each from keys of its own."""

import functools

import jax
import jax.numpy as jnp
from jax import Array

from experiments.agreement.options import Config
from experiments.agreement.sentences import Sentences, balanced_sentences, random_sentences

PURPOSES = ("network", "training", "validation", "test")


def key_of(config: Config, seed: int, purpose: str) -> Array:
    """The key of a seed for one purpose."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(config.seed), seed), PURPOSES.index(purpose))


def training_keys(config: Config, seed: int) -> Array:
    """One key per update; its batch is `random_sentences(key, batch_size, longest)`."""
    return jax.random.split(key_of(config, seed, "training"), config.updates)


def training_sentences(config: Config, seed: int) -> Sentences:
    """All sentences that a network of this seed sees in training."""
    drawn = _drawn(training_keys(config, seed), config.batch_size, config.longest)
    codes = jnp.moveaxis(drawn.codes, 1, 0).reshape(1 + config.longest, -1)
    return Sentences(codes, drawn.distances.reshape(-1), drawn.genders.reshape(-1))


@functools.partial(jax.jit, static_argnames=("count", "longest"))
def _drawn(keys: Array, count: int, longest: int) -> Sentences:
    return jax.lax.map(lambda key: random_sentences(key, count, longest), keys)


def validation_sentences(config: Config, seed: int) -> Sentences:
    """Fresh sentences like those of training."""
    return random_sentences(key_of(config, seed, "validation"), config.validation_sentences, config.longest)


def test_sentences(config: Config, seed: int) -> Sentences:
    """Fresh balanced sentences, beyond the longest distance of training, too."""
    return balanced_sentences(key_of(config, seed, "test"), config.test_sentences, config.test_longest)
