"""What counts of a course of losses, given as shares of the variance of the target."""

import numpy as np

SOLVED = 0.01
"""Share of the variance below which the task is solved."""
IN_A_ROW = 2
"""Tests in a row that have to be passed, so that none is passed by luck."""


def best_share(shares: np.ndarray) -> float:
    """The least share that two tests in a row stay within, of all where there are fewer; infinite if none is finite."""
    worse = _worse_of_neighbours(shares)
    return float(np.min(worse[np.isfinite(worse)], initial=np.inf))


def updates_to(shares: np.ndarray, every: int, target: float = SOLVED) -> float:
    """Updates before the second of the first two tests in a row below the target; infinite without them."""
    below = _worse_of_neighbours(shares) < target
    return float(every * (IN_A_ROW + below.argmax())) if len(shares) >= IN_A_ROW and below.any() else np.inf


def _worse_of_neighbours(shares: np.ndarray) -> np.ndarray:
    width = min(IN_A_ROW, len(shares))
    return np.lib.stride_tricks.sliding_window_view(shares, width).max(axis=-1)


def courses_of(curves: dict[str, np.ndarray], name: str, length: int) -> list[np.ndarray]:
    """Shares of one network at one length, an array per seed."""
    prefix = f"share/{name}/{length}/"
    return [curves[key] for key in sorted(curves) if key.startswith(prefix)]
