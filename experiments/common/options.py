"""Options of an experiment: the name that a message gives them, and the values that cannot be run."""

import dataclasses
import math
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def option(name: str) -> str:
    """The option of the command line that sets a field."""
    return "--" + name.replace("_", "-")


def check_counts(config: Any, *names: str, least: int = 1) -> None:
    """Raises ValueError if one of these fields of a configuration is below `least`."""
    for name in names:
        if getattr(config, name) < least:
            raise ValueError(f"{option(name)} must be at least {least}; got {getattr(config, name)}: give a larger number")


def check_positive(config: Any, *names: str) -> None:
    """Raises ValueError if one of these fields is not a positive, finite number."""
    for name in names:
        if not 0 < getattr(config, name) < math.inf:
            raise ValueError(f"{option(name)} must be positive and finite; got {getattr(config, name)}: try 0.01 or 1")


def check_rates(config: Any, advice: str) -> None:
    """Raises ValueError unless `learning_rates` holds one or more different positive numbers."""
    rates = config.learning_rates
    if not rates or len(set(rates)) < len(rates) or min(rates) <= 0:
        raise ValueError(f"--learning-rates must be positive and differ; got {rates}: try {advice}")


def check_shares(config: Any, *names: str) -> None:
    """Raises ValueError if one of these fields does not lie in [0, 1)."""
    for name in names:
        if not 0 <= getattr(config, name) < 1:
            raise ValueError(f"{option(name)} must lie in [0, 1); got {getattr(config, name)}: try 0.1")


def check_full(config: Any, changes: Mapping[str, Any]) -> None:
    """Raises ValueError if --full is given together with another value of a field that it changes."""
    for name, value in changes.items() if config.full else ():
        if getattr(config, name) not in (value, getattr(type(config), name)):
            raise ValueError(f"{option(name)} has no effect with --full, which takes {value}: leave one of them out")


def at_full_size(config: Any, changes: Mapping[str, Any]) -> Any:
    """The configuration with what --full changes in its place, if it is asked for."""
    return dataclasses.replace(config, **changes) if config.full else config


def is_default(config: Any, changes: Mapping[str, Any], *left_open: str) -> bool:
    """Whether all options but the seed and those left open are the default ones, or those of --full."""
    kind = type(config)
    closed = dataclasses.replace(config, **{name: getattr(kind, name) for name in ("seed", *left_open)})
    return at_full_size(closed, changes) in (kind(), at_full_size(kind(full=True), changes))


def check_numbers(config: Any) -> None:
    """Raises ValueError if a number of a configuration, or one in a tuple, is NaN or infinite."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, float) and not math.isfinite(one):
                raise ValueError(f"{option(field.name)} must be finite; got {one}: give a number")


def from_json(kind: type, saved: dict[str, Any]) -> Any:
    """Makes a configuration from what `dataclasses.asdict` and JSON made of one.

    Raises:
      ValueError: a field is missing or unknown, or the configuration refuses its values.
    """
    types = typing.get_type_hints(kind)
    if set(saved) != set(types):
        odd = ", ".join(option(name) for name in sorted(set(saved) ^ set(types)))
        raise ValueError(f"it was written by another version of this program, which differs in {odd}")
    return kind(**{name: _restored(types[name], value) for name, value in saved.items()})


def _restored(kind: Any, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return Path(value) if isinstance(value, str) and Path in (kind, *typing.get_args(kind)) else value


def first_difference(given: Any, saved: Any) -> str | None:
    """Names the first field in which two configurations differ, with both values."""
    for field in dataclasses.fields(given):
        ours, theirs = getattr(given, field.name), getattr(saved, field.name)
        if ours != theirs:
            return f"{option(field.name)} {theirs}, not {ours}"
    return None
