"""n-grams of a text as numbers that can be counted by sorting."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

_MULTIPLIER, _LAST = 6364136223846793005, np.uint64(0x9E3779B97F4A7C15)


class Grams(NamedTuple):
    """The n-grams of one order that end at each place of a text, as hashes; the text is continued to the left by padding.

    Attributes:
      contexts: of the n - 1 symbols before each place.
      pairs: of these and the symbol itself.
    """

    contexts: np.ndarray
    pairs: np.ndarray


def grams(codes: np.ndarray, max_order: int) -> Iterator[Grams]:
    """Yields the n-grams of orders 1 ... `max_order`. Their 64 bits make a collision improbable: 1e-6 for a million of them."""
    codes = np.asarray(codes).astype(np.uint64) + np.uint64(1)  # 0 is the padding
    contexts = np.zeros(len(codes), np.uint64)
    for order in range(1, max_order + 1):
        if order > 1:  # uint64 wraps around
            older = np.concatenate([np.zeros(order - 1, np.uint64), codes[: 1 - order]])[: len(codes)]
            contexts = contexts + older * np.uint64(pow(_MULTIPLIER, order - 1, 2**64))
        yield Grams(contexts, contexts * np.uint64(_MULTIPLIER) + codes * _LAST)


def lookup(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The values of wanted keys among sorted ones; 0 for those that are not there."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0).astype(np.float64)
