"""Three ways to shorten a gradient, and what they leave of its direction and length."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from experiments.clipping.options import Config
from experiments.common.sweeping import sweep
from recurrent import clip_by_global_norm
from recurrent.train import clip_by_tensor_norm

NAMES = ("global norm", "per tensor", "by value")
HALVINGS = 60


def transforms(config: Config) -> dict[str, optax.GradientTransformation]:
    """The three ways at the limits of the options, in the order of `NAMES`."""
    chosen = (
        clip_by_global_norm(config.threshold),
        clip_by_tensor_norm(config.threshold),
        optax.clip(config.value_limit),
    )
    return dict(zip(NAMES, chosen, strict=True))


def limited(name: str, gradient: Any, limit: Array | float) -> Any:
    """The three ways at any limit, one that is traced as well."""
    if name == "by value":
        return jax.tree.map(lambda g: jnp.clip(g, -limit, limit), gradient)
    shorten = lambda norm: jnp.minimum(1, limit / jnp.maximum(norm, 1e-30))  # noqa: E731
    if name == "per tensor":
        return jax.tree.map(lambda g: g * shorten(jnp.linalg.norm(g)), gradient)
    return jax.tree.map(lambda g: g * shorten(optax.tree.norm(gradient)), gradient)


def at_length(name: str, gradient: Any, length: float) -> Any:
    """Clips a gradient at the limit that leaves it that long; a shorter one stays. The longer the limit, the longer it is."""

    def halve(_, bracket):
        low, high = bracket
        middle = (low + high) / 2
        short = optax.tree.norm(limited(name, gradient, middle)) < length
        return jnp.where(short, middle, low), jnp.where(short, high, middle)

    longest = optax.tree.norm(gradient)
    return limited(name, gradient, jax.lax.fori_loop(0, HALVINGS, halve, (jnp.zeros_like(longest), longest))[1])


def direction_and_length(transform: optax.GradientTransformation, gradients: Any) -> dict[str, np.ndarray]:
    """Clips all gradients `[seed, update, ...]`: cosines with the raw ones, and lengths, `[seed, update]`."""
    return _compare(gradients, lambda gradient: transform.update(gradient, transform.init(gradient))[0])


def direction_at_length(name: str, gradients: Any, length: float) -> dict[str, np.ndarray]:
    """The same where every gradient gets the limit that leaves it that long."""
    return _compare(gradients, lambda gradient: at_length(name, gradient, length))


def _compare(gradients: Any, clip: Any) -> dict[str, np.ndarray]:
    changed = jax.jit(lambda stack: sweep(lambda rows: sweep(clip, rows), stack))(gradients)
    raw, new = vectors(gradients), vectors(changed)
    lengths, new_lengths = np.linalg.norm(raw, axis=-1), np.linalg.norm(new, axis=-1)
    return {"cosine": np.sum(raw * new, axis=-1) / (lengths * new_lengths), "length": new_lengths}


def vectors(tree: Any) -> np.ndarray:
    """All entries of gradients `[seed, update, ...]` in a row, `[seed, update, entry]`, in float64."""
    leaves = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(tree)]
    return np.concatenate([leaf.reshape(*leaf.shape[:2], -1) for leaf in leaves], axis=-1)


def length_of_huge(transform: optax.GradientTransformation, sizes: np.ndarray) -> np.ndarray:
    """Length of the update for float32 gradients of a matrix and a bias, every entry of the given size."""
    gradient = {"kernel": jnp.ones((8, 8), jnp.float32), "bias": -jnp.ones(8, jnp.float32)}

    def clipped(size):
        scaled = jax.tree.map(lambda g: g * size, gradient)
        return transform.update(scaled, transform.init(scaled))[0]

    found = jax.jit(jax.vmap(clipped))(jnp.asarray(sizes, jnp.float32))
    return np.linalg.norm(vectors(jax.tree.map(lambda leaf: leaf[None], found))[0], axis=-1)
