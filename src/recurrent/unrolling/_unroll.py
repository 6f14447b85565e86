"""The driver: one cell over one sequence, with masks, resets, direction, checkpointing and a choice of backward pass."""

from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int

from recurrent import checks
from recurrent.bptt import explicit_scan
from recurrent.sequences import Sequence, plain_scan, prepare
from recurrent.types import Cell, P, Params, PyTree, S, State
from recurrent.unrolling import _segments
from recurrent.unrolling._cudnn import check_cudnn, cudnn_scan

Backprop = Literal["autodiff", "explicit", "cudnn"]


def unroll(
    cell: Cell[P, S],
    params: P,
    xs: PyTree,
    state: S | None = None,
    *,
    lengths: Int[Array, "*batch"] | None = None,
    mask: Bool[Array, "T *batch"] | None = None,
    resets: Bool[Array, "T *batch"] | None = None,
    reverse: bool = False,
    checkpoint_every: int | None = None,
    backprop: Backprop = "autodiff",
    steps_per_iteration: int = 1,
) -> tuple[S, PyTree]:
    """Runs a cell over a sequence: s_t, y_t = step(s_{t-1}, x_t) for t = 1 ... T.

    Sequences are time-major, `[T, *batch, features]`: give batch-major ones as `jnp.swapaxes(xs, 0, 1)`, or the run goes over
    the batch without a word.

    Call it under `jax.jit`: called eagerly, the loop is compiled anew every time (about 100 ms instead of 0.02).

        run = jax.jit(functools.partial(unroll, cell))
        final_state, ys = run(params, xs, lengths=lengths)

    A masked step holds the state and outputs 0; another input of its row takes the place of its own before the cell sees it, so
    NaN in the padding reaches neither values nor gradients. All states instead of outputs: `unroll(emit_state(cell), ...)`. Two
    runs, the second from the first one's final state, equal one run over the concatenated sequence.

    Args:
      cell: any cell.
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
        derived from the step (see `recurrent.bptt`), for any cell; it is faster, and reverse mode only. "cudnn" is NVIDIA's
        LSTM: for `lstm` in float32 on CUDA, with lengths or without, and nothing else; reverse mode only.
      steps_per_iteration: of the compiled loop.

    Returns:
      `(final_state, ys)`, with ys `[T, *batch, ...]`.

    Raises:
      ValueError: inputs, state, lengths, mask or resets that do not fit (see `recurrent.sequences.prepare`); params of
        another cell; `checkpoint_every` or `steps_per_iteration` below 1; what cuDNN does not do, with the reason.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import recurrent
    >>> cell = recurrent.lstm(3, 8)
    >>> params = cell.init(jax.random.key(0))
    >>> final_state, ys = recurrent.unroll(cell, params, jnp.ones((5, 2, 3)), lengths=jnp.array([5, 2]))
    >>> final_state.h.shape, ys.shape, bool(ys[2:, 1].any())
    ((2, 8), (5, 2, 8), False)
    """
    checks.choice("backprop", backprop, get_args(Backprop))
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    if backprop == "cudnn":
        asked = {"mask": mask is not None, "resets": resets is not None, "reverse": reverse}
        loop = {"checkpoint_every": checkpoint_every is not None, "steps_per_iteration": steps_per_iteration != 1}
        check_cudnn(cell, params, sequence, **asked, **loop)
        return cudnn_scan(params, sequence, lengths)
    return _run(cell, params, sequence, reverse, checkpoint_every, backprop, steps_per_iteration)


def unroll_truncated(
    cell: Cell[P, S],
    params: P,
    xs: PyTree,
    state: S | None = None,
    *,
    window: int,
    lengths: Int[Array, "*batch"] | None = None,
    mask: Bool[Array, "T *batch"] | None = None,
    resets: Bool[Array, "T *batch"] | None = None,
    reverse: bool = False,
    checkpoint_every: int | None = None,
    backprop: Backprop = "autodiff",
    steps_per_iteration: int = 1,
) -> tuple[S, PyTree]:
    """Runs a cell as `unroll` does, but lets no gradient cross from one window of `window` steps into the one before.

    The values are those of `unroll`; the gradient is the one of truncated backpropagation through time, biased towards
    short dependencies (`truncation_bias` says by how much). Windows are counted in the direction of the run, masked steps
    included. The gradient does reach `state` from the first window.

    Raises:
      ValueError: `window` is below 1, and as `unroll`.

    Reference: Williams & Peng (1990), An efficient gradient-based algorithm for on-line training of recurrent networks.
    """
    checks.counts(window=window)
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    order = jnp.arange(sequence.num_steps)
    order = order[::-1] if reverse else order
    cuts = (order % window == 0) & (order > 0)
    sequence = sequence._replace(flags=sequence.flags._replace(cuts=cuts))
    return _run(cell, params, sequence, reverse, checkpoint_every, backprop, steps_per_iteration)


def _run(
    cell: Cell,
    params: Params,
    sequence: Sequence,
    reverse: bool,
    checkpoint_every: int | None,
    backprop: Backprop,
    steps_per_iteration: int,
) -> tuple[State, PyTree]:
    checks.choice("backprop", backprop, ("autodiff", "explicit"))
    checks.counts(steps_per_iteration=steps_per_iteration, checkpoint_every=1 if checkpoint_every is None else checkpoint_every)
    options = {"reverse": reverse, "steps_per_iteration": steps_per_iteration}
    if backprop == "explicit":
        return explicit_scan(cell, params, sequence, checkpoint_every=checkpoint_every, **options)
    if checkpoint_every is None:
        return plain_scan(cell, params, sequence, **options)

    def run(state, inputs):
        xs, flags = inputs
        return plain_scan(cell, params, Sequence(xs, state, sequence.fresh, flags), **options)

    segments = _segments.split((sequence.xs, sequence.flags), sequence.num_steps, checkpoint_every)
    # prevent_cse only matters outside a scan, where XLA could undo the recomputation
    final_state, ys = _segments.scan(jax.checkpoint(run, prevent_cse=False), sequence.state, segments, reverse=reverse)
    return final_state, _segments.merge(ys)
