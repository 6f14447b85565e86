"""What users give, checked before anything is computed: each error says what was given, what was expected, and what to do."""

import functools
import math
import types
from collections.abc import Sequence
from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from recurrent.pytrees import leaf_names


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def sizes(name: str, **given: Any) -> None:
    """Raises ValueError unless every size is a positive integer."""
    for size_name, size in given.items():
        if not _is_count(size):
            raise ValueError(f"{name}: {size_name} must be a positive integer; got {size!r}")


def counts(**given: Any) -> None:
    """Raises ValueError unless every count is an integer of at least 1."""
    for name, value in given.items():
        if not _is_count(value):
            raise ValueError(f"{name} must be an integer of at least 1; got {value!r}")


def choice(name: str, value: Any, allowed: Sequence[Any]) -> None:
    """Raises ValueError unless the value is among the allowed ones."""
    if not any(value is a or (type(value) is type(a) and value == a) for a in allowed):
        texts = [f'"{a}"' if isinstance(a, str) else repr(a) for a in allowed]
        raise ValueError(f"{name} must be {', '.join(texts[:-1])} or {texts[-1]}; got {value!r}")


def positive(**given: Any) -> None:
    """Raises ValueError unless every number is positive and finite."""
    for name, value in given.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite; got {value}")


def params(name: str, params: Any, expected: type, **dims: int) -> None:
    """Raises ValueError unless params are of a type, with the shapes that its annotations give for these sizes.

    Args:
      name: of the cell or layer.
      params: what was given.
      expected: a NamedTuple whose fields are annotated by jaxtyping; fields that are annotated otherwise are not looked into.
      **dims: the sizes named in the annotations, such as `hidden=8` for "hidden 4*hidden".
    """
    remedy = "draw them with the init of this very cell or layer"
    if not isinstance(params, expected):
        raise ValueError(f"{name}: expected params of type {expected.__name__}, got {type(params).__name__}; {remedy}")
    for field, annotation in expected.__annotations__.items():
        leaf, shapes = getattr(params, field), _shapes(annotation, tuple(sorted(dims.items())))
        if leaf is None and type(None) not in get_args(annotation):
            raise ValueError(f"{name}: params.{field} is None; {remedy}")
        if leaf is not None and shapes and jnp.shape(leaf) not in [shape for _, shape in shapes]:
            allowed = " or ".join(f"[{text.replace(' ', ', ')}] = {shape}" for text, shape in shapes)
            raise ValueError(
                f"{name}: params.{field} must have the shape {allowed}; got {jnp.shape(leaf)}"
                f"{_sizes_that_differ(shapes[0][0], jnp.shape(leaf), dims)}; {remedy}"
            )


def _sizes_that_differ(text: str, found: tuple[int, ...], dims: dict[str, int]) -> str:
    """Names the options behind axes of another size, where an axis is one option."""
    pairs = zip(text.split(), found, strict=False)
    differing = [(name, size) for name, size in pairs if name in dims and dims[name] != size]
    return "".join(f", with {name} = {size} where {name} = {dims[name]} is expected" for name, size in differing)


@functools.cache
def _shapes(annotation: Any, dims: tuple[tuple[str, int], ...]) -> list[tuple[str, tuple[int, ...]]]:
    """The shapes that an annotation allows, where all its sizes are known."""
    known, options = dict(dims), get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    texts = [option.dim_str for option in options if hasattr(option, "dim_str")]
    try:
        return [(text, tuple(eval(dim, {"__builtins__": {}}, known) for dim in text.split())) for text in texts]
    except (NameError, SyntaxError):
        return []


def features(name: str, x: Any, size: int) -> None:
    """Raises ValueError if the last axis of the inputs does not have `size` features."""
    array(name, "the input", x)
    if x.shape[-1] != size:
        raise ValueError(
            f"{name}: inputs must have {size} features in their last axis; got shape {tuple(x.shape)} "
            f"(sequences are time-major, [T, *batch, features])"
        )


def array(name: str, what: str, value: Any) -> None:
    """Raises ValueError unless `value` is one array with a feature axis."""
    if not hasattr(value, "shape") or not value.shape:
        raise ValueError(f"{name}: {what} must be one array with features in its last axis; got {jax.tree.structure(value)}")


def lengths(given: Any, batch_shape: tuple[int, ...]) -> Any:
    """Returns lengths as an array, or raises ValueError unless they are integers, of the batch shape, and not negative."""
    given = given if isinstance(given, Tracer) else np.asarray(given)
    dtype, shape = given.dtype, jnp.shape(given)
    if not jnp.issubdtype(dtype, jnp.integer):
        raise ValueError(f"lengths must be integers; got dtype {dtype} (boolean masks go to mask=)")
    if shape != batch_shape:
        raise ValueError(f"lengths must have the batch shape {batch_shape} of xs [T, *batch, features]; got {shape}")
    if not isinstance(given, Tracer) and np.any(np.asarray(given) < 0):
        raise ValueError(f"lengths cannot be negative; got a minimum of {np.min(np.asarray(given))}")
    return jnp.asarray(given)


def flags(name: str, given: Any, expected: tuple[int, ...]) -> Any:
    """Returns a mask or resets as an array, or raises ValueError unless they are booleans of the expected shape."""
    given = given if isinstance(given, Tracer) else np.asarray(given)
    dtype, shape = given.dtype, jnp.shape(given)
    if dtype != jnp.bool_:
        raise ValueError(f"{name} must be boolean; got dtype {dtype} (convert with {name}.astype(bool))")
    if shape != expected:
        raise ValueError(f"{name} must have shape [T, *batch] = {expected}; got {shape}")
    return jnp.asarray(given)


def same_arrays(what: str, found: Any, expected: Any, remedy: str) -> None:
    """Raises ValueError unless two trees have the same structure, shapes and dtypes."""
    structures = jax.tree.structure(found), jax.tree.structure(expected)
    if structures[0] != structures[1]:
        raise ValueError(f"{what} has the structure {structures[0]}, expected {structures[1]}; {remedy}")
    for name, a, b in zip(leaf_names(expected), jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        if a.shape != b.shape or a.dtype != b.dtype:
            raise ValueError(
                f"{what}: {name or 'it'} has shape {a.shape} and dtype {a.dtype}, expected {b.shape} and {b.dtype}; {remedy}"
            )
