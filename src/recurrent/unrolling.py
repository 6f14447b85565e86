"""The driver: one cell over one sequence, with masks, resets, direction, checkpointing and a choice of backward pass."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int

from recurrent import chunks
from recurrent.bptt import explicit_scan
from recurrent.scanning import plain_scan
from recurrent.sequences import Sequence, prepare
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

    Sequences are time-major, `[T, *batch, features]`: give batch-major ones as `jnp.swapaxes(xs, 0, 1)`, or the run goes over the
    batch without a word.

    Call it under `jax.jit`: called eagerly, the loop is compiled anew every time (about 100 ms instead of 0.02).

        run = jax.jit(functools.partial(unroll, cell))
        final_state, ys = run(params, xs, lengths=lengths)

    A masked step holds the state and outputs 0; its input is replaced by another one of its row before the cell sees it, so NaN
    in the padding reaches neither values nor gradients. All states instead of outputs: `unroll(emit_state(cell), ...)`. Two runs, the
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
      backprop: "autodiff" differentiates the loop and supports every JAX transformation. "explicit" runs a backward pass
        derived from the step (see `recurrent.bptt`), for any cell; it is faster, and reverse mode only.
      unroll: steps per iteration of the compiled loop.

    Returns:
      `(final_state, ys)`, with ys `[T, *batch, ...]`.

    Raises:
      ValueError: inputs, state, lengths, mask or resets that do not fit (see `recurrent.sequences.prepare`); params of
        another cell; `checkpoint_every` or `unroll` below 1.
    """
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    _check_options(backprop=backprop, checkpoint_every=checkpoint_every, unroll=unroll)
    options = {"reverse": reverse, "checkpoint_every": checkpoint_every, "unroll": unroll}
    return _run(cell, params, sequence, backprop=backprop, **options)


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
    _check_options(backprop=backprop, checkpoint_every=checkpoint_every, unroll=unroll, window=window)
    num_steps = jax.tree.leaves(xs)[0].shape[0]
    order = jnp.arange(num_steps)
    order = order[::-1] if reverse else order
    cuts = (order % window == 0) & (order > 0)
    sequence = sequence._replace(flags=sequence.flags._replace(cuts=cuts))
    options = {"reverse": reverse, "checkpoint_every": checkpoint_every, "unroll": unroll}
    return _run(cell, params, sequence, backprop=backprop, **options)


def _run(cell: Cell, params: Params, sequence: Sequence, *, backprop: Backprop, **options: Any) -> tuple[State, PyTree]:
    if backprop == "explicit":
        return explicit_scan(cell, params, sequence, **options)
    return _autodiff_scan(cell, params, sequence, **options)


def _autodiff_scan(cell: Cell, params: Params, sequence: Sequence, *, reverse, checkpoint_every, unroll):
    """The plain loop; differentiating it is left to JAX."""
    if checkpoint_every is None:
        return plain_scan(cell, params, sequence, reverse=reverse, unroll=unroll)

    def run(state, inputs):
        xs, flags = inputs
        return plain_scan(cell, params, Sequence(xs, state, sequence.fresh, flags), reverse=reverse, unroll=unroll)

    # prevent_cse only matters outside a scan, where XLA could undo the recomputation
    inputs = (sequence.xs, sequence.flags)
    segments = chunks.split(inputs, jax.tree.leaves(sequence.xs)[0].shape[0], checkpoint_every)
    run = jax.checkpoint(run, prevent_cse=False)
    final_state, ys = chunks.scan(run, sequence.state, segments, reverse=reverse)
    return final_state, chunks.merge(ys)


def _check_options(*, backprop: str, **counts: int | None) -> None:
    for name, value in counts.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ValueError(f"{name} must be an integer of at least 1; got {value!r}")
    if backprop not in ("autodiff", "explicit"):
        raise ValueError(f'backprop must be "autodiff" or "explicit"; got {backprop!r}')
