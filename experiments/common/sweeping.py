"""One function for many networks."""

from collections.abc import Callable
from typing import Any

import jax

from experiments.common.devices import over_stack


def sweep(function: Callable[[Any], Any], stacked: Any) -> Any:
    """Maps a function over the first axis of a tree: one by one on CPU, where small products batch badly, else vmapped."""

    def mapped(stacked: Any) -> Any:
        return jax.lax.map(function, stacked) if jax.default_backend() == "cpu" else jax.vmap(function)(stacked)

    return over_stack(mapped)(stacked)
