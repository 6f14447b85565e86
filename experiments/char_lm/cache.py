"""n-grams of the recent text: what a model with fixed counts lacks."""

import numpy as np

from experiments.char_lm.counts import grams

STRENGTH = 1.0
"""How much the shorter context counts against one occurrence of the longer one."""


def cache(codes: np.ndarray, num_symbols: int, max_order: int, window: int) -> np.ndarray:
    """P_n(x | c) = (N(c, x) + a P_{n-1}(x | c')) / (N(c) + a), down to uniform; N counts in the `window` symbols before.

    Args:
      codes: the text as integers below `num_symbols`; nothing is remembered where it begins.
      num_symbols: size of the alphabet.
      max_order: the longest n-gram.
      window: how many symbols are remembered.

    Returns:
      P_n(x_t) for every order 1 ... max_order and every symbol, `[max_order, len(codes)]`.

    Reference: Kuhn & De Mori (1990), A cache-based natural language model for speech recognition.
    """
    probability, found = np.full(len(codes), 1 / num_symbols), []
    for contexts, pairs in grams(codes, max_order):
        joint, total = (_earlier(keys, window) for keys in (pairs, contexts))
        probability = (joint + STRENGTH * probability) / (total + STRENGTH)
        found.append(probability)
    return np.stack(found)


def _earlier(keys: np.ndarray, window: int) -> np.ndarray:
    """How often each key stands among the `window` ones before it."""
    places = np.arange(len(keys))
    kinds = np.unique(keys, return_inverse=True)[1].astype(np.int64) * len(keys)  # sums with places sort by kind, then place
    ordered = np.sort(kinds + places)
    rank, oldest = (np.searchsorted(ordered, kinds + since) for since in (places, np.maximum(places - window, 0)))
    return rank - oldest
