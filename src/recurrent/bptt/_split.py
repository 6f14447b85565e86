"""A step sorted into what belongs before the loop over time, in it, and after it; likewise its derivative."""

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recurrent.bptt._cut import smallest_cut
from recurrent.bptt._program import CHEAP, Depends, Program
from recurrent.programs import is_literal

_NEVER = 1 << 50
_UNKNOWN = 64
"""The size that an axis of unknown length is taken to have."""


class Split(NamedTuple):
    """Variables of a program at the borders of its parts, each in the order in which they are made.

    Attributes:
      hoisted: made of parameters alone, and worth making once.
      early: made of the input alone, and read in the loop.
      kept_early, kept_loop, kept_late: what is kept for the backward pass, by the part that makes it.
      extra: made in the loop and read after it, but not kept.
      entering_loop, entering_late: tangents that do not depend on the state's, and are read in the loop, or after it.
      leaving: tangents made in the loop that the part after it reads.
    """

    hoisted: list[Any]
    early: list[Any]
    kept_early: list[Any]
    kept_loop: list[Any]
    kept_late: list[Any]
    extra: list[Any]
    entering_loop: list[Any]
    entering_late: list[Any]
    leaving: list[Any]

    @property
    def kept(self) -> list[Any]:
        """All that is kept of a step besides the states and the input."""
        return [*self.kept_early, *self.kept_loop, *self.kept_late]


def split(program: Program, *, held_states: bool = True) -> Split:
    """Finds the borders: the loop does what the next state needs, and everything else is done for many steps at once.

    Args:
      program: of the step.
      held_states: the states after the steps are kept anyway, held where masked, and may be read in the place of what the step
        made; right where rows do not see each other.
    """
    depends = program.depends
    after = {v for v in program.state_t if held_states and not is_literal(v)}
    given = {*program.state, *program.x, *after}
    of_params = lambda v: depends[v] == 0  # noqa: E731
    available = lambda v: v in given or of_params(v)  # noqa: E731

    loop = _slice(program, program.state_t, Depends.STATE)
    loop_tangents = _slice(program, program.dstate_t, Depends.LOOP)
    late_tangents = _slice(program, program.dy_t, Depends.LOOP) - loop_tangents
    entering_loop = _read(program, loop_tangents, program.dstate_t, lambda v: _kind(depends[v]) == Depends.FREE)
    entering_late = _read(program, late_tangents, program.dy_t, lambda v: _kind(depends[v]) == Depends.FREE)
    leaving = _read(
        program,
        late_tangents,
        program.dy_t,
        lambda v: bool(depends[v] & Depends.LOOP) and program.maker.get(v, -1) not in late_tangents,
    )
    free_tangents = _slice(program, [*entering_loop, *entering_late], Depends.FREE)
    tangents = loop_tangents | late_tangents | free_tangents
    needed = _read(program, tangents, [], lambda v: not depends[v] & (Depends.FREE | Depends.LOOP))
    kept = smallest_cut(program, needed, available, _cost)
    in_loop = _cheaply_from_loop(program, loop, available)
    kept_early = [v for v in kept if not depends[v] & Depends.STATE]
    kept_loop = [v for v in kept if depends[v] & Depends.STATE and in_loop(v)]
    kept_late = [v for v in kept if depends[v] & Depends.STATE and not in_loop(v)]

    known = {*kept_early, *kept_loop}
    late = _reaching(program, [*program.y_t, *kept_late], loop, lambda v: available(v) or v in known)
    extra = smallest_cut(program, late, lambda v: available(v) or v in known or not depends[v] & Depends.STATE, _cost)
    results = [*program.state_t, *kept_loop, *extra]
    early = _read(program, _slice(program, results, Depends.STATE), results, lambda v: depends[v] == Depends.INPUT)
    in_loops = loop | loop_tangents | _slice(program, results, Depends.STATE)
    hoisted = smallest_cut(program, _read(program, in_loops, [], of_params), lambda v: v not in program.maker, _cost)
    return Split(hoisted, early, kept_early, kept_loop, kept_late, extra, entering_loop, entering_late, leaving)


def _kind(depends: Depends) -> Depends:
    return depends & (Depends.FREE | Depends.LOOP)


def _slice(program: Program, wanted: Iterable[Any], kind: Depends) -> set[int]:
    """The equations whose results depend on `kind` and lead to what is wanted."""
    found: set[int] = set()
    pending = [v for v in wanted if not is_literal(v)]
    while pending:
        v = pending.pop()
        index = program.maker.get(v)
        if index is None or index in found or not program.depends[v] & kind:
            continue
        found.add(index)
        pending.extend(a for a in program.equations[index].invars if not is_literal(a))
    return found


def _read(program: Program, equations: Iterable[int], results: Iterable[Any], chosen: Callable[[Any], bool]) -> list[Any]:
    """The chosen variables among what the equations read and the results, in the order in which they are made."""
    atoms = [a for index in equations for a in program.equations[index].invars] + list(results)
    found = {v for v in atoms if not is_literal(v) and chosen(v)}
    return sorted(found, key=program.position)


def _reaching(program: Program, wanted: Iterable[Any], loop: set[int], known: Callable[[Any], bool]) -> list[Any]:
    """What the part after the loop reads of the values made in the loop."""
    found, seen = [], set()
    pending = [v for v in wanted if not is_literal(v)]
    while pending:
        v = pending.pop()
        if v in seen or known(v):
            continue
        seen.add(v)
        if program.maker[v] in loop:
            found.append(v)
        else:
            pending.extend(a for a in program.equations[program.maker[v]].invars if not is_literal(a))
    return found


def _cheaply_from_loop(program: Program, loop: set[int], available: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Whether a value is made in the loop, or by cheap operations from values that are."""

    def inside(v):
        if available(v) or not program.depends[v] & Depends.STATE or program.maker[v] in loop:
            return True
        equation = program.equations[program.maker[v]]
        return equation.primitive.name in CHEAP and all(inside(a) for a in equation.invars if not is_literal(a))

    return inside


def _cost(v: Any) -> int:
    """Bytes; values that no array can hold over time are not kept."""
    if jnp.issubdtype(v.aval.dtype, jax.dtypes.extended):
        return _NEVER
    sizes = [size if isinstance(size, int) else _UNKNOWN for size in v.aval.shape]
    return 1 + math.prod(sizes) * v.aval.dtype.itemsize
