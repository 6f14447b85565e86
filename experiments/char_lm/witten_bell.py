"""n-gram models with Witten and Bell's interpolation."""

import numpy as np

from experiments.char_lm.counts import grams, lookup


def witten_bell(codes: np.ndarray, split: int, num_symbols: int, max_order: int) -> np.ndarray:
    """P_n(x | c) = (N(c, x) + T(c) P_{n-1}(x | c')) / (N(c) + T(c)), down to uniform.

    N counts in the training text, T(c) is the number of different symbols that followed the context c there, and c' is c
    without its first symbol.

    Args:
      codes: the text as integers below `num_symbols`, training part first.
      split: where the training part ends.
      num_symbols: size of the alphabet.
      max_order: the longest n-gram.

    Returns:
      P_n(x_t) for every order 0 (uniform) ... max_order and every later symbol, `[max_order + 1, len(codes) - split]`.

    Reference: Witten & Bell (1991), The zero-frequency problem; Chen & Goodman (1999), section 2.6.
    """
    found = [np.full(len(codes) - split, 1 / num_symbols)]
    for contexts, pairs in grams(codes, max_order):
        unique_pairs, first, pair_counts = np.unique(pairs[:split], return_index=True, return_counts=True)
        unique_contexts, context_counts = np.unique(contexts[:split], return_counts=True)
        followers = np.bincount(np.searchsorted(unique_contexts, contexts[first]), minlength=len(unique_contexts))
        joint = lookup(unique_pairs, pair_counts, pairs[split:])
        total = lookup(unique_contexts, context_counts, contexts[split:])
        different = lookup(unique_contexts, followers, contexts[split:])
        mixed = (joint + different * found[-1]) / np.where(total > 0, total + different, 1)
        found.append(np.where(total > 0, mixed, found[-1]))
    return np.stack(found)
