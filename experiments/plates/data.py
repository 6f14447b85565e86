"""Digits on plates."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.common.splits import Run


class Digits(NamedTuple):
    """Images `[n, 8, 8]` and their labels `[n]`."""

    images: Array
    labels: Array


class Batches(NamedTuple):
    """Digits, their places `[update, batch]`, and keys of the noise `[update]`."""

    chosen: Array
    slots: Array
    noise: Array


def plates(images, slot, slots: int, noise):
    """Puts images `[n, 8, 8]` at one place each of empty plates: columns `[8 * slots + 8, n, 8]`, with noise added."""
    place = jax.nn.one_hot(slot, slots + 1, dtype=images.dtype)
    strips = jnp.einsum("nij,ns->nisj", images, place).reshape(len(images), 8, 8 * (slots + 1)) + noise
    return jnp.transpose(strips, (2, 0, 1))


def noisy_plates(images: Array, slot: Array, slots: int, noise: float, key: Array) -> Array:
    """Plates with Gaussian noise of that standard deviation on every pixel."""
    return plates(images, slot, slots, noise * jax.random.normal(key, (len(images), 8, 8 * slots + 8)))


def trained_slots(slots: int) -> np.ndarray:
    """The places where digits are learned: the even ones, counted from 0."""
    return np.arange(0, slots, 2)


def draw_batches(run: Run, updates: int, batch_size: int, slots: int) -> Batches:
    """Draws training digits at trained places; the same for all models of a run."""
    rng = np.random.default_rng(run.seed)
    chosen = rng.choice(run.split.training, (updates, batch_size))
    places = rng.choice(trained_slots(slots), (updates, batch_size))
    return Batches(jnp.asarray(chosen), jnp.asarray(places), jax.random.split(jax.random.key(run.seed), updates))
