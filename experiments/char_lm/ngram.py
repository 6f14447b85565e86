"""Interpolated n-gram models of characters: the baseline that looks back a fixed number of symbols."""

import numpy as np

_MULTIPLIER = np.uint64(6364136223846793005)


def ngram_losses(codes: np.ndarray, split: int, num_symbols: int, max_order: int) -> np.ndarray:
    """P_n(x | c) = (N(c, x) + T(c) P_{n-1}(x | c')) / (N(c) + T(c)): Witten and Bell's interpolation, down to uniform.

    N counts in the training text, T(c) is the number of different symbols that followed the context c there, and c' is c
    without its first symbol.

    Args:
      codes: the text as integers below `num_symbols`, training part first.
      split: where the validation part begins.
      num_symbols: size of the alphabet.
      max_order: the longest n-gram.

    Returns:
      -ln P_n(x_t) for every order 0 (uniform) ... max_order and every validation symbol, `[max_order + 1, len(codes) - split]`.

    Reference: Witten & Bell (1991), The zero-frequency problem; Chen & Goodman (1999), section 2.6.
    """
    codes = np.asarray(codes).astype(np.uint64) + np.uint64(1)
    probability = np.full(len(codes) - split, 1 / num_symbols)
    losses = [-np.log(probability)]
    contexts = np.zeros(len(codes), np.uint64)
    for order in range(1, max_order + 1):
        if order > 1:  # hash of the order - 1 symbols before each position; uint64 wraps around
            older = np.concatenate([np.zeros(order - 1, np.uint64), codes[: 1 - order]])
            contexts = contexts + older * _power(order - 1)
        pairs = contexts * _MULTIPLIER + codes * np.uint64(0x9E3779B97F4A7C15)
        unique_pairs, first, pair_counts = np.unique(pairs[:split], return_index=True, return_counts=True)
        unique_contexts, context_counts = np.unique(contexts[:split], return_counts=True)
        followers = np.bincount(np.searchsorted(unique_contexts, contexts[first]), minlength=len(unique_contexts))
        joint = _lookup(unique_pairs, pair_counts, pairs[split:])
        total = _lookup(unique_contexts, context_counts, contexts[split:])
        different = _lookup(unique_contexts, followers, contexts[split:])
        seen = total > 0
        mixed = (joint + different * probability) / np.where(seen, total + different, 1)
        probability = np.where(seen, mixed, probability)
        losses.append(-np.log(probability))
    return np.stack(losses)


def _power(exponent: int) -> np.uint64:
    return np.uint64(pow(int(_MULTIPLIER), exponent, 2**64))


def _lookup(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0).astype(np.float64)
