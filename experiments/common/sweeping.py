"""One function for many networks."""

from collections.abc import Callable
from typing import Any

import jax


def sweep(function: Callable[[Any], Any], stacked: Any) -> Any:
    """Maps a function over the first axis of a tree: one by one on CPU, where small products batch badly, else vmapped."""
    if jax.default_backend() == "cpu":
        return jax.lax.map(function, stacked)
    return jax.vmap(function)(stacked)
