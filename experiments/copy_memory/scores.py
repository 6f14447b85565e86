"""What counts of a course of losses."""

import numpy as np

NEIGHBOURS = 4
"""Tests in a row whose mean counts."""


def best_share(shares: np.ndarray) -> float:
    """The least mean of four tests in a row, of all where there are fewer; infinite if none is finite."""
    width = min(NEIGHBOURS, len(shares))
    means = np.convolve(shares, np.full(width, 1 / width), mode="valid")
    return float(np.min(means[np.isfinite(means)], initial=np.inf))


def courses_of(curves: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    """Shares of the memoryless loss of one network, an array per seed."""
    prefix = f"share/{name}/"
    return [curves[key] for key in sorted(curves) if key.startswith(prefix)]
