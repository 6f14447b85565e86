"""Any recurrence as a fixed point of all its states at once, s_t = f_t(s_{t-1}), solved by Newton's method.

Every iteration linearises all steps at the present guess, which gives a linear recurrence, and solves that by an
associative scan. Masks and resets are part of f_t. Guess and solution are vectors `[T, *batch, n]`.
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.extend.core import jaxpr_as_fun, jaxprs_in_params

from recurrent import pytrees
from recurrent.parallel._associative import linear_scan, shift
from recurrent.sequences import Flags, flagged_step
from recurrent.types import Cell, Params, PyTree, State

matmul = functools.partial(jnp.matmul, precision="highest")


class Convergence(NamedTuple):
    """Whether, and how, a parallel evaluation reached the sequential one; scalars.

    The residual bounds the distance from the loop only where the network forgets: in a chaotic one two evaluations with
    residuals of rounding size part exponentially, as two loops do that round differently.

    Attributes:
      converged: the residual is within the tolerance. If not, neither values nor gradients are those of the recurrence.
      iterations: linear recurrences solved.
      residual: max |s_t - f_t(s_{t-1})| / max(1, |f_t(s_{t-1})|) over steps, rows and units; inf if something is not finite.
    """

    converged: Array
    iterations: Array
    residual: Array


class Inputs(NamedTuple):
    """What a step reads besides the state: all that a gradient may flow to, and the flags."""

    params: Params
    fresh: State
    xs: PyTree


Steps = Callable[[Inputs, Flags, Array], tuple[Array, PyTree]]
"""`(inputs, flags, s_{t-1}) -> (s_t, y_t)` for all t at once; states as vectors."""


def vectors(state: State, num_lead: int) -> tuple[Callable[[State], Array], Callable[[Array], State]]:
    """Returns the map of a state to vectors `[*lead, n]`, for any leading axes, and its inverse.

    Raises:
      ValueError: a leaf is not floating point.
    """
    leaves, structure = jax.tree.flatten(state)
    for name, leaf in zip(pytrees.leaf_names(state), leaves, strict=True):
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            raise ValueError(
                f"Newton's method needs a state of real numbers; {name or 'it'} has dtype {leaf.dtype} "
                "(counters and random keys have no derivative): use unroll"
            )
    shapes = [leaf.shape[num_lead:] for leaf in leaves]
    ends = list(itertools.accumulate(map(math.prod, shapes)))[:-1]

    def ravel(state):
        pairs = zip(jax.tree.leaves(state), shapes, strict=True)
        return jnp.concatenate([leaf.reshape(*leaf.shape[: leaf.ndim - len(shape)], -1) for leaf, shape in pairs], axis=-1)

    def unravel(vector):
        pieces = zip(jnp.split(vector, ends, axis=-1), shapes, strict=True)
        return jax.tree.unflatten(structure, [piece.reshape(*vector.shape[:-1], *shape) for piece, shape in pieces])

    return ravel, unravel


def all_steps(cell: Cell, ravel: Callable, unravel: Callable) -> Steps:
    """The step of a cell, with its masks and resets, as a map of vectors; time is one more batch axis."""

    def steps(inputs, flags, s_tm1):
        fresh = jax.tree.map(lambda leaf: leaf[None], inputs.fresh)
        states, ys = flagged_step(cell.step, inputs.params, fresh, unravel(s_tm1), inputs.xs, flags)
        return ravel(states), ys

    return steps


def solve(
    steps: Callable[[Array], Array],
    s_0: Array,
    num_steps: int,
    correct: Callable[..., Array],
    *,
    tolerance: float,
    max_iterations: int,
    reverse: bool,
) -> tuple[Array, Convergence]:
    """Iterates s <- s + correction until s_t = steps(s_{t-1}) for all t.

    An entry whose correction overflows takes the fixed-point iteration f_t(s_{t-1}) instead, so that no NaN survives.

    Args:
      steps: `s_{t-1} -> s_t` for all t at once.
      s_0: the state before the first step, `[*batch, n]`; also the first guess for all others.
      num_steps: T.
      correct: `(push, steps(s_{t-1}), s, reverse) -> s`, one of the functions below; `push` is the derivative of `steps`.
      tolerance: largest residual.
      max_iterations: limit.
      reverse: the recurrence runs from the last step to the first.
    """

    def residual(s):
        value = steps(shift(s, s_0, reverse=reverse))
        error = jnp.abs(value - s) / jnp.maximum(1, jnp.abs(value))
        return jnp.max(jnp.where(jnp.isfinite(error), error, jnp.inf), initial=0)

    def iterate(carry):
        s, _, count = carry
        value, push = jax.linearize(steps, shift(s, s_0, reverse=reverse))
        corrected = correct(push, value, s, reverse)
        s = jnp.where(jnp.isfinite(corrected), corrected, jnp.where(jnp.isfinite(value), value, 0))
        return s, residual(s), count + 1

    def unfinished(carry):
        return (carry[1] > tolerance) & (carry[2] < max_iterations)

    guess = jnp.broadcast_to(s_0, (num_steps, *s_0.shape))
    check_has_forward_derivative(steps, guess)
    s, size, count = jax.lax.while_loop(unfinished, iterate, (guess, residual(guess), jnp.zeros((), jnp.int32)))
    return s, Convergence(size <= tolerance, count, size)


def check_has_forward_derivative(steps: Callable[[Array], Array], s: Array) -> None:
    """Raises ValueError where a custom reverse-mode rule hides the derivative that Newton's method needs."""
    traced = jax.make_jaxpr(steps)(s)  # errors of the step itself come out here
    pushed = jax.make_jaxpr(lambda s, ds: jax.jvp(jaxpr_as_fun(traced), (s,), (ds,)))(s, s)
    if "custom_lin" in _primitives(pushed.jaxpr):
        raise ValueError(
            "Newton's method needs the derivative of the step in forward mode, and this cell's step has a custom reverse-mode "
            "gradient only (as clip_state_gradients gives it): use unroll"
        )


