"""Lets programs whose arguments are the params and states of this package be saved: `jax.export` wants named tuples by name."""

import inspect
from types import ModuleType

from jax import export


def register(*rooms: ModuleType) -> None:
    """Registers the named tuples of some rooms for serialization, as "recurrent.LSTMParams" and so on."""
    for room in rooms:
        for name in room.__all__:
            thing = getattr(room, name)
            if inspect.isclass(thing) and issubclass(thing, tuple) and hasattr(thing, "_fields"):
                export.register_namedtuple_serialization(thing, serialized_name=f"recurrent.{name}")
