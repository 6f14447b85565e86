"""The contracts that everything else is written against: cells, layers and hand-derived backward passes.

In shape descriptions `T` is the number of steps, `*batch` any number of batch axes; sequences are time-major.
"""

from typing import Any, NamedTuple, Protocol

from jax import Array

Params = Any
State = Any
PyTree = Any


class InitFn(Protocol):
    """Draws the parameters of a cell or layer."""

    def __call__(self, key: Array) -> Params:
        """Draws parameters from a PRNG key."""
        ...


class InitialStateFn(Protocol):
    """The state before the first step."""

    def __call__(self, params: Params, batch_shape: tuple[int, ...] = ()) -> State:
        """Returns a state whose leaves all lead with `batch_shape`."""
        ...


class StepFn(Protocol):
    """One step of a recurrence, in the order of `jax.lax.scan`."""

    def __call__(self, params: Params, state: State, x_t: PyTree) -> tuple[State, PyTree]:
        """Maps the state before the step and the input to the state after it and the output."""
        ...


class Adjoint(NamedTuple):
    """The hand-derived backward pass of one cell, split where the time loop splits it.

    The forward step is `advance(params, state, project(params, x_t))`; going back, `retreat` is the recursion of the
    deltas through time, and `collect` turns deltas into gradients for many steps at once.

    Attributes:
      project: `(params, xs) -> zs`, the part of the step that needs no state; any leading axes.
      advance: `(params, state_tm1, z_t) -> (state_t, y_t, tape_t)`; the tape is what the backward pass reads.
      retreat: `(params, tape_t, dstate_t, dy_t) -> (dstate_tm1, deltas_t)`, linear in `(dstate_t, dy_t)`.
      collect: `(params, xs, tape, deltas) -> (dparams, dxs)`, with `[T, *batch, ...]` inputs, summed over time and batch.
    """

    project: Any
    advance: Any
    retreat: Any
    collect: Any


class Cell(NamedTuple):
    """A recurrent cell: pure functions of its parameters. A cell is closed over, never passed through `jax.jit`.

    Attributes:
      init: `key -> params`.
      initial_state: `(params, batch_shape=()) -> state`; every leaf leads with the batch axes, counters too.
      step: `(params, state, x_t) -> (state, y_t)`, the order of `jax.lax.scan`.
      adjoint: the hand-derived backward pass of exactly this step, or None.
    """

    init: InitFn
    initial_state: InitialStateFn
    step: StepFn
    adjoint: Adjoint | None = None


class ApplyFn(Protocol):
    """A map from a whole sequence to a whole sequence."""

    def __call__(self, params: Params, xs: PyTree, *, lengths: Array | None = None, mask: Array | None = None) -> PyTree:
        """Maps `[T, *batch, ...]` to `[T, *batch, ...]`."""
        ...


class Layer(NamedTuple):
    """A map from sequences to sequences, `[T, *batch, features] -> [T, *batch, features]`.

    Attributes:
      init: `key -> params`.
      apply: `(params, xs, *, lengths=None, mask=None) -> ys`.
    """

    init: InitFn
    apply: ApplyFn


def step_from(adjoint: Adjoint) -> StepFn:
    """Returns the forward step of an adjoint, so that the equation stands in one place."""

    def step(params, state, x_t):
        state, y_t, _ = adjoint.advance(params, state, adjoint.project(params, x_t))
        return state, y_t

    return step
