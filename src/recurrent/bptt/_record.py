"""A run of a cell with all that its backward pass reads, to look into."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from recurrent import pytrees
from recurrent.bptt import _buffers as buffers
from recurrent.bptt import _engine
from recurrent.bptt._engine import Order, Run
from recurrent.bptt._explicit import filled, inexact, phases_of, run_of
from recurrent.bptt._phases import Arrays, Known, Phases
from recurrent.sequences import Sequence, num_batch_axes
from recurrent.types import Cell, Params, PyTree, State


class Recorded(NamedTuple):
    """A run, from `record`; its backward pass may be taken any number of times.

    Attributes:
      phases: of the cell.
      params: of the cell.
      weights: what the phases read of them.
      steps: what they read of every step, `[T, *batch, ...]`.
      run: the sequence.
      final_state: the state after the last step.
      ys: the outputs, `[T, *batch, ...]`.
    """

    phases: Phases
    params: Params
    weights: Known
    steps: Known
    run: Run
    final_state: State
    ys: PyTree

    @property
    def num_steps(self) -> int:
        """T."""
        return self.run.xs[0].shape[0]

    def retreat(self, t: Array, dstate_t: Arrays, dleaving_t: Arrays) -> tuple[Arrays, Arrays]:
        """One step back with its flags: the gradient of the state before step t, and the deltas."""
        known = {v: buffers.read(leaf, t) for v, leaf in self.steps.items() if v in self.phases.loop_reads}
        flags_t = buffers.read(self.run.flags, t)
        found = _engine.retreat_step(self.phases, self.weights, known, dstate_t, dleaving_t, flags_t)
        return found[0], found[1]

    def no_outputs(self) -> Arrays:
        """The gradients of a step's outputs for a loss that reads none."""
        return [jnp.zeros(v.aval.shape, v.aval.dtype) for v in self.phases.split.leaving]


class Sweep(NamedTuple):
    """A backward pass over a recorded run, as mantissas and powers of two, which neither overflow nor underflow.

    Attributes:
      dstates: dL/ds_t for t = 0 ... T, without the part through y_t: `[T + 1, *batch, ...]`, to be multiplied by 2^exponents.
      exponents: `[T + 1, *batch]`.
      deltas, dlate: what `step_contributions` collects.
    """

    dstates: Arrays
    exponents: Array
    deltas: Arrays
    dlate: Arrays


def record(cell: Cell, params: Params, sequence: Sequence) -> Recorded:
    """Runs a cell over a sequence from `prepare`, and keeps what its backward pass reads."""
    phases, run = phases_of(cell, params, sequence), run_of(sequence)
    num_steps = run.xs[0].shape[0]
    final_state, ys, recorded = _engine.forward(phases, params, run, Order(num_steps))
    steps = _engine.steps_of(phases, run, recorded, 0, num_steps, run.state, False)
    final_state = jax.tree.unflatten(jax.tree.structure(sequence.state), final_state)
    return Recorded(phases, params, phases.weights(params), steps, run, final_state, phases.y_structure.unflatten(ys))


def sweep(recorded: Recorded, dfinal_state: State, dys: PyTree | None = None) -> Sweep:
    """Takes the gradients of the final state and of the outputs back through a recorded run."""
    batch_axes = num_batch_axes(recorded.run.xs)
    dleaving = [jnp.broadcast_to(leaf, (recorded.num_steps, *leaf.shape)) for leaf in recorded.no_outputs()]
    dlate: Arrays = [jnp.zeros((recorded.num_steps, *v.aval.shape), v.aval.dtype) for v in recorded.phases.split.entering_late]
    if dys is not None:
        dys = _engine.masked(recorded.run.flags.mask, inexact(dys))
        dleaving, dlate = recorded.phases.absorb(recorded.weights, recorded.steps, dys)

    def step(carry, inputs):
        dstate, exponent = carry
        t, dleaving_t = inputs
        common = jnp.maximum(exponent, _exponent_or_lowest(dleaving_t, exponent))
        dstate = pytrees.scale_rows(dstate, exponent - common)
        dstate, deltas = recorded.retreat(t, dstate, pytrees.scale_rows(dleaving_t, -common))
        dstate, gained = pytrees.normalize_rows(dstate, batch_axes)
        return (dstate, common + gained), (dstate, common + gained, deltas, common)

    start = pytrees.normalize_rows(inexact(dfinal_state), batch_axes)
    steps = jnp.arange(recorded.num_steps)
    _, (dstates, exponents, deltas, scales) = lax.scan(step, start, (steps, dleaving), reverse=True)
    dstates, exponents = jax.tree.map(lambda a, b: jnp.concatenate([a, b[None]]), (dstates, exponents), start)
    return Sweep(dstates, exponents, pytrees.scale_rows(deltas, scales), dlate)


def add_scaled(rows: Arrays, exponents: Array, others: Arrays) -> tuple[Arrays, Array]:
    """rows * 2^exponents + others, as new rows and exponents."""
    common = jnp.maximum(exponents, _exponent_or_lowest(others, exponents))
    pairs = zip(pytrees.scale_rows(rows, exponents - common), pytrees.scale_rows(others, -common), strict=True)
    total, gained = pytrees.normalize_rows([a + b for a, b in pairs], exponents.ndim)
    return total, common + gained


def step_contributions(recorded: Recorded, swept: Sweep) -> Params:
    """What each step contributes to the gradient: a tree like the parameters with leaves `[T, ...]`."""

    def one_step(t):
        of_step = lambda tree: jax.tree.map(lambda leaf: leaf[None], buffers.read(tree, t))  # noqa: E731
        known = {v: of_step(leaf) for v, leaf in recorded.steps.items()}
        dparams, _, _ = recorded.phases.collect(recorded.weights, known, of_step(swept.deltas), of_step(swept.dlate))
        return filled(dparams, recorded.params)

    return jax.vmap(one_step)(jnp.arange(recorded.num_steps))


def _exponent_or_lowest(rows: Arrays, like: Array) -> Array:
    """The exponents of rows, far below all others where a row is 0."""
    if not rows:
        return jnp.full_like(like, _LOWEST)
    exponent = pytrees.max_exponent(rows, like.ndim)
    some = jnp.any(jnp.stack([jnp.any(r != 0, axis=tuple(range(like.ndim, r.ndim))) for r in rows]), axis=0)
    return jnp.where(some, exponent, _LOWEST)


_LOWEST = -(2**30)
