"""Long streams in windows, and the order of an epoch."""

from typing import NamedTuple

import numpy as np

from recurrent import checks


class Windows(NamedTuple):
    """A stream cut for truncated backpropagation through time.

    Attributes:
      inputs: `[num_windows, window, batch, ...]`; row b of window k continues row b of window k - 1.
      targets: the same, one step later in the stream.
    """

    inputs: np.ndarray
    targets: np.ndarray


def windows(stream: np.ndarray, batch_size: int, window: int) -> Windows:
    """Cuts a stream into `batch_size` contiguous pieces, and these into windows of inputs and next-step targets.

    What does not fill a window is dropped at the end of the stream, less than `batch_size * window + 1` steps.

    Args:
      stream: `[N, ...]`, such as the characters of a text.
      batch_size: pieces that are read side by side.
      window: steps per window.

    Raises:
      ValueError: a stream shorter than one window of every row and a last target; a count below 1.
    """
    stream = np.asarray(stream)
    checks.counts(batch_size=batch_size, window=window)
    needed = batch_size * window + 1
    if stream.ndim < 1 or len(stream) < needed:
        raise ValueError(
            f"a stream of shape {stream.shape} is shorter than one window: batch_size * window + 1 = {needed} steps are "
            "needed; give a longer stream, or a smaller batch_size or window"
        )
    num_windows = (len(stream) - 1) // (batch_size * window)
    used = num_windows * batch_size * window

    def cut(steps):
        rows = steps.reshape(batch_size, num_windows, window, *steps.shape[1:])
        return np.ascontiguousarray(np.moveaxis(rows, 0, 2))

    return Windows(cut(stream[:used]), cut(stream[1 : used + 1]))


def epoch_order(num_items: int, epoch: int, seed: int) -> np.ndarray:
    """Shuffles `0 ... num_items - 1` as a pure function of seed and epoch, so that a resumed run sees the same order.

        epoch, index = divmod(position, num_items)
        item = epoch_order(num_items, epoch, seed)[index]

    Raises:
      ValueError: a negative number of items, epoch or seed.
    """
    for name, value in (("num_items", num_items), ("epoch", epoch), ("seed", seed)):
        if value < 0:
            raise ValueError(f"{name} must be at least 0; got {value}")
    return np.random.default_rng([seed, epoch]).permutation(num_items)
