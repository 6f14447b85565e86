"""Entropies, which are the losses of the best answers that know a distribution only."""

from typing import Any

import numpy as np


def entropy(probabilities: Any) -> Any:
    """-Σ_k p_k ln p_k over the last axis, in nats."""
    p = np.asarray(probabilities, np.float64)
    return -np.sum(p * np.log(np.where(p > 0, p, 1)), axis=-1)


def set_entropy(probabilities: Any) -> Any:
    """Σ_k H(p_k) over the last axis, where p_k is how probable it is that symbol k is in the set."""
    # sums of probabilities come out a little above 1
    p = np.clip(np.asarray(probabilities, np.float64), 0, 1)
    return np.sum(entropy(np.stack([p, 1 - p], axis=-1)), axis=-1)
