"""The bias of truncation against the closed form of a linear network of one unit."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_array

from recurrent import elman
from recurrent.cells import ElmanParams
from recurrent.flow import truncation_bias

T, D = 7, 2
W, B = 0.8, 0.3
XS, INPUT = np.asarray(random_array((T, D), 1)), np.asarray(random_array((D, 1), 2))


def gradient(first):
    """Of h_T to (U, W, b), through the use of the parameters from step `first` on alone."""
    hs = [0.0]
    for x in XS:
        hs.append(W * hs[-1] + float(x @ INPUT[:, 0]) + B)
    used = [W ** (T - 1 - k) * np.array([*XS[k], hs[k], 1.0]) for k in range(first, T)]
    return np.sum(used, axis=0)


@functools.cache
def compiled(window, dtype):
    cell = elman(D, 1, activation="identity", param_dtype=dtype)
    return jax.jit(lambda params, xs, scale: truncation_bias(cell, params, xs, lambda s, ys: scale * jnp.sum(s), window=window))


WINDOWS = [(1, 6), (2, 6), (3, 6), (4, 4), (5, 5), (7, 0)]


@pytest.mark.parametrize(
    ("window", "first", "scale"),
    [
        *((*window, 1.0) for window in WINDOWS),
        *((3, 6, scale) for scale in (1e25, 1e-25)),
        *(
            pytest.param(*window, scale, marks=pytest.mark.slow)
            for window in WINDOWS
            if window != (3, 6)
            for scale in (1e25, 1e-25)
        ),
    ],
)
def test_error_and_angle(window, first, scale):
    dtype = jnp.float64 if scale == 1 else jnp.float32
    params = ElmanParams(jnp.asarray(INPUT, dtype), jnp.full((1, 1), W, dtype), jnp.full(1, B, dtype))
    found = compiled(window, dtype)(params, jnp.asarray(XS[:, None], dtype), jnp.asarray(scale, dtype))
    full, cut = gradient(0), gradient(first)
    sizes = np.linalg.norm(full), np.linalg.norm(cut)
    tolerance = 1e-10 if scale == 1 else 1e-5
    np.testing.assert_allclose(found.relative_error, np.linalg.norm(full - cut) / sizes[0], rtol=tolerance)
    np.testing.assert_allclose(found.cosine, full @ cut / (sizes[0] * sizes[1]), rtol=tolerance)
    assert jax.tree.all(jax.tree.map(jnp.isfinite, found))
