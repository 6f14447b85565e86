"""What answers score that know nothing of a product of permutations, its parity alone, or all of it."""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from recurrent.tasks import Factors

Kept = Literal["nothing", "parity", "product"]
Permutation = tuple[int, ...]


class Word(NamedTuple):
    """The word problem of the permutations of some elements; parity is that of two, with the identity and the swap."""

    elements: int
    factors: Factors


def sign(p: Permutation) -> int:
    """1 or -1: the determinant of the permutation's matrix."""
    return round(np.linalg.det(np.eye(len(p))[list(p)]))


def products(word: Word, length: int) -> dict[Permutation, float]:
    """The probability of every product of so many uniform factors."""
    group = list(itertools.permutations(range(word.elements)))
    fixed = word.elements - 2
    swaps = [p for p in group if sum(a == b for a, b in enumerate(p)) == fixed]
    factors = group if word.factors == "all" else swaps
    found = {group[0]: 1.0}
    for _ in range(length):
        longer: dict[Permutation, float] = defaultdict(float)
        for p, probability in found.items():
            for x in factors:
                longer[tuple(x[i] for i in p)] += probability / len(factors)
        found = longer
    return found


def level(word: Word, lengths: Sequence[int], kept: Kept) -> float:
    """Share of right answers, over these lengths in equal parts, of the best answer from so much knowledge, length unknown."""
    if kept == "product":
        return 1.0
    mean: dict[Permutation, float] = defaultdict(float)
    for length in lengths:
        for p, probability in products(word, length).items():
            mean[p] += probability / len(lengths)
    if kept == "nothing":
        return max(mean.values())
    return sum(max((mean[p] for p in mean if sign(p) == s), default=0.0) for s in (1, -1))
