"""Programs of JAX as lists of operations: running them, and making once what a loop would make again at every step."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
from jax.extend import core

INLINED = {"jit", "pjit", "closed_call", "core_call"}
_HEAVY = """
    cholesky conv_general_dilated cond custom_linear_solve dot_general eigh geqrf householder_product lu qr scan svd
    triangular_solve while
"""
HEAVY = frozenset(_HEAVY.split())
"""Operations on whole matrices."""


def is_literal(atom: Any) -> bool:
    """True for constants written into an operation."""
    return isinstance(atom, core.Literal)


def evaluate(jaxpr: Any, constants: Sequence[Any], values: Sequence[Any], rule: Callable | None = None) -> list[Any]:
    """Runs a program; `rule(equation, values)` may return results of its own, or None."""
    return run_equations(
        jaxpr.eqns, dict(zip([*jaxpr.constvars, *jaxpr.invars], [*constants, *values], strict=True)), jaxpr.outvars, rule
    )


def run_equations(
    equations: Iterable[Any], known: dict[Any, Any], wanted: Sequence[Any], rule: Callable | None = None
) -> list[Any]:
    """Runs operations from known values on, inner `jit`s inlined, and returns the wanted values."""
    known = dict(known)

    def read(atom):
        return atom.val if is_literal(atom) else known[atom]

    for equation in equations:
        values = [read(atom) for atom in equation.invars]
        results = rule(equation, values) if rule is not None else None
        if results is None:
            results = apply(equation, values, rule)
        known.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in wanted]


def apply(equation: Any, values: list[Any], rule: Callable | None = None) -> list[Any]:
    """Runs one operation in its named scope."""
    scope = str(equation.source_info.name_stack)
    with equation.ctx.manager, jax.named_scope(scope) if scope else contextlib.nullcontext():
        if equation.primitive.name in INLINED:
            inner = _inner(equation)
            return evaluate(inner.jaxpr, inner.consts, values, rule)
        results = equation.primitive.bind(*values, **equation.primitive.get_bind_params(equation.params))
    return list(results) if equation.primitive.multiple_results else [results]


def made_once(function: Callable[..., Any], first: Any, *rest: Any) -> Callable[..., Any]:
    """The same function of all arguments but the first, with matrices that are made of the first one alone made now.

    For a step whose weights are computed from its parameters, such as an exponential map: in a loop over time they would be
    made, and differentiated, at every step. What is cheap stays in the loop; a function that makes no matrix is left as it is.

    Args:
      function: pure, of trees of arrays.
      first: its first argument.
      *rest: its other arguments, or their shapes.
    """
    # a jitted function is traced once for the same shapes, however often it is asked
    traced = jax.jit(function).trace(first, *rest)
    jaxpr, constants = traced.jaxpr.jaxpr, traced.jaxpr.consts
    leaves = jax.tree.leaves(first)
    known = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*constants, *leaves], strict=False))
    early = _worth_making_once(jaxpr.eqns, set(known))
    if not early:
        return lambda *others: function(first, *others)
    inside = [equation for equation in jaxpr.eqns if equation not in early]
    read = {a for equation in inside for a in equation.invars if not is_literal(a)} | {*jaxpr.outvars}
    made = [v for equation in early for v in equation.outvars if v in read]
    known.update(zip(made, run_equations(early, known, made), strict=True))
    structure = jax.tree.structure(traced.out_info)

    def with_weights(*others):
        given = dict(zip(jaxpr.invars[len(leaves) :], jax.tree.leaves(others), strict=True))
        return jax.tree.unflatten(structure, run_equations(inside, known | given, jaxpr.outvars))

    return with_weights


def _worth_making_once(equations: Sequence[Any], known: set[Any]) -> list[Any]:
    """The equations that need nothing but what is known, and lead to a matrix that is worth it, or away from one."""
    possible, known, heavy = [], set(known), set()
    for equation in equations:
        read = [a for a in equation.invars if not is_literal(a)]
        if all(a in known for a in read) and not equation.effects:
            possible.append(equation)
            known |= {*equation.outvars}
            if _is_heavy(equation) or any(a in heavy for a in read):
                heavy |= {*equation.outvars}
    found, wanted = [], set()
    for equation in reversed(possible):
        if any(v in heavy or v in wanted for v in equation.outvars):
            found.append(equation)
            wanted |= {a for a in equation.invars if not is_literal(a)}
    return found[::-1]


def _is_heavy(equation: Any) -> bool:
    if equation.primitive.name not in INLINED:
        return equation.primitive.name in HEAVY
    return any(map(_is_heavy, _inner(equation).jaxpr.eqns))


def _inner(equation: Any) -> Any:
    """The program that a call runs."""
    return equation.params["jaxpr" if "jaxpr" in equation.params else "call_jaxpr"]
