"""The derivative of one step as a list of operations that can be taken apart.

`jax.linearize` gives the step and its derivative as one program. Every value in it depends on some of: the parameters, the
input, the state, tangents of parameters and input, the tangent of the state. Sorted by that, the program falls into what
belongs before the loop over time, in it, and after it; `carve` cuts such a part out as a function.
"""

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from recurrent import pytrees
from recurrent.programs import apply, evaluate, is_literal, run_equations
from recurrent.types import Params, PyTree, State, StepFn

_CHEAP = """
    abs add add_any and broadcast_in_dim ceil clamp complex concatenate conj convert_element_type copy copy_p div eq
    expand_dims floor ge gt imag integer_pow iota is_finite le lt max min mul name ne neg not one_minus_square or pad
    real reduce_precision reshape rev round select_n sign slice split square squeeze stop_gradient sub transpose xor
"""
CHEAP = frozenset(_CHEAP.split())
"""Operations that are sooner done again than their results written to memory and read back."""
BROADCASTING = {"add", "add_any", "sub", "mul", "div", "max", "min", "pow", "atan2", "rem", "nextafter", "complex"}


class Depends(enum.IntFlag):
    """What a value depends on; 0 for values made of parameters alone."""

    INPUT = 1
    STATE = 2
    FREE = 4
    """Tangents of the parameters, of the input, and of named values."""
    LOOP = 8
    """The tangent of the state."""


class Program(NamedTuple):
    """One step and its derivative.

    Attributes:
      equations: in order; each has inputs, outputs and a primitive.
      constants: arrays that the step closes over, by variable.
      params, state, x: variables of the leaves.
      dparams, dstate, dx, dnames: variables of the tangents of those leaves that have one, and of the named values.
      state_t, y_t, dstate_t, dy_t: the results, tangents of inexact leaves only.
      names: of the named values, in the order of `dnames`.
      depends: what every variable depends on.
      maker: of every variable, the position of its equation.
    """

    equations: list[Any]
    constants: dict[Any, Array]
    params: list[Any]
    state: list[Any]
    x: list[Any]
    dparams: list[Any]
    dstate: list[Any]
    dx: list[Any]
    dnames: list[Any]
    state_t: list[Any]
    y_t: list[Any]
    dstate_t: list[Any]
    dy_t: list[Any]
    names: tuple[str, ...]
    depends: dict[Any, Depends]
    maker: dict[Any, int]

    def inputs(self) -> list[Any]:
        """All variables that no equation makes."""
        return [*self.constants, *self.params, *self.state, *self.x, *self.dparams, *self.dstate, *self.dx, *self.dnames]

    def position(self, v: Any) -> tuple[int, int]:
        """Where a variable is made; inputs come first."""
        if v not in self.maker:
            return -1, self.inputs().index(v)
        index = self.maker[v]
        return index, self.equations[index].outvars.index(v)

    def counterparts(self, variables: Iterable[Any], other: "Program") -> list[Any]:
        """The variables of the other program at the positions of these."""
        theirs = dict(zip(self.inputs(), other.inputs(), strict=True))
        found = []
        for v in variables:
            if is_literal(v):
                found.append(v)
            elif v in self.maker:
                index = self.maker[v]
                found.append(other.equations[index].outvars[self.equations[index].outvars.index(v)])
            else:
                found.append(theirs[v])
        return found


def linearized(step: StepFn, params: Params, state: State, x_t: PyTree, *, named: bool = False) -> Program:
    """Traces a step together with its derivative; arguments may be shapes.

    Args:
      step: of a cell.
      params: of the cell.
      state: before the step.
      x_t: input of the step.
      named: give every value that the step names by `jax.ad_checkpoint.checkpoint_name` a tangent of its own.
    """
    groups = [jax.tree.leaves(tree) for tree in (params, state, x_t)]
    forward, structure = jax.make_jaxpr(step, return_shape=True)(params, state, x_t)
    if named:
        forward = jax.make_jaxpr(lambda *values: evaluate(forward.jaxpr, forward.consts, values))(*jax.tree.leaves(groups))
    else:
        forward = _inlined(forward, *jax.tree.leaves(groups))
    num_state = len(jax.tree.leaves(structure[0]))
    out_floats = [pytrees.is_inexact(leaf) for leaf in jax.tree.leaves(structure)]
    found = [eqn for eqn in forward.jaxpr.eqns if eqn.primitive.name == "name"]
    names = tuple(map(_full_name, found))
    marks = [jnp.zeros(eqn.outvars[0].aval.shape, eqn.outvars[0].aval.dtype) for eqn in found]

    def tangents(leaves):
        return [leaf for leaf in leaves if pytrees.is_inexact(leaf)]

    def both(groups, moved):
        flat = [leaf for group in groups for leaf in group]
        floating = [pytrees.is_inexact(leaf) for leaf in flat]

        def run(floats, marks):
            floats = iter(floats)
            values = [next(floats) if inexact else leaf for leaf, inexact in zip(flat, floating, strict=True)]
            outputs = evaluate(forward.jaxpr, forward.consts, values, _marking(iter(marks)) if named else None)
            return [o for o, f in zip(outputs, out_floats, strict=True) if f], outputs

        _, push, outputs = jax.linearize(run, tangents(flat), marks, has_aux=True)
        return outputs, push(*moved)

    moved = ([t for group in groups for t in tangents(group)], marks)
    closed = _inlined(jax.make_jaxpr(both)(groups, moved), *groups[0], *groups[1], *groups[2], *moved[0], *moved[1])
    counts = [*map(len, groups), *(len(tangents(group)) for group in groups), len(marks)]
    params_v, state_v, x_v, dparams, dstate, dx, dnames = _divide(closed.jaxpr.invars, counts)
    num_outputs, num_dstate = len(out_floats), sum(out_floats[:num_state])
    state_t, y_t, dstate_t, dy_t = _divide(
        closed.jaxpr.outvars, [num_state, num_outputs - num_state, num_dstate, sum(out_floats) - num_dstate]
    )
    constants = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))
    program = Program(
        equations=closed.jaxpr.eqns,
        constants=constants,
        params=params_v,
        state=state_v,
        x=x_v,
        dparams=dparams,
        dstate=dstate,
        dx=dx,
        dnames=dnames,
        state_t=state_t,
        y_t=y_t,
        dstate_t=dstate_t,
        dy_t=dy_t,
        names=names,
        depends={},
        maker={},
    )
    _sort(program)
    return program


