"""From ragged sequences to rectangular arrays: padding and truncation at either end."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from recurrent import checks

Side = Literal["front", "back"]


def pad(
    sequences: Sequence[np.ndarray],
    num_steps: int | None = None,
    *,
    side: Side = "back",
    keep: Side = "front",
    value: float = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Stacks sequences of different lengths into one time-major array.

    Args:
      sequences: arrays `[T_i, ...]` that agree in everything but `T_i`; `T_i` may be 0.
      num_steps: the common length; the longest sequence by default. Longer sequences are truncated.
      side: where the padding goes, "back" (after the sequence) or "front".
      keep: which end of a truncated sequence stays, its "front" or its "back".
      value: what to pad with.

    Returns:
      `xs [T, batch, ...]` and the boolean mask `[T, batch]`.

    Raises:
      ValueError: no sequences, sequences whose shapes or dtypes disagree, a non-positive `num_steps`, an unknown side.
    """
    arrays = [np.asarray(s) for s in sequences]
    if not arrays:
        raise ValueError("pad needs at least one sequence; got none")
    checks.choice("side", side, ("front", "back"))
    checks.choice("keep", keep, ("front", "back"))
    kinds = {(a.shape[1:], a.dtype) for a in arrays}
    if len(kinds) > 1:
        raise ValueError(f"sequences must agree in feature shape and dtype; got {sorted(map(str, kinds))}")
    longest = max(len(a) for a in arrays)
    num_steps = longest if num_steps is None else num_steps
    if num_steps < 1:
        given = "all sequences are empty: give num_steps" if longest == 0 else f"got {num_steps}"
        raise ValueError(f"num_steps must be at least 1; {given}")
    xs = np.full((num_steps, len(arrays), *arrays[0].shape[1:]), value, arrays[0].dtype)
    mask = np.zeros((num_steps, len(arrays)), bool)
    for row, array in enumerate(arrays):
        kept = truncate(array, num_steps, keep=keep)
        place = slice(0, len(kept)) if side == "back" else slice(num_steps - len(kept), num_steps)
        xs[place, row], mask[place, row] = kept, True
    return xs, mask


def truncate(sequence: np.ndarray, num_steps: int, *, keep: Side = "front") -> np.ndarray:
    """Returns at most `num_steps` steps from the front or the back of a sequence `[T, ...]`."""
    checks.choice("keep", keep, ("front", "back"))
    if len(sequence) <= num_steps:
        return sequence
    return sequence[:num_steps] if keep == "front" else sequence[len(sequence) - num_steps :]
