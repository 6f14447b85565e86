"""The driver: one cell over one sequence, with masks, resets, direction, checkpointing and a choice of backward pass."""

from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int

from recurrent import chunks
from recurrent.bptt import advance_step, autodiff_adjoint, explicit_scan
from recurrent.sequences import Flags, prepare
from recurrent.types import Cell, Params, PyTree, State

Backprop = Literal["autodiff", "explicit"]


def unroll(
    cell: Cell,
    params: Params,
    xs: PyTree,
    state: State | None = None,
    *,
    lengths: Int[Array, "*batch"] | None = None,
    mask: Bool[Array, "T *batch"] | None = None,
    resets: Bool[Array, "T *batch"] | None = None,
    reverse: bool = False,
    checkpoint_every: int | None = None,
    backprop: Backprop = "autodiff",
    unroll: int = 1,
) -> tuple[State, PyTree]:
    """Runs a cell over a sequence: s_t, y_t = step(s_{t-1}, x_t) for t = 1 ... T.

    Call it under `jax.jit`: called eagerly, the loop is compiled anew every time (about 100 ms instead of 0.02).

        run = jax.jit(functools.partial(unroll, cell))
        final_state, ys = run(params, xs, lengths=lengths)

    A masked step holds the state and outputs 0; its input is replaced by 0 before the cell sees it, so NaN in the padding
    reaches neither values nor gradients. All states instead of outputs: `unroll(emit_state(cell), ...)`. Two runs, the
    second from the first one's final state, equal one run over the concatenated sequence.

    Args:
      cell: any cell; closed over, not a jit argument.
      params: its parameters.
      xs: inputs `[T, *batch, features]`, or a tree of them.
      state: the state before the first step; the cell's initial state by default.
      lengths: valid steps of each row, integers `[*batch]`; short for the mask `t < length`. A row of length 0 returns its
        initial state; a length above T acts as T.
      mask: booleans `[T, *batch]`, False for steps to skip; holes and padding at the front are fine.
      resets: booleans `[T, *batch]`: "x_t starts a new sequence", in the direction of the run. The state before the step is the
        cell's initial state (not `state`), and no gradient passes into the past. A masked step may reset, too.
      reverse: run from the last step to the first; outputs stay in the order of the inputs.
      checkpoint_every: keep the state of every k-th step only and compute the others again for the gradient: memory for
        T/k + k steps instead of T.
      backprop: "autodiff" differentiates the loop and supports every JAX transformation. "explicit" runs the cell's
        hand-derived adjoint, which is faster; reverse mode only.
      unroll: steps per iteration of the compiled loop.

    Returns:
      `(final_state, ys)`, with ys `[T, *batch, ...]`.

    Raises:
      ValueError: inputs, state, lengths, mask or resets that do not fit (see `recurrent.sequences.prepare`); params of
        another cell; `backprop="explicit"` for a cell without adjoint; `checkpoint_every` or `unroll` below 1.
    """
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    _check_options(cell, backprop=backprop, checkpoint_every=checkpoint_every, unroll=unroll)
    options = {"reverse": reverse, "checkpoint_every": checkpoint_every, "unroll": unroll}
    return _run(cell, params, *sequence, backprop=backprop, **options)


def unroll_truncated(
    cell: Cell,
    params: Params,
    xs: PyTree,
    state: State | None = None,
    *,
    window: int,
    lengths: Int[Array, "*batch"] | None = None,
    mask: Bool[Array, "T *batch"] | None = None,
    resets: Bool[Array, "T *batch"] | None = None,
    reverse: bool = False,
    checkpoint_every: int | None = None,
    backprop: Backprop = "autodiff",
    unroll: int = 1,
) -> tuple[State, PyTree]:
    """Runs a cell as `unroll` does, but lets no gradient cross from one window of steps into the one before.

    The values are those of `unroll`; the gradient is the one of truncated backpropagation through time, biased towards
    short dependencies (`truncation_bias` says by how much). Windows are counted in the direction of the run, masked steps
    included. The gradient does reach `state` from the first window.

    Args:
      cell: see `unroll`.
      params: see `unroll`.
      xs: see `unroll`.
      state: see `unroll`.
      window: steps per window, at least 1.
      lengths: see `unroll`.
      mask: see `unroll`.
      resets: see `unroll`.
      reverse: see `unroll`.
      checkpoint_every: see `unroll`.
      backprop: see `unroll`.
      unroll: see `unroll`.

    Raises:
      ValueError: `window` is below 1, and as `unroll`.

    Reference: Williams & Peng (1990), An efficient gradient-based algorithm for on-line training of recurrent networks.
    """
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    _check_options(cell, backprop=backprop, checkpoint_every=checkpoint_every, unroll=unroll, window=window)
    num_steps = jax.tree.leaves(xs)[0].shape[0]
    order = jnp.arange(num_steps)
    order = order[::-1] if reverse else order
    cuts = (order % window == 0) & (order > 0)
    sequence = sequence._replace(flags=sequence.flags._replace(cuts=cuts))
    options = {"reverse": reverse, "checkpoint_every": checkpoint_every, "unroll": unroll}
    return _run(cell, params, *sequence, backprop=backprop, **options)


def _run(cell, params, xs, state, fresh, flags: Flags, *, backprop, **options) -> tuple[State, PyTree]:
    if backprop == "explicit":
        return explicit_scan(cell.adjoint, params, xs, state, fresh, flags, **options)
    return _autodiff_scan(cell, params, xs, state, fresh, flags, **options)


def _autodiff_scan(cell, params, xs, state, fresh, flags: Flags, *, reverse, checkpoint_every, unroll):
    """The plain loop. Its body is `cell.step`; differentiating it is left to JAX."""
    forward = autodiff_adjoint(cell)

    def step(state_tm1, inputs):
        x_t, flags_t = inputs
        if flags_t.cuts is not None:
            state_tm1 = _cut(flags_t.cuts, state_tm1)
        state_t, y_t, _ = advance_step(forward, params, fresh, state_tm1, x_t, flags_t)
        return state_t, y_t

    def run(state, inputs):
        return jax.lax.scan(step, state, inputs, reverse=reverse, unroll=unroll)

    if checkpoint_every is None:
        return run(state, (xs, flags))
    # prevent_cse only matters outside a scan, where XLA could undo the recomputation
    segments = chunks.split((xs, flags), jax.tree.leaves(xs)[0].shape[0], checkpoint_every)
    final_state, ys = chunks.scan(jax.checkpoint(run, prevent_cse=False), state, segments, reverse=reverse)
    return final_state, chunks.merge(ys)


def _cut(here: Array, state: State) -> State:
    """The same values; where `here`, no gradient."""
    return jax.tree.map(lambda leaf: jnp.where(here, jax.lax.stop_gradient(leaf), leaf), state)


def _check_options(cell: Cell, *, backprop: str, **counts: int | None) -> None:
    for name, value in counts.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ValueError(f"{name} must be an integer of at least 1; got {value!r}")
    if backprop not in ("autodiff", "explicit"):
        raise ValueError(f'backprop must be "autodiff" or "explicit"; got {backprop!r}')
    if backprop == "explicit" and cell.adjoint is None:
        raise ValueError(
            'backprop="explicit" needs a cell with a hand-derived adjoint, and this one has none: use backprop="autodiff", '
            "or give the cell an Adjoint"
        )
