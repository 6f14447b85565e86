"""The named activations, each with its derivative written in terms of its own output."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array


class Activation(NamedTuple):
    """An elementwise nonlinearity.

    Attributes:
      apply: φ(a).
      slope: φ'(a) as a function of h = φ(a), which the backward pass still has.
      max_slope: γ = sup |φ'|, the constant of the vanishing bound.
    """

    apply: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    max_slope: float


ACTIVATIONS: dict[str, Activation] = {
    "tanh": Activation(jnp.tanh, lambda h: 1 - h * h, 1.0),
    "sigmoid": Activation(jax.nn.sigmoid, lambda h: h * (1 - h), 0.25),
    "relu": Activation(jax.nn.relu, lambda h: (h > 0).astype(h.dtype), 1.0),
    "identity": Activation(lambda a: a, jnp.ones_like, 1.0),
}
"""All of them by name."""


def get_activation(name: str) -> Activation:
    """Looks an activation up by name.

    Raises:
      ValueError: the name is not one of `ACTIVATIONS`.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"unknown activation {name!r}: choose one of {sorted(ACTIVATIONS)}, or pass a callable")
    return ACTIVATIONS[name]


def elementwise(activation: str | Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Returns the function of a named activation, or the given function."""
    return activation if callable(activation) else get_activation(activation).apply
