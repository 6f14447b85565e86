"""Batches of sequences of similar lengths."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from recurrent import checks
from recurrent.data._padding import pad


class BucketBatch(NamedTuple):
    """One batch of sequences of similar lengths.

    Attributes:
      indices: which sequences, at most `batch_size`; `pad_bucket` fills the missing rows.
      num_steps: the common length.
      batch_size: the number of rows.
    """

    indices: np.ndarray
    num_steps: int
    batch_size: int


class Buckets(NamedTuple):
    """Batches of few shapes, each of which is compiled once.

    Attributes:
      boundaries: the lengths of the buckets, increasing.
      batches: every sequence once, in the order in which the buckets fill.
      padding_saved: the fraction of padded steps saved against padding every sequence to the longest one; missing rows are
        padding on both sides. 0 where there is nothing to save, negative where missing rows cost more than is saved.
    """

    boundaries: tuple[int, ...]
    batches: list[BucketBatch]
    padding_saved: float


def bucket(
    lengths: Sequence[int] | np.ndarray,
    buckets: int | Sequence[int],
    batch_size: int,
    *,
    order: Sequence[int] | np.ndarray | None = None,
) -> Buckets:
    """Groups sequences into batches of similar lengths, so that little is padded and few shapes are compiled.

    Args:
      lengths: of the sequences, 0 allowed.
      buckets: how many buckets, whose boundaries are then those that waste least; or the increasing boundaries, each the
        length of its bucket.
      batch_size: rows of every batch. Each bucket's last batch may lack some, which `pad_bucket` fills with empty sequences.
      order: the order in which sequences are taken, such as `epoch_order` returns; as they stand by default.

    Raises:
      ValueError: no lengths or negative ones, boundaries that do not increase or end below the longest sequence, fewer than
        one bucket or row, an order that is not a permutation.
    """
    lengths = _checked_lengths(lengths)
    checks.counts(batch_size=batch_size)
    if isinstance(buckets, int | np.integer):
        checks.counts(buckets=int(buckets))
        boundaries = _least_padding(lengths, int(buckets))
    else:
        boundaries = _checked_boundaries(buckets, lengths.max())
    order = np.arange(len(lengths)) if order is None else np.asarray(order)
    if order.shape != lengths.shape or not np.array_equal(np.sort(order), np.arange(len(lengths))):
        raise ValueError(f"order must be a permutation of the {len(lengths)} sequences; see epoch_order")
    batches = _fill(np.searchsorted(boundaries, lengths), boundaries, batch_size, order)
    total, longest = int(lengths.sum()), max(1, int(lengths.max()))
    padded = sum(batch.num_steps * batch.batch_size for batch in batches) - total
    padded_to_longest = -(-len(lengths) // batch_size) * batch_size * longest - total
    return Buckets(boundaries, batches, 1 - padded / padded_to_longest if padded_to_longest else 0.0)


def pad_bucket(sequences: Sequence[np.ndarray], batch: BucketBatch, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Pads the sequences of one batch to its shape.

    Args:
      sequences: all sequences, `[T_i, ...]`.
      batch: which of them, from `bucket`.
      **options: `side` and `value`, as for `pad`.

    Returns:
      `xs [num_steps, batch_size, ...]` and the mask `[num_steps, batch_size]`; missing rows are masked.

    Raises:
      ValueError: a sequence longer than its bucket, and as `pad`.
    """
    rows = [np.asarray(sequences[i]) for i in batch.indices]
    if max(map(len, rows)) > batch.num_steps:
        raise ValueError(
            f"a sequence of {max(map(len, rows))} steps is in a bucket of {batch.num_steps}: "
            "bucket the lengths of these very sequences"
        )
    missing = [rows[0][:0]] * (batch.batch_size - len(rows))
    return pad([*rows, *missing], batch.num_steps, **options)


def _fill(which: np.ndarray, boundaries: tuple[int, ...], batch_size: int, order: np.ndarray) -> list[BucketBatch]:
    """Emits a batch whenever its bucket is full, so that short and long ones mix; then what is left over."""
    waiting: list[list[int]] = [[] for _ in boundaries]
    batches = []
    for index in order:
        row = which[index]
        waiting[row].append(index)
        if len(waiting[row]) == batch_size:
            batches.append(BucketBatch(np.array(waiting[row]), boundaries[row], batch_size))
            waiting[row] = []
    rest = [(rows, num_steps) for rows, num_steps in zip(waiting, boundaries, strict=True) if rows]
    return batches + [BucketBatch(np.array(rows), num_steps, batch_size) for rows, num_steps in rest]


def _least_padding(lengths: np.ndarray, num_buckets: int) -> tuple[int, ...]:
    """The boundaries of least total padding, by dynamic programming over the distinct lengths."""
    values, counts = np.unique(np.maximum(lengths, 1), return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)])  # sequences shorter than values[j]
    cost = np.where(np.arange(len(values) + 1) > 0, np.inf, 0.0)  # steps of the sequences below values[j], padded
    starts = []
    for _ in range(min(num_buckets, len(values))):
        # the last bucket takes the lengths values[start:end]
        steps = [cost[:end] + values[end - 1] * (below[end] - below[:end]) for end in range(1, len(values) + 1)]
        starts.append([0, *(int(np.argmin(s)) for s in steps)])
        cost = np.array([np.inf, *(s.min() for s in steps)])
    boundaries, end = [], len(values)
    for start_of in reversed(starts):
        boundaries.append(int(values[end - 1]))
        end = start_of[end]
    return tuple(reversed(boundaries))


def _checked_lengths(lengths: Any) -> np.ndarray:
    lengths = np.asarray(lengths)
    if lengths.ndim != 1 or not lengths.size or not np.issubdtype(lengths.dtype, np.integer):
        raise ValueError(
            f"lengths must be one integer or more, one per sequence; got shape {lengths.shape} and dtype {lengths.dtype}"
        )
    if lengths.min() < 0:
        raise ValueError(f"lengths cannot be negative; got a minimum of {lengths.min()}")
    return lengths


def _checked_boundaries(boundaries: Any, longest: int) -> tuple[int, ...]:
    boundaries = tuple(int(boundary) for boundary in boundaries)
    if not boundaries or boundaries[0] < 1 or any(a >= b for a, b in zip(boundaries, boundaries[1:], strict=False)):
        raise ValueError(f"boundaries must be positive and increase; got {boundaries}")
    if boundaries[-1] < longest:
        raise ValueError(
            f"the last boundary must be at least the longest sequence, {longest} steps; got {boundaries[-1]} "
            "(add a boundary, or truncate the sequences)"
        )
    return boundaries
