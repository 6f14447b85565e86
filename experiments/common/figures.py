"""What figures share."""

import numpy as np

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, which colour-blind readers can tell apart."""


def running_mean(losses: np.ndarray, width: int) -> np.ndarray:
    """Means of `width` neighbours along the last axis, of all where there are fewer: `[..., updates - width + 1]`."""
    width = min(width, losses.shape[-1])
    return np.apply_along_axis(np.convolve, -1, losses, np.full(width, 1 / width), mode="valid")
