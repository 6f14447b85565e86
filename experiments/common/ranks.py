"""Whether two quantities are in the same order."""

import numpy as np
from scipy.stats import rankdata


def rank_correlations(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Spearman's correlation of each row `[row, n]` with `[n]`; 0 if all of a row are equal."""
    ranks, others = (rankdata(given, axis=-1) - (len(values) + 1) / 2 for given in (rows, values))
    norms = np.linalg.norm(ranks, axis=-1) * np.linalg.norm(others)
    return ranks @ others / np.where(norms > 0, norms, 1)
