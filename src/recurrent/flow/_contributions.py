"""What each step and each lag contributes to the gradient of the parameters."""

from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array

from recurrent import checks, pytrees
from recurrent.bptt import step_contributions, sweep
from recurrent.flow._states import Loss, recorded_with_cotangents
from recurrent.sequences import in_run_order, prepare
from recurrent.types import Cell, Params, PyTree, State


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
      loss: maps a `Run` to a scalar. For `by="lag"` it must be a sum over time of functions of single steps, as
        losses on sequences are.
      by: "step": entry k is what the parameters' use at step k + 1 of the run contributes. "lag": entry l is what their use
        l steps before the step that causes the error contributes; costs T gradients.

    Returns:
      A tree like the parameters with leaves `[T, ...]` that sums over its first axis to dL/dθ (not counting the
      way through a learned initial state).

    Raises:
      ValueError: an unknown `by`.

    Reference: Pascanu, Mikolov & Bengio (2013), equations 3-5.
    """
    checks.choice("by", by, ("step", "lag"))
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