def _primitives(jaxpr: Any) -> Iterator[str]:
    """The names of all operations, those inside of others included."""
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for inner in jaxprs_in_params(equation.params):
            yield from _primitives(inner)


def correct_dense(push, value, s, reverse):
    """Newton: δ_t = J_t δ_{t-1} + f_t - s_t; s_t <- f_t + J_t δ_{t-1}. Work O(T n³), memory O(T n²).

    Written with f_t rather than s_t + δ_t, each iteration makes one more step exact, whatever the rest does.
    """
    jacobian = dense_jacobian(push, s)
    delta = linear_scan(matmul, jacobian, (value - s)[..., None], reverse=reverse)
    return value + matmul(jacobian, shift(delta, jnp.zeros_like(delta[0]), reverse=reverse))[..., 0]


def correct_diagonal(push, value, s, reverse):
    """The same with the diagonal of J_t: work O(T n²) for the diagonal and O(T n) for the scan, memory O(T n)."""
    slope = diagonal_jacobian(push, s)
    delta = linear_scan(jnp.multiply, slope, value - s, reverse=reverse)
    return value + slope * shift(delta, jnp.zeros_like(delta[0]), reverse=reverse)


def correct_damped(damping: float, push, value, s, reverse):
    """Levenberg-Marquardt with the diagonal of J_t: min_δ Σ_t (δ_t - J_t δ_{t-1} - (f_t - s_t))² + λ δ_t², unit by unit.

    That is a Kalman smoother for states of unit noise that are observed to be 0 with variance 1/λ: the variances c_t of the
    filter are a recurrence of Möbius maps, its means and the smoother's linear ones, all three associative.
    """
    slope, gap, zero = diagonal_jacobian(push, s), value - s, jnp.zeros_like(s[0])
    before = functools.partial(shift, first=zero, reverse=reverse)
    behind = functools.partial(shift, first=zero, reverse=not reverse)
    variance = _filter_variances(slope, damping, reverse)
    predicted = slope**2 * before(variance) + 1
    keep = 1 / (1 + damping * predicted)
    mean = linear_scan(jnp.multiply, keep * slope, keep * gap, reverse=reverse)
    gain = variance * behind(slope / predicted)
    delta = linear_scan(jnp.multiply, gain, mean - gain * (behind(slope) * mean + behind(gap)), reverse=not reverse)
    return s + delta


