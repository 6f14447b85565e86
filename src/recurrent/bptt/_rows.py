"""Whether a part of a step treats rows one by one, so that the rows of many steps may be laid side by side.

A step that mixes its rows (a mean over the batch, say) or counts them (x / len(x)) must be mapped over time instead. Each rule
says when an operation keeps the rows in front and apart; an operation without a rule counts as mixing.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from jax.core import Tracer
from jax.extend.core import ClosedJaxpr, Jaxpr

from recurrent.bptt._program import CHEAP, Program
from recurrent.programs import is_literal

_SIZES = {"shape", "new_sizes", "limit_indices", "slice_sizes"}
"""Parameters of operations that hold the number of rows."""
_AXES = {"axes", "axis", "dimension", "dimensions", "broadcast_dimensions", "dimension_numbers", "permutation"}
"""Parameters of operations that count axes: others, where a step has no batch axis, or several."""

_SHAPES = {
    "broadcast_in_dim",
    "concatenate",
    "expand_dims",
    "iota",
    "pad",
    "reshape",
    "rev",
    "slice",
    "split",
    "squeeze",
    "transpose",
}
_TRANSCENDENTAL = """
    acos acosh asin asinh atan atan2 atanh cbrt cos cosh digamma erf erf_inv erfc exp exp2 expm1 lgamma log log1p log2 logistic
    pow rem rsqrt sin sinh sqrt tan tanh shift_left shift_right_logical shift_right_arithmetic population_count nextafter
    random_wrap random_unwrap random_split random_bits random_fold_in threefry2x32 random_clone bitcast_convert_type
"""
_ONE_BY_ONE = (CHEAP - _SHAPES) | frozenset(_TRANSCENDENTAL.split())


def differ_in_rows_alone(own: Program, other: Program, batch_shape: tuple[int, ...], count: int) -> bool:
    """True if two tracings of one step, for a batch and for `count` rows, are the same operations on the same numbers."""
    own_constants, other_constants = list(own.constants.values()), list(other.constants.values())
    if len(own_constants) != len(other_constants) or not all(map(_equal, own_constants, other_constants)):
        return False
    ignored = _SIZES if len(batch_shape) == 1 else _SIZES | _AXES
    return _same_operations(own.equations, other.equations, ignored) and all(
        b.aval.shape in (a.aval.shape, (count, *a.aval.shape[len(batch_shape) :]))
        for one, two in zip(own.equations, other.equations, strict=True)
        for a, b in zip(one.outvars, two.outvars, strict=True)
    )


def _same_operations(own: list[Any], other: list[Any], ignored: set[str]) -> bool:
    """The same primitives with the same numbers, in literals, options and inner programs."""
    if len(own) != len(other):
        return False
    for a, b in zip(own, other, strict=True):
        if a.primitive is not b.primitive or len(a.outvars) != len(b.outvars) or a.params.keys() != b.params.keys():
            return False
        for one, two in zip(a.invars, b.invars, strict=True):
            if is_literal(one) != is_literal(two) or (is_literal(one) and not _equal(one.val, two.val)):
                return False
        if not all(_same_option(a.params[name], b.params[name], ignored) for name in a.params if name not in ignored):
            return False
    return True


def _same_option(own: Any, other: Any, ignored: set[str]) -> bool:
    """Whether two options agree, as far as they are numbers or programs."""
    if isinstance(own, ClosedJaxpr):
        constants = len(own.consts) == len(other.consts) and all(map(_equal, own.consts, other.consts))
        return constants and _same_operations(own.jaxpr.eqns, other.jaxpr.eqns, ignored)
    if isinstance(own, Jaxpr):
        return _same_operations(own.eqns, other.eqns, ignored)
    if isinstance(own, tuple | list):
        return len(own) == len(other) and all(_same_option(a, b, ignored) for a, b in zip(own, other, strict=True))
    return not isinstance(own, int | float | complex | str | np.ndarray) or _equal(own, other)


def _equal(own: Any, other: Any) -> bool:
    if own is other:
        return True
    if isinstance(own, Tracer) or isinstance(other, Tracer):
        return False
    return np.shape(own) == np.shape(other) and np.array_equal(np.asarray(own), np.asarray(other))


def treats_rows_apart(equations: Iterable[Any], inputs: Iterable[Any]) -> bool:
    """True if every result of the equations that depends on the inputs has rows in its first axis, and mixes none.

    Args:
      equations: in order.
      inputs: variables with rows in their first axis.
    """
    rows, same_in_all = set(inputs), set()
    for equation in equations:
        operands = [v for v in equation.invars if not is_literal(v)]
        if any(v in rows for v in operands):
            if not _keeps_apart(equation, rows, same_in_all):
                return False
            rows.update(equation.outvars)
        elif _is_same_in_all(equation, operands, same_in_all):
            same_in_all.update(equation.outvars)
    return True


def _is_same_in_all(equation: Any, operands: list[Any], same_in_all: set[Any]) -> bool:
    """True for values made of parameters alone and spread over a new first axis."""
    if equation.primitive.name == "broadcast_in_dim":
        dimensions, shape = equation.params["broadcast_dimensions"], equation.invars[0].aval.shape
        return 0 not in dimensions or shape[dimensions.index(0)] == 1
    return bool(operands) and equation.primitive.name in _ONE_BY_ONE and all(v in same_in_all for v in operands)


def _keeps_apart(equation: Any, rows: set[Any], same_in_all: set[Any]) -> bool:
    name, p = equation.primitive.name, equation.params
    is_rows = [not is_literal(v) and v in rows for v in equation.invars]
    plain = [is_literal(v) or v in rows or v in same_in_all or not v.aval.shape for v in equation.invars]
    before, after = equation.invars[is_rows.index(True)].aval.shape, equation.outvars[0].aval.shape
    match name:
        case "broadcast_in_dim":
            return p["broadcast_dimensions"][:1] == (0,)
        case "reshape" | "squeeze" | "slice" | "pad":
            return bool(after) and before[0] == after[0]
        case "expand_dims":
            return 0 not in p["dimensions"]
        case "transpose":
            return p["permutation"][0] == 0
        case "concatenate":
            return p["dimension"] > 0 and all(plain)
        case "split" | "cumsum" | "cumprod" | "cummax" | "cummin" | "cumlogsumexp":
            return p["axis"] > 0
        case "rev":
            return 0 not in p["dimensions"]
        case "dot_general":
            return _product_keeps_apart(p["dimension_numbers"], is_rows)
        case "custom_jvp_call" | "jit" | "pjit" | "checkpoint":
            inner = p["call_jaxpr" if "call_jaxpr" in p else "jaxpr"]
            inner = getattr(inner, "jaxpr", inner)
            return treats_rows_apart(inner.eqns, [v for v, of_rows in zip(inner.invars, is_rows, strict=True) if of_rows])
    if name.startswith(("reduce_", "arg")) and "axes" in p:
        return 0 not in p["axes"]
    return name in _ONE_BY_ONE and all(plain)


def _product_keeps_apart(dimension_numbers: Any, is_rows: list[bool]) -> bool:
    (left, _), (left_batch, right_batch) = dimension_numbers
    if all(is_rows):
        return tuple(left_batch[:1]) == (0,) == tuple(right_batch[:1])
    return is_rows[0] and not left_batch and 0 not in left
