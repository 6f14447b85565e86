"""The contracts that everything else is written against: cells, layers, and backward passes written by hand.

In shape descriptions `T` is the number of steps, `*batch` any number of batch axes; sequences are time-major.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import Array
from typing_extensions import TypeVar

from recurrent.made import Made

Params = Any
State = Any
PyTree = Any

P = TypeVar("P", default=Any)
"""The type of the params of a cell; `Cell` alone is a cell of any."""
S = TypeVar("S", default=Any)
"""The type of its state."""
P_in = TypeVar("P_in", contravariant=True, default=Any)
P_out = TypeVar("P_out", covariant=True, default=Any)
S_out = TypeVar("S_out", covariant=True, default=Any)


class InitFn(Protocol[P_out]):
    """Draws the parameters of a cell or layer."""

    def __call__(self, key: Array) -> P_out:
        """Draws parameters from a PRNG key."""
        ...


class InitialStateFn(Protocol[P_in, S_out]):
    """The state before the first step."""

    def __call__(self, params: P_in, batch_shape: tuple[int, ...] = ()) -> S_out:
        """Returns a state whose leaves all lead with `batch_shape`."""
        ...


class StepFn(Protocol[P_in, S]):
    """One step of a recurrence, in the order of `jax.lax.scan`."""

    def __call__(self, params: P_in, state: S, x_t: PyTree, /) -> tuple[S, PyTree]:
        """Maps the state before the step and the input to the state after it and the output."""
        ...


class Adjoint(NamedTuple):
    """The backward pass of one cell, derived by hand: the formulas that autodiff and the derived pass are checked against.

    The forward step is `advance(params, state, project(params, x_t))`; going back, `retreat` is the recursion of the
    deltas through time, and `collect` turns deltas into gradients for many steps at once.

    Attributes:
      project: `(params, xs) -> zs`, the part of the step that needs no state; any leading axes.
      advance: `(params, state_tm1, z_t) -> (state_t, y_t, tape_t)`; the tape is what the backward pass reads.
      retreat: `(params, tape_t, dstate_t, dy_t) -> (dstate_tm1, deltas_t)`, linear in `(dstate_t, dy_t)`.
      collect: `(params, xs, tape, deltas) -> (dparams, dxs)`, with `[T, *batch, ...]` inputs, summed over time and batch.
    """

    project: Callable[[Params, PyTree], PyTree]
    advance: Callable[[Params, State, PyTree], tuple[State, PyTree, PyTree]]
    retreat: Callable[[Params, PyTree, State, PyTree], tuple[State, PyTree]]
    collect: Callable[[Params, PyTree, PyTree, PyTree], tuple[Params, PyTree]]

    def bound(self, **options: Any) -> "Adjoint":
        """The same equations with options given to all of them."""
        return Adjoint(*(functools.partial(equation, **options) for equation in self))  # pyright: ignore[reportArgumentType]


class Algebra(NamedTuple):
    """What multiplication means in a linear recurrence s_t = a_t · s_{t-1} + b_t; addition is that of the leaves.

    Attributes:
      product: `(a, s) -> a · s`, associative.
      one: `a -> 1`, the neutral element in the shapes of `a`; or of a state, one that acts on it.
      conjugate: `a -> ā`, so that `product(conjugate(a), ·)` is the transposed map of the real leaves.
    """

    product: Callable[[PyTree, PyTree], PyTree]
    one: Callable[[PyTree], PyTree]
    conjugate: Callable[[PyTree], PyTree]


def _complex_product(a: Any, s: Any) -> Any:
    (a_re, a_im), (s_re, s_im) = a, s
    return jax.tree.unflatten(jax.tree.structure(s), (a_re * s_re - a_im * s_im, a_re * s_im + a_im * s_re))


def _complex_one(a: Any) -> Any:
    return jax.tree.unflatten(jax.tree.structure(a), (jnp.ones_like(a[0]), jnp.zeros_like(a[1])))


def _complex_conjugate(a: Any) -> Any:
    return jax.tree.unflatten(jax.tree.structure(a), (a[0], -a[1]))


REAL = Algebra(
    product=lambda a, s: jax.tree.map(jnp.multiply, a, s),
    one=lambda a: jax.tree.map(jnp.ones_like, a),
    conjugate=lambda a: a,
)
"""Elementwise products of real arrays."""

COMPLEX = Algebra(_complex_product, _complex_one, _complex_conjugate)
"""Elementwise products of complex numbers, each a pair (re, im) of real arrays: every state leaf stays real."""


def _identity_matrix(a: Array) -> Array:
    size = a.shape[-2]
    return jnp.broadcast_to(jnp.eye(size, dtype=a.dtype), (*a.shape[:-1], size))


MATRIX = Algebra(
    product=lambda a, s: jax.tree.map(lambda a, s: jnp.matmul(a, s, precision="highest"), a, s),
    one=lambda a: jax.tree.map(_identity_matrix, a),
    conjugate=lambda a: jax.tree.map(lambda leaf: jnp.swapaxes(leaf, -1, -2), a),
)
"""Products from the left of matrices `[*lead, n, n]` with states `[*lead, n, m]`."""


class LinearForm(NamedTuple):
    """The step of a cell as an affine map of its state, s_t = a_t · s_{t-1} + b_t, where a_t and b_t depend on x_t alone.

    Attributes:
      coefficients: `(params, xs) -> (a, b)` for any leading axes; both have the tree of the state, b has its shapes, and a
        those that the algebra multiplies them by.
      output: `(params, states, xs) -> ys` from the states after the steps.
      algebra: what `a · s` means: `REAL`, `COMPLEX` or `MATRIX`.
    """

    coefficients: Callable[[Params, PyTree], tuple[State, State]]
    output: Callable[[Params, State, PyTree], PyTree]
    algebra: Algebra


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Cell(Made, Generic[P, S]):
    """A recurrent cell: pure functions of its parameters. A cell is closed over, or a static argument of `jax.jit`.

    A cell prints, compares, hashes and pickles as the call that made it; one made of functions, as its functions.
    `dataclasses.replace` changes one of them.

    Attributes:
      init: `key -> params`.
      initial_state: `(params, batch_shape=()) -> state`; every leaf leads with the batch axes, counters too.
      step: `(params, state, x_t) -> (state, y_t)`, the order of `jax.lax.scan`.
      linear: the same step as an affine map of the state, s_t = a_t · s_{t-1} + b_t; None for other cells.
    """

    init: InitFn[P]
    initial_state: InitialStateFn[P, S]
    step: StepFn[P, S]
    linear: LinearForm | None = None


class ApplyFn(Protocol):
    """A map from a whole sequence to a whole sequence."""

    def __call__(
        self,
        params: Params,
        xs: PyTree,
        state: State | None = None,
        *,
        lengths: Array | None = None,
        mask: Array | None = None,
        resets: Array | None = None,
    ) -> tuple[State, PyTree]:
        """Maps the state before the first step and inputs to the state after the last one and outputs."""
        ...


def no_state(params: Params, batch_shape: tuple[int, ...] = ()) -> tuple[()]:
    """The state of what remembers nothing."""
    del params, batch_shape
    return ()


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Layer(Made):
    """A map from sequences `[T, *batch, features]` to sequences; it prints and compares as a `Cell` does.

    Attributes:
      init: `key -> params`.
      apply: `(params, xs, state=None, *, lengths=None, mask=None, resets=None) -> (state, ys)`. The flags are those of
        `unroll`, in the order of time for every layer: `resets[t]` says that x_t starts a new sequence, so that a layer that
        reads backwards starts anew before it reads x_{t-1}.
      initial_state: `(params, batch_shape=()) -> state`, what `state=None` stands for.
      against_time: `apply` from the last step to the first; None where that takes flipped sequences.
    """

    init: InitFn
    apply: ApplyFn
    initial_state: InitialStateFn = no_state
    against_time: ApplyFn | None = None
