"""Functions from options to objects that print, compare, hash and pickle as the call that made them.

Two `lstm(3, 8)` are equal, though their functions are closures of their own, and a program compiled for one serves the other.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, TypeVar

import jax
import numpy as np

P = ParamSpec("P")


class Recipe(NamedTuple):
    """A call: a function, and the arguments that differ from its defaults."""

    factory: Callable[..., Any]
    positional: tuple[Any, ...]
    named: tuple[tuple[str, Any], ...]

    def __str__(self) -> str:
        """The call as one would write it."""
        arguments = [_shown(value) for value in self.positional] + [f"{name}={_shown(value)}" for name, value in self.named]
        return f"{self.factory.__name__}({', '.join(arguments)})"

    def key(self) -> tuple[Any, ...]:
        """The call as something to compare and to hash."""
        return self.factory, *map(_comparable, self.positional), *((name, _comparable(value)) for name, value in self.named)


class Made:
    """What `remembered` functions return. Without a recipe, an object compares by its attributes."""

    recipe: Recipe | None = None

    @property
    def name(self) -> str:
        """The name of the function that made it, such as "lstm"."""
        return type(self).__name__.lower() if self.recipe is None else self.recipe.factory.__name__

    def _key(self) -> Any:
        return self.recipe.key() if self.recipe is not None else tuple(map(_comparable, vars(self).values()))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._key() == other._key()  # pyright: ignore[reportAttributeAccessIssue]

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        if self.recipe is not None:
            return str(self.recipe)
        return f"{type(self).__name__}({', '.join(f'{name}={_shown(value)}' for name, value in vars(self).items())})"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.recipe is not None:
            return _make, self.recipe
        return type(self), tuple(vars(self).values())


M = TypeVar("M", bound=Made)


def remembered(factory: Callable[P, M]) -> Callable[P, M]:
    """Lets what a function returns print, compare, hash and pickle as the call; for functions at the top of a module."""
    signature = inspect.signature(factory)

    @functools.wraps(factory)
    def make(*args: P.args, **kwargs: P.kwargs) -> M:
        made = factory(*args, **kwargs)
        bound = signature.bind(*map(_frozen, args), **_frozen(kwargs))
        object.__setattr__(made, "recipe", _recipe(make, bound, signature))
        return made

    return make


def _recipe(make: Callable[..., Any], bound: inspect.BoundArguments, signature: inspect.Signature) -> Recipe:
    positional, named = [], []
    for name, value in bound.arguments.items():
        parameter = signature.parameters[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional.extend(value)
        elif parameter.default is parameter.empty and parameter.kind is not parameter.KEYWORD_ONLY:
            positional.append(value)
        elif _comparable(value) != _comparable(parameter.default):
            named.append((name, value))
    return Recipe(make, tuple(positional), tuple(named))


def _make(factory: Callable[..., Any], positional: tuple[Any, ...], named: tuple[tuple[str, Any], ...]) -> Any:
    return factory(*positional, **dict(named))


class _Same:
    """An object that can only be compared by identity, such as an array; it is kept alive with its address."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def _comparable(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value).__name__, *map(_comparable, value)
    if isinstance(value, dict):
        return "dict", *((name, _comparable(item)) for name, item in value.items())
    if isinstance(value, int | float | complex | np.generic | np.dtype):
        # 1 and True, or 0.0 and -0.0, do not make the same cell, NaN does; and np.dtype("float64") == None
        return type(value), repr(value)
    try:
        hash(value)
    except TypeError:
        return _Same(value)
    return value


def _frozen(value: Any) -> Any:
    """A copy of lists and dicts, which a caller may change later."""
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return {name: _frozen(item) for name, item in value.items()} if isinstance(value, dict) else value


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        items = [_shown(item) for item in value]
        if hasattr(value, "_fields"):
            pairs = zip(value._fields, items, strict=True)  # pyright: ignore[reportAttributeAccessIssue]
            return f"{type(value).__name__}({', '.join(map('='.join, pairs))})"
        return f"({', '.join(items)}{',' * (len(items) == 1)})"
    if isinstance(value, jax.Array):
        return f"<{value.dtype}{list(value.shape)}>"
    name = getattr(value, "__name__", None)
    return name if isinstance(name, str) and not isinstance(value, Made) else repr(value)
