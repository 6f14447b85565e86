"""The explicit backward pass of a softmax readout against a loop over the steps that count."""

import numpy as np
import pytest
from helpers import random_array

from recurrent.losses import softmax_readout_gradients

T, B, H, K = 4, 3, 5, 6
RNG = np.random.default_rng(0)
LABELS, MASK = RNG.integers(0, K, (T, B)), RNG.random((T, B)) < 0.6


@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
def test_gradients(mask):
    kernel, bias, hs = random_array((H, K), 1), random_array((K,), 2), random_array((T, B, H), 3)
    dkernel, dbias, dhs = np.zeros((H, K)), np.zeros(K), np.zeros((T, B, H))
    for t, row in np.ndindex(T, B):
        if mask is None or mask[t, row]:
            odds = np.exp(hs[t, row] @ kernel + bias)
            delta = odds / odds.sum() - (np.arange(K) == LABELS[t, row])
            dkernel += np.outer(hs[t, row], delta)
            dbias += delta
            dhs[t, row] = kernel @ delta
    found = softmax_readout_gradients(kernel, bias, hs, LABELS, mask)
    np.testing.assert_allclose(found.kernel, dkernel, rtol=1e-10)
    np.testing.assert_allclose(found.bias, dbias, rtol=1e-10)
    np.testing.assert_allclose(found.hs, dhs, rtol=1e-10, atol=1e-14)
