"""The direct path and the rest of the gradient, under holes, padding and resets, row by row over the steps that count."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from helpers import perturbed, random_array

from recurrent import lstm
from recurrent.flow import path_shares

T, B, D, H = 6, 3, 3, 4
MASK = np.ones((T, B), bool)
MASK[[1, 4], 1] = False
MASK[3:, 2] = False
RESETS = np.zeros((T, B), bool)
RESETS[2, 0] = True


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def parts_of(p, x, c, h):
    """The next state, and what a step does to a gradient: the factor of c from c, and the map from (c, h) to h."""
    i, f, g, o = np.split(x @ p.input_kernel + h @ p.recurrent_kernel + p.bias, 4)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    following = f * c + i * g
    tanh_c = np.tanh(following)

    def back(dc, dh):
        """To (c, h): through the memory alone, and through the gates."""
        dc_t = dc + dh * o * (1 - tanh_c**2)
        dz = np.concatenate([dc_t * g * i * (1 - i), dc_t * c * f * (1 - f), dc_t * i * (1 - g**2), dh * tanh_c * o * (1 - o)])
        return dc_t * f, dz @ p.recurrent_kernel.T

    return following, o * tanh_c, back


def by_hand(p, xs, c, h, mask, resets):
    """Norms of the direct part and of the rest at t = 0 ... T, for one row and the loss Σ sin h + Σ c²."""
    backs = []
    for x, counts, resets_here in zip(xs, mask, resets, strict=True):
        if resets_here:
            c, h = np.zeros(H), np.zeros(H)
        back = None
        if counts:
            c, h, back = parts_of(p, x, c, h)
        backs.append((back, resets_here))
    direct, other = (2 * c, np.cos(h)), (np.zeros(H), np.zeros(H))  # each is (dc, dh)
    found = [norms(direct, other)]
    for back, resets_here in reversed(backs):
        if back is not None:
            (dc, dh), other = back(*direct), back(*other)
            direct, other = (dc, np.zeros(H)), (other[0], other[1] + dh)
        if resets_here:
            direct = other = (np.zeros(H), np.zeros(H))
        found.append(norms(direct, other))
    return np.array(found[::-1])


def norms(direct, other):
    return [np.linalg.norm(np.concatenate(part)) for part in (direct, other)]


def test_paths_against_the_gates_by_hand():
    cell = lstm(D, H, param_dtype=jnp.float64)
    params, xs = perturbed(cell.init(jax.random.key(0)), 1), random_array((T, B, D), 2)
    state = perturbed(cell.initial_state(params, (B,)), 3)
    loss = lambda s: jnp.sum(jnp.sin(s.h)) + jnp.sum(s.c**2)  # noqa: E731
    found = jax.jit(functools.partial(path_shares, cell, loss=loss))(
        params, xs, state=state, mask=jnp.asarray(MASK), resets=jnp.asarray(RESETS)
    )
    p, xs = jax.tree.map(np.asarray, params), np.asarray(xs)
    for row in range(B):
        expected = by_hand(p, xs[:, row], np.asarray(state.c[row]), np.asarray(state.h[row]), MASK[:, row], RESETS[:, row])
        np.testing.assert_allclose(10 ** found.direct[:, row], expected[:, 0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(10 ** found.other[:, row], expected[:, 1], rtol=1e-9, atol=1e-12)
        share = expected[:, 0] / np.maximum(expected.sum(axis=1), 1e-300)
        np.testing.assert_allclose(found.share[:, row], share, rtol=1e-9, atol=1e-12)
