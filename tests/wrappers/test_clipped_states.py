"""Clipping of dL/ds against a loop of vector-Jacobian products that clips the norm over all leaves of each row."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, random_array, relative_error

from recurrent import lstm, unroll
from recurrent.cells import LSTMState
from recurrent.wrappers import clip_state_gradients

T, B, D, H, LARGEST = 5, 3, 2, 4, 0.8


def clipped(dstate):
    dc, dh = map(np.asarray, dstate)
    sizes = np.sqrt((dc**2).sum(axis=1) + (dh**2).sum(axis=1))[:, None]
    return LSTMState(*(leaf * np.minimum(1, LARGEST / sizes) for leaf in (dc, dh)))


def by_hand(cell, params, xs, state, dfinal):
    """dL/ds_0, and how often a row was clipped, or would have been by one of its leaves alone."""
    states, over, over_by_leaf = [state], 0, 0
    for x in xs[:-1]:
        states.append(cell.step(params, states[-1], x)[0])
    dstate = dfinal
    for s, x in zip(reversed(states), xs[::-1], strict=True):
        (dstate,) = jax.vjp(lambda s, x=x: cell.step(params, s, x)[0], s)[1](dstate)
        sizes = np.stack([np.linalg.norm(leaf, axis=1) for leaf in dstate])
        over += np.sum(np.linalg.norm(sizes, axis=0) > LARGEST)
        over_by_leaf += np.sum(sizes.max(axis=0) > LARGEST)
        dstate = clipped(dstate)
    return dstate, over, over_by_leaf


@pytest.mark.parametrize("backprop", ["autodiff", "explicit"])
def test_the_norm_is_over_all_leaves_of_one_row(backprop):
    cell = lstm(D, H, param_dtype=jnp.float64)
    params = perturbed(cell.init(jax.random.key(0)), 1, 0.8)
    xs, state = random_array((T, B, D), 2), perturbed(cell.initial_state(params, (B,)), 3)
    dfinal = LSTMState(random_array((B, H), 4), random_array((B, H), 5))
    expected, over, over_by_leaf = by_hand(cell, params, xs, state, dfinal)
    assert over_by_leaf < over < T * B  # rows that are clipped, that are not, and that only the two leaves together are
    _, pull = jax.vjp(lambda s: unroll(clip_state_gradients(cell, LARGEST), params, xs, s, backprop=backprop)[0], state)
    assert relative_error(pull(dfinal)[0], jax.tree.map(jnp.asarray, expected)) < 1e-12


def test_thresholds_are_positive():
    for bad in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="must be positive"):
            functools.partial(clip_state_gradients, lstm(D, H))(bad)
