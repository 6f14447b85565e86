"""Both scores and the weighted mean, by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_array

from recurrent import lengths_to_mask
from recurrent.seq2seq import additive, attend, multiplicative

T, B, D, H = 6, 3, 3, 4


LENGTHS = jnp.array([T, 1, 0])


@pytest.mark.parametrize("kind", ["additive", "multiplicative"])
def test_attention_by_hand(kind):
    attention = additive(5, H, 7) if kind == "additive" else multiplicative(5, H)
    params = attention.init(jax.random.key(0))
    query, keys = random_array((B, 5), 1, jnp.float32), random_array((T, B, H), 2, jnp.float32)
    mask = lengths_to_mask(LENGTHS, T)
    scores = attention.scores(params, query, attention.prepare(params, keys))
    context, weights = attend(scores, jnp.where(mask[..., None], keys, jnp.nan), mask)
    for row, length in enumerate(LENGTHS.tolist()):
        q, k = np.asarray(query[row]), np.asarray(keys[:length, row])
        if kind == "additive":
            raw = np.tanh(q @ np.asarray(params.query_kernel) + k @ np.asarray(params.key_kernel)) @ np.asarray(params.score)
        else:
            raw = k @ (q @ np.asarray(params.query_kernel)) / H**0.5
        expected = np.exp(raw) / np.exp(raw).sum() if length else raw
        np.testing.assert_allclose(weights[:length, row], expected, rtol=1e-4)
        np.testing.assert_allclose(context[row], expected @ k if length else np.zeros(H), rtol=1e-4, atol=1e-6)
    assert not np.any(np.where(mask, 0, weights))
    gradient = jax.grad(lambda s: jnp.sum(attend(s, keys, mask)[0] ** 2))(scores)
    assert np.isfinite(gradient).all()
