"""n-gram models with the modified smoothing of Kneser and Ney."""

import numpy as np

from experiments.char_lm.counts import Grams, grams, lookup

FALLBACK = (0.0, 0.5, 1.0, 1.5)
"""Discounts where counts of counts give none, as with few singletons in a small alphabet; those of KenLM."""


def kneser_ney(codes: np.ndarray, split: int, num_symbols: int, max_order: int) -> np.ndarray:
    """P_n(x | c) = (N(c, x) - D(N(c, x)) + Σ_y D(N(c, y)) P_{n-1}(x | c')) / N(c), down to uniform.

    N counts n-grams in the training text if n is the highest order of the model, else the different symbols seen before the
    n-gram. D is 0 at 0, and one of three discounts of the order for 1, 2, and 3 or more. An unseen context leaves P_{n-1}.

    Takes and returns the same as `witten_bell`.

    Reference: Chen & Goodman (1999), An empirical study of smoothing techniques for language modeling, section 3.
    """
    lower = np.full(len(codes) - split, 1 / num_symbols)
    found, orders = [lower], list(grams(codes, max_order))
    for order, these in enumerate(orders, start=1):
        found.append(_interpolate(these, np.arange(split), split, lower))
        if order < max_order:
            _, kinds = np.unique(orders[order].pairs[:split], return_index=True)  # one place for each longer n-gram
            lower = _interpolate(these, kinds, split, lower)
    return np.stack(found)


def discounts(counts: np.ndarray) -> np.ndarray:
    """D_i = i - (i + 1) Y n_{i+1} / n_i for i = 1, 2, 3, with Y = n_1 / (n_1 + 2 n_2); n_i: n-grams counted i times.

    `[4]`: D of a count of 0, 1, 2, and 3 or more.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6).astype(float)
    if not n[1:4].all():
        return np.array(FALLBACK)
    y = n[1] / (n[1] + 2 * n[2])
    found = np.array([0.0, *(i - (i + 1) * y * n[i + 1] / n[i] for i in (1, 2, 3))])
    return found if ((found >= 0) & (found <= np.arange(4))).all() else np.array(FALLBACK)


def _interpolate(these: Grams, counted: np.ndarray, split: int, lower: np.ndarray) -> np.ndarray:
    """One order above another: `counted` are the places of the training text whose n-grams are counted."""
    contexts, pairs = these.contexts[counted], these.pairs[counted]
    unique_pairs, first, counts = np.unique(pairs, return_index=True, return_counts=True)
    taken = discounts(counts)[np.minimum(counts, 3)]
    unique_contexts, place = np.unique(contexts[first], return_inverse=True)
    joint = lookup(unique_pairs, counts - taken, these.pairs[split:])
    total, mass = (lookup(unique_contexts, np.bincount(place, values), these.contexts[split:]) for values in (counts, taken))
    return np.where(total > 0, (joint + mass * lower) / np.where(total > 0, total, 1), lower)
