"""Rows of a cell that runs: its outputs beside targets, added up while it goes."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float

from recurrent import checks
from recurrent.readouts._sums import RidgeSums, add_rows
from recurrent.sequences import prepare
from recurrent.types import Cell, Params, PyTree, State
from recurrent.unrolling import unroll


def add_run(
    sums: RidgeSums,
    cell: Cell,
    params: Params,
    xs: PyTree,
    targets: Float[Array, "T *batch outputs"],
    state: State | None = None,
    *,
    washout: int = 0,
    lengths: Array | None = None,
    mask: Array | None = None,
    resets: Array | None = None,
    chunk: int = 1000,
) -> tuple[State, RidgeSums]:
    """Runs a cell as `unroll` does, and adds what it emits at every step as a row of features beside the targets.

    At most `chunk` steps of outputs are held at a time. Call it again for more sequences, or with the final state for more of
    these; `add_run` for many reservoirs is `jax.vmap` over params and sums.

    Args:
      sums: of the rows before; `no_rows` at first.
      cell: any cell that emits one array: `emit_state`, `emit_with_input` change what is read.
      params, xs, state, lengths, mask, resets: as for `unroll`.
      targets: one for each step; NaN at steps that do not count is ignored.
      washout: steps that are left out from where a sequence starts: at the first step, unless a state is handed on, and at
        resets. Masked steps are not counted.
      chunk: steps between two additions.

    Returns:
      The final state, and the sums with the new rows.

    Raises:
      ValueError: as for `unroll`; targets of other leading axes, a negative washout or one that leaves no step.
    """
    sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
    num_steps, (mask, resets, _) = sequence.num_steps, sequence.flags
    batch_shape = jax.tree.leaves(xs)[0].shape[1:-1]
    checks.counts(chunk=chunk)
    if not isinstance(washout, int) or washout < 0 or (state is None and washout >= num_steps):
        raise ValueError(f"add_run: washout must be an integer from 0 to below the {num_steps} steps of xs; got {washout!r}")
    if jnp.shape(targets)[:-1] != (num_steps, *batch_shape):
        raise ValueError(
            f"add_run: targets must have the shape [T, *batch, outputs] with [T, *batch] = {(num_steps, *batch_shape)}; "
            f"got {jnp.shape(targets)}"
        )
    mask = jnp.ones((num_steps, *batch_shape), bool) if mask is None else mask
    resets = jnp.zeros((num_steps, *batch_shape), bool) if resets is None else resets
    kept = mask & (_age(mask, resets, begins=state is None) > washout)

    def add(carry, part):
        state, sums = carry
        xs, targets, mask, resets, kept = part
        state, ys = unroll(cell, params, xs, state, mask=mask, resets=resets)
        return (state, add_rows(sums, ys, targets, kept)), None

    carry, rows = (sequence.state, sums), (sequence.xs, targets, mask, resets, kept)
    covered = num_steps - num_steps % chunk
    if covered:
        chunks = jax.tree.map(lambda leaf: leaf[:covered].reshape(-1, chunk, *leaf.shape[1:]), rows)
        carry, _ = jax.lax.scan(add, carry, chunks)
    if covered < num_steps:
        carry, _ = add(carry, jax.tree.map(lambda leaf: leaf[covered:], rows))
    return carry


def _age(mask: Bool[Array, "T *batch"], resets: Bool[Array, "T *batch"], *, begins: bool) -> Array:
    """Unmasked steps from the start of each step's sequence on, itself included; no end of them before one that is not seen."""
    taken = jnp.cumsum(mask, axis=0, dtype=jnp.int32)
    before = jnp.where(resets, taken - mask.astype(jnp.int32), 0 if begins else -jnp.iinfo(jnp.int32).max // 2)
    return taken - jax.lax.cummax(before)