def _filter_variances(slope: Array, damping: float, reverse: bool) -> Array:
    """c_t = (a² c_{t-1} + 1) / (λ a² c_{t-1} + 1 + λ) from c_0 = 0: products of 2x2 matrices, scaled to a last entry of 1."""

    def after(earlier, later):
        (p, q, r), (u, v, w) = earlier, later
        scale = 1 / (w * q + 1)
        return (u * p + v * r) * scale, (u * q + v) * scale, (w * p + r) * scale

    first = slope**2 / (1 + damping)
    maps = (first, jnp.full_like(slope, 1 / (1 + damping)), damping * first)
    return jax.lax.associative_scan(after, maps, reverse=reverse)[1]


def dense_jacobian(push: Callable[[Array], Array], s: Array) -> Array:
    """J_t[i, j] = ∂f_t[i] / ∂s_{t-1}[j], `[T, *batch, n, n]`, from the derivative of all steps in a direction."""
    units = jnp.eye(s.shape[-1], dtype=s.dtype)
    return jax.vmap(lambda unit: push(jnp.broadcast_to(unit, s.shape)), out_axes=-1)(units)


def diagonal_jacobian(push: Callable[[Array], Array], s: Array) -> Array:
    """J_t[i, i], `[T, *batch, n]`, one unit after the other so that no `[n, n]` is ever held."""
    size = s.shape[-1]

    def entry(unit):
        direction = (jnp.arange(size) == unit).astype(s.dtype)
        return jnp.take(push(jnp.broadcast_to(direction, s.shape)), unit, axis=-1)

    return jnp.moveaxis(jax.lax.map(entry, jnp.arange(size)), 0, -1)


def _loop(matrices: Array, vectors: Array, *, reverse: bool) -> Array:
    """s_t = A_t s_{t-1} + b_t from s_0 = 0, one step after the other."""

    def step(s, inputs):
        a, b = inputs
        s = matmul(a, s[..., None])[..., 0] + b
        return s, s

    return jax.lax.scan(step, jnp.zeros_like(vectors[0]), (matrices, vectors), reverse=reverse)[1]


def attach_gradient(steps: Steps, inputs: Inputs, flags: Flags, s_0: Array, s: Array, *, reverse: bool) -> Array:
    """Returns the solution s, with the gradient that the recurrence gives it: no derivative of the iterations.

    λ_t = dE/ds_t + J_{t+1}' λ_{t+1} is a linear recurrence too, run backwards with the exact dense Jacobians; then one
    vector-Jacobian product of all steps.

    Args:
      steps: all steps.
      inputs: what gradients flow to, besides `s_0`.
      flags: masks and resets.
      s_0: the state before the first step.
      s: the solution.
      reverse: the recurrence runs from the last step to the first.
    """

    @jax.custom_vjp
    def attach(inputs, s_0, flags, s):
        del inputs, s_0, flags
        return s

    def backward(residuals: tuple, ds: Array) -> Any:
        inputs, s_0, flags, s = residuals
        s_tm1 = shift(s, s_0, reverse=reverse)
        _, push = jax.linearize(lambda s_tm1: steps(inputs, flags, s_tm1)[0], s_tm1)
        transposed = jnp.swapaxes(dense_jacobian(push, s), -1, -2)
        following = shift(transposed, jnp.zeros_like(transposed[0]), reverse=not reverse)
        total = linear_scan(matmul, following, ds[..., None], reverse=not reverse)[..., 0]
        # where products of many Jacobians overflow, though not their product with ds, only the loop gives the gradient
        total = jax.lax.cond(jnp.isfinite(total).all(), lambda: total, lambda: _loop(following, ds, reverse=not reverse))
        _, pull = jax.vjp(lambda inputs, s_0: steps(inputs, flags, shift(s, s_0, reverse=reverse))[0], inputs, s_0)
        return *pull(total), None, jnp.zeros_like(s)

    def forward(*arguments):
        attached = attach(*arguments)  # kept for the backward pass, so that second derivatives see how it depends on the inputs
        return attached, (*arguments[:-1], attached)

    attach.defvjp(forward, backward)
    return attach(inputs, s_0, flags, jax.lax.stop_gradient(s))
