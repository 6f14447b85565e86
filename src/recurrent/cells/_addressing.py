"""How the heads of a neural Turing machine find their slots: by content, then by a shift from where they were."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import sigmoid, softmax, softplus
from jaxtyping import Float

SHORTEST = 1e-4
"""Vectors that are shorter count as this long in a cosine, so that it exists at 0, and so does its gradient."""


class Addressing(NamedTuple):
    """What the heads ask for: key k, strength β > 0, gate 0 < g < 1, shifts s with Σ s = 1, sharpening γ > 1."""

    key: Float[Array, "*batch heads width"]
    strength: Float[Array, "*batch heads"]
    gate: Float[Array, "*batch heads"]
    shifts: Float[Array, "*batch heads 2*max_shift+1"]
    sharpening: Float[Array, "*batch heads"]


def addressing_size(width: int, max_shift: int) -> int:
    """How many numbers `addressing` reads of each head."""
    return width + 2 * max_shift + 4


def addressing(z: Float[Array, "*batch heads size"], width: int) -> Addressing:
    """k = tanh(·), β = softplus(·), g = σ(·), γ = 1 + softplus(·), s = softmax(·), in this order."""
    beta, gate, gamma = jnp.moveaxis(z[..., width : width + 3], -1, 0)
    return Addressing(
        jnp.tanh(z[..., :width]), softplus(beta), sigmoid(gate), softmax(z[..., width + 3 :]), 1 + softplus(gamma)
    )


def addressed(
    asked: Addressing, weights_tm1: Float[Array, "*batch heads slots"], memory: Float[Array, "*batch slots width"]
) -> Float[Array, "*batch heads slots"]:
    """w_t: content weights, mixed with w_{t-1} by g w^c + (1 - g) w_{t-1}, then shifted, then sharpened."""
    found = content_weights(asked.key, asked.strength, memory)
    mixed = weights_tm1 + asked.gate[..., None] * (found - weights_tm1)
    return sharpened(shifted(mixed, asked.shifts), asked.sharpening)


def content_weights(
    key: Float[Array, "*batch heads width"],
    strength: Float[Array, "*batch heads"],
    memory: Float[Array, "*batch slots width"],
) -> Float[Array, "*batch heads slots"]:
    """w^c_i = softmax_i(β cos(k, M_i)), where vectors of less than 1e-4 count as that long: an empty slot resembles nothing."""
    # the weights go through the recurrence, so not in the reduced precision that accelerators multiply in
    cosines = jnp.matmul(_unit(key), jnp.swapaxes(_unit(memory), -1, -2), precision="highest")
    return softmax(strength[..., None] * cosines)


def shifted(weights: Float[Array, "*lead slots"], shifts: Float[Array, "*lead offsets"]) -> Float[Array, "*lead slots"]:
    """w̃_i = Σ_j s_j w_{i-j}, j = -m ... m around a circle of slots; s_m, the last entry, moves a focus m slots up."""
    furthest = shifts.shape[-1] // 2
    return sum(shifts[..., [furthest + j]] * jnp.roll(weights, j, axis=-1) for j in range(-furthest, furthest + 1))  # pyright: ignore[reportReturnType]


def sharpened(weights: Float[Array, "*lead slots"], gamma: Float[Array, "*lead"]) -> Float[Array, "*lead slots"]:
    """w_i^γ / Σ_j w_j^γ for γ > 1, with its slope 0 at w_i = 0, where ln w has none; what is below 0 counts as 0."""
    least = jnp.finfo(weights.dtype).tiny
    return softmax(gamma[..., None] * jnp.log(jnp.maximum(weights, least)))


def _unit(vectors: Array) -> Array:
    squares = jnp.sum(jnp.square(vectors), axis=-1, keepdims=True)
    return vectors * jax.lax.rsqrt(jnp.maximum(squares, SHORTEST**2))
