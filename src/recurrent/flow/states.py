"""Gradients with respect to every state, and what each step and each lag contributes to the gradient of the parameters."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import pytrees
from recurrent.bptt import add_scaled, filled, inexact, masked, record, step_contributions, sweep
from recurrent.combine import emit_both
from recurrent.scanning import plain_scan
from recurrent.sequences import Sequence, flipped, in_run_order, prepare
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


def state_gradients(
    cell: Cell,
    params: Params,
    xs: PyTree,
    loss: Loss,
    state: State | None = None,
    *,
    lengths: Array | None = None,
    mask: Array | None = None,
    resets: Array | None = None,
    reverse: bool = False,
) -> State:
    """dL/ds_t for t = 0 ... T, from one backward pass.

    The derivative is the total one: through all later steps, and through `run.states` itself where the loss reads it. The
    output y_t is a function of s_{t-1} and x_t; a loss that is meant to reach s_t directly reads it from `run.states`.

    Args:
      cell: any cell.
      params: its parameters.
      xs: inputs `[T, *batch, ...]`.
      loss: maps a `Run` to a scalar.
      state: the state before the first step.
      lengths: valid steps of each row.
      mask: booleans `[T, *batch]`, False for steps to skip.
      resets: booleans `[T, *batch]`, True where a new sequence starts.
      reverse: run from the last step to the first.

    Returns:
      A tree like the state with leaves `[T + 1, *batch, ...]`; index t is dL/ds_t, t counting steps of the run (so T is the
      final state, also with `reverse`). Integer leaves hold zeros.
    """
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    return gradients_in_run_order(cell, params, in_run_order(sequence, reverse), loss, reverse)


def gradients_in_run_order(cell: Cell, params: Params, sequence: Sequence, loss: Loss, reverse: bool) -> State:
    """`state_gradients` of a sequence in the order of the run."""
    dstates, exponents = scaled_state_gradients(cell, params, sequence, loss, reverse)
    shapes = jax.tree.map(lambda s: jax.ShapeDtypeStruct((len(exponents), *s.shape), s.dtype), sequence.state)
    return filled(pytrees.scale_rows(dstates, exponents), shapes)


def scaled_state_gradients(
    cell: Cell, params: Params, sequence: Sequence, loss: Loss, reverse: bool
) -> tuple[list[Array], Array]:
    """dL/ds_0 ... dL/ds_T of the inexact leaves as mantissas `[T + 1, *batch, ...]` and powers of two `[T + 1, *batch]`.

    Args:
      cell: any cell.
      params: its parameters.
      sequence: in the order of the run.
      loss: of the run in the order of time.
      reverse: whether the two orders differ.
    """
    recorded, dfinal_state, dys = recorded_with_cotangents(cell, params, sequence, loss, reverse)
    swept = sweep(recorded, dfinal_state, dys)
    read = masked(sequence.flags.mask, inexact(dys[1]))  # the states in `loss` are 0 where masked, whatever they were
    read = [jnp.concatenate([jnp.zeros_like(d[:1]), r]) for d, r in zip(swept.dstates, read, strict=True)]
    return add_scaled(swept.dstates, swept.exponents, read)


def recorded_with_cotangents(cell: Cell, params: Params, sequence: Sequence, loss: Loss, reverse: bool):
    """The recorded run of the cell that also emits its state, and the gradients of the loss at all it returns."""
    recorded = record(emit_both(cell), params, sequence)
    ys, states = recorded.ys

    def of_run(final_state, states, ys):
        return loss(Run(final_state, flipped(states, reverse), flipped(ys, reverse)))

    found = jax.grad(of_run, (0, 1, 2), allow_int=True)(recorded.final_state, states, ys)
    dfinal_state, dstates, dys = jax.tree.map(_real_zeros, found, (recorded.final_state, states, ys))
    return recorded, dfinal_state, (dys, dstates)


def _real_zeros(gradient, value):
    return gradient if pytrees.is_inexact(value) else jnp.zeros_like(value)


def states_before(cell: Cell, params: Params, sequence: Sequence) -> State:
    """s_0 ... s_{T-1}, held where masked."""
    return plain_scan(cell, params, sequence, output=lambda state_tm1, state_t, y_t: state_tm1)[1]


def temporal_contributions(
    cell: Cell,
    params: Params,
    xs: PyTree,
    loss: Loss,
    state: State | None = None,
    *,
    by: Literal["step", "lag"] = "step",
    lengths: Array | None = None,
    mask: Array | None = None,
    resets: Array | None = None,
    reverse: bool = False,
) -> Params:
    """Splits dL/dθ into the sum of Pascanu et al.: (dL/ds_k) (∂⁺s_k/∂θ), the immediate derivative holding s_{k-1} constant.

    Args:
      cell: any cell.
      params: its parameters θ.
      xs: inputs `[T, *batch, ...]`.
      loss: maps a `Run` to a scalar. For `by="lag"` it must be a sum over time of functions of single steps, as
        losses on sequences are.
      state: the state before the first step.
      by: "step": entry k is what the parameters' use at step k + 1 of the run contributes. "lag": entry l is what their use
        l steps before the step that causes the error contributes; costs T gradients.
      lengths: valid steps of each row.
      mask: booleans `[T, *batch]`, False for steps to skip.
      resets: booleans `[T, *batch]`, True where a new sequence starts.
      reverse: run from the last step to the first; steps and lags count in the direction of the run.

    Returns:
      A tree like the parameters with leaves `[T, ...]` that sums over its first axis to dL/dθ (not counting the
      way through a learned initial state).

    Raises:
      ValueError: an unknown `by`.

    Reference: Pascanu, Mikolov & Bengio (2013), equations 3-5.
    """
    if by not in ("step", "lag"):
        raise ValueError(f'by must be "step" or "lag"; got {by!r}')
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    sequence = in_run_order(sequence, reverse)
    recorded, dfinal_state, dys = recorded_with_cotangents(cell, params, sequence, loss, reverse)
    num_steps = recorded.num_steps
    steps = jnp.arange(num_steps)

    def by_step(dfinal_state, dys):
        return step_contributions(recorded, sweep(recorded, dfinal_state, dys))

    def from_step(total, t):
        here = jax.tree.map(lambda d: jnp.where((steps == t).reshape(-1, *[1] * (d.ndim - 1)), d, jnp.zeros_like(d)), dys)
        final = jax.tree.map(lambda d: jnp.where(t == num_steps - 1, d, jnp.zeros_like(d)), dfinal_state)
        source = t - steps  # the step that lies `lag` before t
        lagged = jax.tree.map(lambda c: jnp.take(c, source, axis=0, mode="clip"), by_step(final, here))
        return pytrees.add(total, pytrees.where(source >= 0, lagged, pytrees.zeros_like(lagged))), None

    if by == "step":
        return by_step(dfinal_state, dys)
    nothing = jax.tree.map(lambda p: jnp.zeros((num_steps, *jnp.shape(p)), jnp.result_type(p)), params)
    return jax.lax.scan(from_step, nothing, steps)[0]


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
    lengths: Array | None = None,
    mask: Array | None = None,
    resets: Array | None = None,
    reverse: bool = False,
) -> TruncationBias:
    """Compares the gradient of `unroll_truncated(window=...)` with the full one.

    Args:
      cell: any cell.
      params: its parameters.
      xs: inputs `[T, *batch, ...]`.
      loss: maps `(final_state, ys)` to a scalar.
      state: the state before the first step.
      window: steps per window.
      lengths: valid steps of each row.
      mask: booleans `[T, *batch]`, False for steps to skip.
      resets: booleans `[T, *batch]`, True where a new sequence starts.
      reverse: run from the last step to the first.

    Returns:
      The error, 0 where both gradients are 0 (and inf where only the full one is); the cosine, NaN where a gradient is 0.
    """
    flags: dict[str, Any] = {"lengths": lengths, "mask": mask, "resets": resets, "reverse": reverse}
    full = inexact(jax.grad(lambda p: loss(*unroll(cell, p, xs, state, **flags)), allow_int=True)(params))
    cut = jax.grad(lambda p: loss(*unroll_truncated(cell, p, xs, state, window=window, **flags)), allow_int=True)(params)
    cut = inexact(cut)
    (full, exponent), (cut, cut_exponent) = pytrees.normalize_rows(full), pytrees.normalize_rows(cut)
    size, cut_size = pytrees.norm(full), pytrees.norm(cut)
    cosine = jnp.asarray(sum(jnp.sum(a * b) for a, b in zip(full, cut, strict=True))) / (size * cut_size)
    difference = pytrees.norm([c - f for c, f in zip(pytrees.scale_rows(cut, cut_exponent - exponent), full, strict=True)])
    return TruncationBias(jnp.where(difference == 0, jnp.zeros_like(size), difference / size), cosine)
