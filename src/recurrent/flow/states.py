"""Gradients with respect to every state, and what each step and each lag contributes to the gradient of the parameters."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import pytrees
from recurrent.bptt import Trace, adjoint_of, advance_step, autodiff_adjoint, backpropagate
from recurrent.combine import emit_both
from recurrent.sequences import Sequence
from recurrent.types import Cell, Params, PyTree, State
from recurrent.unrolling import unroll, unroll_truncated


class Run(NamedTuple):
    """What a loss may depend on: `loss(run) -> scalar`.

    Attributes:
      final_state: the state after the last step.
      states: s_1 ... s_T, leaves `[T, *batch, ...]`, 0 at masked steps.
      ys: the outputs, `[T, *batch, ...]`.
    """

    final_state: State
    states: State
    ys: PyTree


Loss = Callable[[Run], Array]


def state_gradients(cell: Cell, params: Params, xs: PyTree, loss: Loss, state: State | None = None, **flags: Any) -> State:
    """dL/ds_t for t = 0 ... T, from one backward pass.

    The derivative is the total one: through all later steps, and through `run.states[t - 1]` itself where the loss reads
    it. The output y_t is a function of s_{t-1} and x_t; a loss that is meant to reach s_t directly reads it from `run.states`.

    Args:
      cell: any cell.
      params: its parameters.
      xs: inputs `[T, *batch, ...]`.
      loss: maps a `Run` to a scalar.
      state: the state before the first step.
      **flags: `lengths`, `mask`, `resets`, as for `unroll`.

    Returns:
      A tree like the state with leaves `[T + 1, *batch, ...]`; index t is dL/ds_t. Integer leaves hold zeros.
    """
    gradients, dstates = traced_gradients(cell, params, xs, loss, state, **flags)
    return jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), gradients.state, dstates)


def traced_gradients(cell: Cell, params: Params, xs: PyTree, loss: Loss, state: State | None = None, **flags):
    """Runs `backpropagate` with a trace from a loss of the run: the gradients of `emit_both(cell)`, and dL/ds_1 ... dL/ds_T."""
    both, dfinal_state, dys = _cotangents(cell, params, xs, loss, state, **flags)
    gradients = backpropagate(both, params, xs, dys, state, dfinal_state=dfinal_state, trace=True, **flags)
    assert gradients.trace is not None
    return gradients, pytrees.add(gradients.trace.dstates, dys[1])


def _cotangents(cell: Cell, params: Params, xs: PyTree, loss: Loss, state: State | None, **flags):
    """The cell that also emits its state, and the gradients of the loss at everything it returns."""
    both = emit_both(cell)
    final_state, (ys, states) = unroll(both, params, xs, state, **flags)
    grads = jax.grad(loss, allow_int=True)(Run(final_state, states, ys))
    dfinal_state, dstates, dys = jax.tree.map(_real_zeros, grads, Run(final_state, states, ys))
    return both, dfinal_state, (dys, dstates)


def _real_zeros(gradient, value):
    return gradient if pytrees.is_inexact(value) else jnp.zeros_like(value)


def states_before(cell: Cell, params: Params, sequence: Sequence) -> State:
    """s_0 ... s_{T-1}, held where masked."""
    adjoint = autodiff_adjoint(cell)

    def step(state_tm1, inputs):
        x_t, flags_t = inputs
        state_t, _, _ = advance_step(adjoint, params, sequence.fresh, state_tm1, x_t, flags_t)
        return state_t, state_tm1

    return jax.lax.scan(step, sequence.state, (sequence.xs, sequence.flags))[1]


def temporal_contributions(
    cell: Cell,
    params: Params,
    xs: PyTree,
    loss: Loss,
    state: State | None = None,
    *,
    by: Literal["step", "lag"] = "step",
    **flags: Any,
) -> Params:
    """Splits dL/dθ into the sum of Pascanu et al.: (dL/ds_k) (∂⁺s_k/∂θ), the immediate derivative holding s_{k-1} constant.

    Args:
      cell: any cell.
      params: its parameters θ.
      xs: inputs `[T, *batch, ...]`.
      loss: maps a `Run` to a scalar. For `by="lag"` it must be a sum over time of functions of single steps, as
        losses on sequences are.
      state: the state before the first step.
      by: "step": entry k is what the parameters' use at step k + 1 contributes. "lag": entry l is what their use l steps
        before the step that causes the error contributes; costs T gradients.
      **flags: `lengths`, `mask`, `resets`, as for `unroll`.

    Returns:
      A tree like the parameters with leaves `[T, ...]` that sums over its first axis to dL/dθ (not counting the
      way through a learned initial state).

    Reference: Pascanu, Mikolov & Bengio (2013), equations 3-5.
    """
    if by not in ("step", "lag"):
        raise ValueError(f'by must be "step" or "lag"; got {by!r}')
    both, dfinal_state, dys = _cotangents(cell, params, xs, loss, state, **flags)

    def contributions(dys, dfinal_state):
        gradients = backpropagate(both, params, xs, dys, state, dfinal_state=dfinal_state, trace=True, **flags)
        return step_contributions(both, params, xs, gradients.trace)

    if by == "step":
        return contributions(dys, dfinal_state)
    num_steps = jax.tree.leaves(xs)[0].shape[0]
    steps = jnp.arange(num_steps)

    def one_step(total, t):
        here = jax.tree.map(lambda d: jnp.where((steps == t).reshape(-1, *[1] * (d.ndim - 1)), d, jnp.zeros_like(d)), dys)
        final = jax.tree.map(lambda d: jnp.where(t == num_steps - 1, d, jnp.zeros_like(d)), dfinal_state)
        by_step = contributions(here, final)
        source = t - steps  # the step that lies `lag` before t
        lagged = jax.tree.map(lambda c: jnp.take(c, source, axis=0, mode="clip"), by_step)
        return pytrees.add(total, pytrees.where(source >= 0, lagged, pytrees.zeros_like(lagged))), None

    nothing = jax.tree.map(lambda p: jnp.zeros((num_steps, *p.shape), p.dtype), params)
    return jax.lax.scan(one_step, nothing, steps)[0]


def step_contributions(cell: Cell, params: Params, xs: PyTree, trace: Trace | None) -> Params:
    """Collects the deltas of a trace one step at a time: a tree like the parameters with leaves `[T, ...]`."""
    if trace is None:
        raise ValueError("step_contributions needs a trace: run backpropagate(..., trace=True)")
    adjoint = adjoint_of(cell)

    def one_step(x_t, tape_t, deltas_t):
        return adjoint.collect(params, *jax.tree.map(lambda leaf: leaf[None], (x_t, tape_t, deltas_t)))[0]

    return jax.vmap(one_step)(xs, trace.tape, trace.deltas)


class TruncationBias(NamedTuple):
    """The error of the gradient of truncated backpropagation through time.

    Attributes:
      relative_error: ‖g_truncated - g‖ / ‖g‖.
      cosine: of the angle between the two.
    """

    relative_error: Array
    cosine: Array


def truncation_bias(
    cell: Cell,
    params: Params,
    xs: PyTree,
    loss: Callable[[State, PyTree], Array],
    state: State | None = None,
    *,
    window: int,
    **flags: Any,
) -> TruncationBias:
    """Compares the gradient of `unroll_truncated(window=...)` with the full one.

    Args:
      cell: any cell.
      params: its parameters.
      xs: inputs `[T, *batch, ...]`.
      loss: maps `(final_state, ys)` to a scalar.
      state: the state before the first step.
      window: steps per window.
      **flags: `lengths`, `mask`, `resets`, as for `unroll`.
    """
    full = jax.grad(lambda p: loss(*unroll(cell, p, xs, state, **flags)))(params)
    cut = jax.grad(lambda p: loss(*unroll_truncated(cell, p, xs, state, window=window, **flags)))(params)
    size, cut_size = pytrees.norm(full), pytrees.norm(cut)
    unit = jax.tree.map(lambda g: g / size, full)
    unit_cut = jax.tree.map(lambda g: g / cut_size, cut)
    cosine = sum(jnp.vdot(a, b) for a, b in zip(jax.tree.leaves(unit), jax.tree.leaves(unit_cut), strict=True))
    return TruncationBias(pytrees.norm(jax.tree.map(jnp.subtract, cut, full)) / size, jnp.asarray(cosine))
