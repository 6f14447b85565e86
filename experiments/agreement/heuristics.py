"""Rules for the reflexive that look at pronouns without minding whose they are."""

import numpy as np

from experiments.agreement.sentences import PRONOUNS


def last_pronoun(codes: np.ndarray) -> np.ndarray:
    """The gender of the last pronoun of every sentence `[T, n]`."""
    steps = np.arange(len(codes))[:, None]
    last = np.where(_is_pronoun(codes), steps, -1).max(axis=0)
    return codes[last, np.arange(codes.shape[1])]


def most_frequent_pronoun(codes: np.ndarray) -> np.ndarray:
    """The gender of most pronouns of every sentence `[T, n]`, of the last one where both are as many."""
    ahead = (codes == 1).sum(axis=0) - (codes == 0).sum(axis=0)
    return np.where(ahead == 0, last_pronoun(codes), ahead > 0)


def _is_pronoun(codes: np.ndarray) -> np.ndarray:
    return (codes >= 0) & (codes < len(PRONOUNS))


HEURISTICS = {"last pronoun": last_pronoun, "most frequent pronoun": most_frequent_pronoun}
