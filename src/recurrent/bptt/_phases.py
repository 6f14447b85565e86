"""The phases of a recurrence and of its backward pass, derived from the step.

Forward, `project` runs before the loop over time, `advance` in it, `emit` after it. Backward, `absorb` takes in the gradients
of the outputs before the loop, `retreat` is the recursion of the deltas, `collect` turns deltas into gradients after it. All
but the two in the loop work on many steps at once, as rows `[steps * batch, ...]`: every weight gradient is one product.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from recurrent.bptt._program import Program, carve, linearized
from recurrent.bptt._rows import differ_in_rows_alone, treats_rows_apart
from recurrent.bptt._split import split
from recurrent.programs import is_literal
from recurrent.types import Params, PyTree, State, StepFn

Arrays = list[Array]
Known = dict[Any, Array]
"""Values by variable of the program."""


OWN_DERIVATIVE = "custom_lin"
"""The derivative of a `jax.custom_vjp` function: it can be transposed, and not be mapped over an axis."""


class Border(NamedTuple):
    """What a part is given, and what is wanted of it."""

    given: list[Any]
    wanted: list[Any]


class Phases:
    """The phases of one step. Arrays of one step are `[*batch, ...]`, those of several `[steps, *batch, ...]`."""

    def __init__(
        self,
        step: StepFn,
        params: Params,
        state: State,
        x_t: PyTree,
        num_batch_axes: int,
        *,
        masked: bool = False,
        named: bool = False,
    ):
        """Derives the phases from a step and the shapes of its arguments.

        Args:
          step: of a cell.
          params: of the cell.
          state: before the step.
          x_t: input of the step.
          num_batch_axes: leading axes of each.
          masked: some steps will be held, so that the state after a step is not always what the step made of it.
          named: give named values deltas.
        """
        params, state, x_t = jax.tree.map(_shape_of, (params, state, x_t))
        self._linearized = lambda state, x_t: linearized(step, params, state, x_t, named=named)
        self._arguments = (state, x_t)
        self.y_structure: Any = jax.tree.structure(jax.eval_shape(step, params, state, x_t)[1])
        self.program: Program = self._linearized(state, x_t)
        self.batch_shape: tuple[int, ...] = tuple(jax.tree.leaves(x_t)[0].shape[:num_batch_axes])
        self._divide(held_states=not (masked and _is_singular_after(self.program)))
        self._programs: dict[int, Program | None] = {}
        self.mixes_rows: bool = bool(self.batch_shape) and not self._loop_treats_rows_apart()
        if self.mixes_rows:
            self._divide(held_states=False)
        self._same: tuple[int, ...] = ()
        values, cotangents = [*self._weights, *self._steps_read()], [*self.program.dstate_t, *self.split.leaving]
        jax.eval_shape(self._find_equal_deltas, _avals(values), _avals(cotangents))

    def _divide(self, *, held_states: bool) -> None:
        """Cuts the program into parts; a held state stands for the state after a step only where rows are apart."""
        p, s = self.program, split(self.program, held_states=held_states)
        self.split = s
        self._weights = weights = [*p.params, *s.hoisted]
        after = [v for v in p.state_t if held_states and not is_literal(v)]
        steps = [*weights, *after, *p.state, *p.x, *s.kept_early, *s.kept_loop]
        entering = list(dict.fromkeys([*s.entering_loop, *s.entering_late]))
        self._project = Border([*weights, *p.x], [*s.early, *s.kept_early])
        self._advance = Border([*weights, *p.state, *s.early], [*p.state_t, *s.kept_loop, *s.extra])
        self._emit = Border([*steps, *s.extra], [*p.y_t, *s.kept_late])
        steps = [*steps, *s.kept_late]
        self._late = Border([*steps, *s.leaving, *s.entering_late], p.dy_t)
        self._loop = Border([*steps, *p.dstate, *s.entering_loop], [*p.dstate_t, *s.leaving])
        self._free = Border([*steps, *p.dparams, *p.dx, *p.dnames], entering)
        self.loop_reads: frozenset[Any] = carve(p, *self._loop).reads
        borders = (self._emit, self._late, self._loop, self._free)
        self.reads: frozenset[Any] = frozenset().union(*(carve(p, *border).reads for border in borders))

    def weights(self, params: Params) -> Known:
        """The parameters, and what is made of them alone."""
        known = dict(zip(self.program.params, jax.tree.leaves(params), strict=True))
        hoisted = carve(self.program, self.program.params, self.split.hoisted)(known)
        return known | dict(zip(self.split.hoisted, hoisted, strict=True))

    @jax.named_scope("project")
    def project(self, weights: Known, xs: Arrays) -> tuple[Arrays, Arrays]:
        """What the loop reads of the inputs, and what is kept of it."""
        found = self._bulk(self._project, weights, dict(zip(self.program.x, xs, strict=True)), xs[0].shape[0])
        return found[: len(self.split.early)], found[len(self.split.early) :]

    @jax.named_scope("advance")
    def advance(self, weights: Known, state_tm1: Arrays, early_t: Arrays) -> tuple[Arrays, Arrays, Arrays]:
        """One step: the next state, what is kept, and what `emit` reads besides."""
        s, p = self.split, self.program
        known = weights | dict(zip([*p.state, *s.early], [*state_tm1, *early_t], strict=True))
        found = carve(p, *self._advance)(known)
        kept, extra = len(p.state_t), len(p.state_t) + len(s.kept_loop)
        return found[:kept], found[kept:extra], found[extra:]

    @jax.named_scope("emit")
    def emit(self, weights: Known, steps: Known, extra: Arrays, num_steps: int) -> tuple[Arrays, Arrays]:
        """The outputs, and what is kept of making them."""
        found = self._bulk(self._emit, weights, steps | dict(zip(self.split.extra, extra, strict=True)), num_steps)
        return found[: len(self.program.y_t)], found[len(self.program.y_t) :]

    @jax.named_scope("absorb")
    def absorb(self, weights: Known, steps: Known, dys: Arrays) -> tuple[Arrays, Arrays]:
        """From the gradients of the outputs to those of what the loop hands out, and of what enters after the loop."""
        tangents = [*self.split.leaving, *self.split.entering_late]
        found = self._bulk_transposed(self._late, weights, steps, [], tangents, dys)
        return found[: len(self.split.leaving)], found[len(self.split.leaving) :]

    @jax.named_scope("retreat")
    def retreat(self, weights: Known, step: Known, dstate_t: Arrays, dleaving_t: Arrays) -> tuple[Arrays, Arrays]:
        """One step back: the gradient of the state before, and the deltas; equal ones are one."""
        dstate_tm1, deltas = self._retreat(weights, step, dstate_t, dleaving_t)
        return dstate_tm1, [deltas[self._same.index(i)] for i in range(len(set(self._same)))]

    @jax.named_scope("collect")
    def collect(self, weights: Known, steps: Known, deltas: Arrays, dlate: Arrays) -> tuple[Arrays, Arrays, Arrays]:
        """From deltas to the gradients of parameters (summed over steps and batch), inputs, and named values."""
        s, p = self.split, self.program
        total = {v: deltas[i] for v, i in zip(s.entering_loop, self._same, strict=True)}
        for v, delta in zip(s.entering_late, dlate, strict=True):
            total[v] = total[v] + delta if v in total else delta
        cotangents = [total[v] for v in self._free.wanted]
        found = self._bulk_transposed(self._free, weights, steps, p.dparams, [*p.dx, *p.dnames], cotangents)
        named = len(p.dparams) + len(p.dx)
        return found[: len(p.dparams)], found[len(p.dparams) : named], found[named:]

    def deltas(self) -> list[Any]:
        """The tangents whose cotangents `retreat` hands out, one of equal ones."""
        return [self.split.entering_loop[self._same.index(i)] for i in range(len(set(self._same)))]

    # what the phases share

    def _steps_read(self) -> list[Any]:
        p = self.program
        return [v for v in dict.fromkeys([*p.state_t, *p.state, *p.x, *self.split.kept]) if v in self.reads]

    def _retreat(self, weights, step, dstate_t, dleaving_t):
        s, p = self.split, self.program
        part = carve(p, *self._loop)

        def forward(dstate, entering):
            return part(weights | step | dict(zip([*p.dstate, *s.entering_loop], [*dstate, *entering], strict=True)))

        return _transposed(forward, (_avals(p.dstate), _avals(s.entering_loop)), [*dstate_t, *dleaving_t])

    def _find_equal_deltas(self, values, cotangents):
        known = dict(zip([*self.program.params, *self.split.hoisted, *self._steps_read()], values, strict=True))
        num_state = len(self.program.dstate_t)
        _, deltas = self._retreat(known, {}, cotangents[:num_state], cotangents[num_state:])
        identities = list(dict.fromkeys(map(id, deltas)))
        self._same = tuple(identities.index(id(d)) for d in deltas)
        return []

    def _bulk(self, border: Border, weights: Known, steps: Known, num_steps: int, rule=None) -> Arrays:
        """Runs a part for many steps at once."""
        if not border.wanted:
            return []
        rows = self._program_of_rows(num_steps)
        if rows is None:
            variables = list(steps)
            part = carve(self.program, border.given, border.wanted)
            run = lambda values: part(weights | dict(zip(variables, values, strict=True)))  # noqa: E731
            if any(equation.primitive.name == OWN_DERIVATIVE for equation in part.equations):
                return lax.map(run, list(steps.values()))
            return jax.vmap(run, axis_size=num_steps)(list(steps.values()))
        lead = len(self.batch_shape)
        count = math.prod((num_steps, *self.batch_shape))
        flat = [value.reshape(count, *value.shape[1 + lead :]) for value in steps.values()]
        variables = self.program.counterparts([*weights, *steps], rows)
        given, wanted = (self.program.counterparts(side, rows) for side in border)
        part = carve(rows, given, wanted, rule)
        found = part(dict(zip(variables, [*weights.values(), *flat], strict=True)))
        return [value.reshape(num_steps, *self.batch_shape, *value.shape[1:]) for value in found]

    def _bulk_transposed(self, border, weights, steps, shared, tangents, cotangents) -> Arrays:
        """The transpose of a part for many steps: cotangents of the tangents shared by all steps, then of those of each."""
        if not border.wanted:
            return [jnp.zeros(v.aval.shape, v.aval.dtype) for v in shared] + [
                jnp.zeros((0, *v.aval.shape), v.aval.dtype) for v in tangents
            ]
        num_steps = cotangents[0].shape[0]
        many = [jax.ShapeDtypeStruct((num_steps, *v.aval.shape), v.aval.dtype) for v in tangents]

        def forward(of_all, of_each):
            known = weights | dict(zip(shared, of_all, strict=True))
            return self._bulk(border, known, steps | dict(zip(tangents, of_each, strict=True)), num_steps, _biases_as_products)

        of_all, of_each = _transposed(forward, (_avals(shared), many), cotangents)
        return [*of_all, *of_each]

    def _program_of_rows(self, num_steps: int) -> Program | None:
        """The same program for all rows of many steps, or None if its values do not lead with the batch, or rows are mixed."""
        if num_steps not in self._programs:
            self._programs[num_steps] = self._trace_rows(num_steps)
        return self._programs[num_steps]

    def _trace_rows(self, num_steps: int) -> Program | None:
        lead, count = len(self.batch_shape), math.prod((num_steps, *self.batch_shape))
        rows = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((count, *leaf.shape[lead:]), leaf.dtype), self._arguments)
        try:
            program = self._linearized(*rows)
        except (TypeError, ValueError):  # a step that runs for its own batch alone: it reads an array of one row each, say
            return None
        if not differ_in_rows_alone(self.program, program, self.batch_shape, count):
            return None
        of_all = {*self.program.params, *self.split.hoisted, *self.program.dparams, *self.program.constants}
        for border in (self._project, self._emit, self._late, self._free):
            given, wanted = border
            if any(map(is_literal, wanted)):
                return None
            of_steps = [v for v in given if v not in of_all]
            for own, other in zip(of_steps + wanted, self.program.counterparts(of_steps + wanted, program), strict=True):
                if own.aval.shape[:lead] != self.batch_shape or other.aval.shape != (count, *own.aval.shape[lead:]):
                    return None
            given, wanted = (self.program.counterparts(side, program) for side in border)
            of_steps = self.program.counterparts(of_steps, program)
            if not treats_rows_apart(carve(program, given, wanted).equations, of_steps):
                return None
        return program

    def _loop_treats_rows_apart(self) -> bool:
        program = self._program_of_rows(2)
        if program is None:
            return False
        of_all = {*self._weights, *self.program.constants}
        for border in (self._advance, self._loop):
            given, wanted = (self.program.counterparts(side, program) for side in border)
            of_steps = self.program.counterparts([v for v in border.given if v not in of_all], program)
            if not treats_rows_apart(carve(program, given, wanted).equations, of_steps):
                return False
        return True


_SINGULAR_NAMES = "acos acosh asin atanh cbrt digamma div erf_inv lgamma log log1p pow rsqrt sqrt tan"
_SINGULAR = frozenset(_SINGULAR_NAMES.split())
"""Operations that, or whose derivatives, can be infinite at a finite value: 0 times that is NaN."""


def _is_singular_after(program: Program) -> bool:
    """Whether such an operation reads what follows from the state after the step, which a held step did not make."""
    following = {v for v in program.state_t if not is_literal(v)}
    for equation in program.equations:
        if any(not is_literal(v) and v in following for v in equation.invars):
            if equation.primitive.name in _SINGULAR or equation.params.get("y", 0) < 0:  # x⁻¹ is an integer_pow
                return True
            following.update(equation.outvars)
    return False


def _transposed(function: Any, shapes: Any, cotangents: Arrays) -> Any:
    if not jax.tree.leaves(shapes):
        return shapes
    return jax.linear_transpose(function, *shapes)(cotangents)


def _biases_as_products(equation, values):
    """Spreads a vector over rows as a product with ones: on a CPU, the sum over rows that is its transpose runs on one core."""
    if equation.primitive.name != "broadcast_in_dim" or len(values) != 1:
        return None
    aval = equation.outvars[0].aval
    if jnp.ndim(values[0]) != 1 or aval.ndim != 2 or equation.params["broadcast_dimensions"] != (1,):
        return None
    if aval.dtype not in (jnp.float32, jnp.float64) or equation.invars[0].aval.shape[0] != aval.shape[1]:
        return None
    return [lax.dot_general(jnp.ones((aval.shape[0], 1), aval.dtype), values[0][None, :], (((1,), (0,)), ((), ())))]


def _shape_of(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf))


def _avals(variables: list[Any]) -> list[jax.ShapeDtypeStruct]:
    return [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in variables]
