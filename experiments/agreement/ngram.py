"""The n-gram that networks are compared with in `agreement`."""

import collections

import numpy as np


class Ngram:
    """Counts which reflexive follows the last words; backs off to fewer words where it has not seen so many."""

    def __init__(self, order: int):
        """An empty n-gram of an order, which is one more than the words it sees."""
        self.order = order
        self.counts: dict[tuple[int, ...], list[int]] = collections.defaultdict(lambda: [0, 0])

    def fit(self, codes: np.ndarray, distances: np.ndarray, genders: np.ndarray) -> "Ngram":
        """Counts the contexts of all lengths."""
        for sentence, gender in zip(self._contexts(codes, distances), genders.tolist(), strict=True):
            for start in range(len(sentence) + 1):
                self.counts[sentence[start:]][gender] += 1
        return self

    def predict(self, codes: np.ndarray, distances: np.ndarray) -> np.ndarray:
        """Chooses the likelier reflexive by the longest context seen; of equally likely ones, by the next shorter context."""
        return np.array([self._choose(context) for context in self._contexts(codes, distances)])

    def _choose(self, context: tuple[int, ...]) -> int:
        for start in range(len(context) + 1):
            counts = self.counts.get(context[start:])
            if counts is not None and counts[0] != counts[1]:
                return int(counts[1] > counts[0])
        return 0

    def _contexts(self, codes: np.ndarray, distances: np.ndarray) -> list[tuple[int, ...]]:
        seen = self.order - 1
        return [tuple(row[max(0, 1 + d - seen) : 1 + d].tolist()) for row, d in zip(codes.T, distances, strict=True)]
