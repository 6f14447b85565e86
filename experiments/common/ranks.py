"""Whether two quantities are in the same order."""

import numpy as np
from scipy.stats import rankdata


def rank_correlations(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Spearman's correlation of each row `[row, n]` with `[n]`, or a row of its own `[row, n]`; 0 if all of a row are equal."""
    ranks, others = (rankdata(given, axis=-1) - (given.shape[-1] + 1) / 2 for given in (rows, values))
    norms = np.linalg.norm(ranks, axis=-1) * np.linalg.norm(others, axis=-1)
    return (ranks * others).sum(axis=-1) / np.where(norms > 0, norms, 1)