def carve(program: Program, given: Iterable[Any], wanted: Sequence[Any], rule: Callable | None = None) -> "Part":
    """Cuts the function out of a program that computes the wanted variables from the given ones and constants.

    Raises:
      KeyError: something else is needed.
    """
    given = list(dict.fromkeys(v for v in given if not is_literal(v)))
    available, needed, reads = {*given, *program.constants}, set(), set()
    pending = [v for v in wanted if not is_literal(v)]
    seen = set()
    while pending:
        v = pending.pop()
        if v in seen:
            continue
        seen.add(v)
        if v in available:
            reads.add(v)
            continue
        needed.add(program.maker[v])
        pending.extend(a for a in program.equations[program.maker[v]].invars if not is_literal(a))
    equations = [program.equations[index] for index in sorted(needed)]
    return Part(program, equations, list(wanted), frozenset(reads), rule)


class Part(NamedTuple):
    """A function cut out of a program; called with known values by variable."""

    program: Program
    equations: list[Any]
    wanted: list[Any]
    reads: frozenset[Any]
    rule: Callable | None

    def __call__(self, known: dict[Any, Any]) -> list[Any]:
        """The wanted values."""
        return run_equations(self.equations, self.program.constants | known, self.wanted, self.rule)


def _full_name(equation: Any) -> str:
    scope = str(equation.source_info.name_stack)
    return f"{scope}/{equation.params['name']}" if scope else equation.params["name"]


@jax.custom_jvp
def _mark(value, tangent_of_its_own):
    del tangent_of_its_own
    return value


@_mark.defjvp
def _mark_jvp(primals, tangents):
    return primals[0], tangents[0] + tangents[1]


def _marking(marks: Iterator[Any]) -> Callable:
    def rule(equation, values):
        return [_mark(values[0], next(marks))] if equation.primitive.name == "name" else None

    return rule


def _inlined(closed: Any, *arguments: Any) -> Any:
    """The same program without inner `jit`s, and with every operand of an elementwise operation in its full shape."""
    return jax.make_jaxpr(lambda *values: evaluate(closed.jaxpr, closed.consts, values, _broadcast_operands))(*arguments)


def _broadcast_operands(equation: Any, values: list[Any]) -> list[Any] | None:
    if equation.primitive.name == "name":  # a value under two names would be kept twice
        return values
    shape = equation.outvars[0].aval.shape if equation.outvars else ()
    if equation.primitive.name not in BROADCASTING or all(jnp.shape(v) == shape for v in values):
        return None

    def full(atom, value):
        own = jnp.shape(value)
        if is_literal(atom) or own == shape:
            return value
        return lax.broadcast_in_dim(value, shape, tuple(range(len(shape))) if own else ())

    return apply(equation, [full(*pair) for pair in zip(equation.invars, values, strict=True)])


def _divide(items: Sequence[Any], counts: Iterable[int]) -> list[list[Any]]:
    """Consecutive groups of the given sizes."""
    remaining = iter(items)
    return [[next(remaining) for _ in range(count)] for count in counts]


def _sort(program: Program) -> None:
    """Fills in what every variable depends on, and which equation makes it."""
    depends, maker = program.depends, program.maker
    depends.update({v: Depends(0) for v in [*program.constants, *program.params]})
    depends.update(dict.fromkeys(program.x, Depends.INPUT))
    depends.update(dict.fromkeys(program.state, Depends.STATE))
    depends.update(dict.fromkeys([*program.dparams, *program.dx, *program.dnames], Depends.FREE))
    depends.update(dict.fromkeys(program.dstate, Depends.LOOP))
    for index, equation in enumerate(program.equations):
        of = Depends(0)
        for atom in equation.invars:
            of |= Depends(0) if is_literal(atom) else depends[atom]
        for v in equation.outvars:
            depends[v], maker[v] = of, index
