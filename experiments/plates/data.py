"""Digits on plates."""

import jax
import jax.numpy as jnp


def plates(images, slot, slots: int, noise):
    """Puts images `[n, 8, 8]` at one place each of empty plates: columns `[8 * slots + 8, n, 8]`, with noise added."""
    place = jax.nn.one_hot(slot, slots + 1, dtype=images.dtype)
    strips = jnp.einsum("nij,ns->nisj", images, place).reshape(len(images), 8, 8 * (slots + 1)) + noise
    return jnp.transpose(strips, (2, 0, 1))
