"""What clipping does to short, long and broken gradients, and what it says about them."""

import jax.numpy as jnp
import numpy as np
import pytest

from recurrent import clip_by_global_norm
from recurrent.train import clip_by_tensor_norm

LARGEST = 2.0


def gradient(scale=1.0):
    """Of norm 13 times the scale; its leaves have the norms 5 and 12."""
    return {"a": scale * jnp.array([3.0, -4.0]), "b": scale * jnp.array([[12.0]])}


def clipped(updates, **options):
    transform = clip_by_global_norm(LARGEST, **options)
    return transform.update(updates, transform.init(updates))


def assert_scaled(found, factor, scale=1.0):
    for name, leaf in gradient(scale).items():
        np.testing.assert_allclose(found[name], factor * np.asarray(leaf), rtol=1e-6)


@pytest.mark.parametrize(("scale", "factor", "long"), [(0.1, 1, False), (1.0, LARGEST / 13, True), (10.0, LARGEST / 130, True)])
def test_only_long_gradients_are_shortened(scale, factor, long):
    found, state = clipped(gradient(scale))
    assert_scaled(found, factor, scale)
    np.testing.assert_allclose(state.norm, 13 * scale, rtol=1e-6)
    assert bool(state.was_clipped) == long
    assert state.finite


def broken(entry=jnp.nan):
    return gradient() | {"a": gradient()["a"].at[0].set(entry)}


def test_a_broken_gradient_is_skipped_and_not_called_clipped():
    found, state = clipped(broken())
    assert not any(np.any(leaf) for leaf in found.values())
    assert not state.finite
    assert not state.was_clipped
    assert np.isnan(state.norm)


def test_zeroing_clips_what_is_left():
    found, state = clipped(broken(), nonfinite="zero")
    left = np.sqrt(4.0**2 + 12.0**2)
    np.testing.assert_allclose(found["a"], [0, -4 * LARGEST / left], rtol=1e-6)
    np.testing.assert_allclose(found["b"], [[12 * LARGEST / left]], rtol=1e-6)
    np.testing.assert_allclose(state.norm, left, rtol=1e-6)
    assert not state.was_clipped


def test_propagating_changes_nothing():
    found, _ = clipped(broken(), nonfinite="propagate")
    for name, leaf in broken().items():
        np.testing.assert_array_equal(found[name], leaf)


@pytest.mark.parametrize(("scale", "factors"), [(0.1, (1, 1)), (0.25, (1, LARGEST / 3)), (1.0, (LARGEST / 5, LARGEST / 12))])
def test_by_tensor_every_leaf_has_its_own_factor(scale, factors):
    found, _ = clip_by_tensor_norm(LARGEST).update(gradient(scale), None)
    for (name, leaf), factor in zip(gradient(scale).items(), factors, strict=True):
        np.testing.assert_allclose(found[name], factor * np.asarray(leaf), rtol=1e-6)


@pytest.mark.parametrize("entry", [jnp.nan, jnp.inf])
def test_by_tensor_a_broken_leaf_passes_as_it_is(entry):
    found, _ = clip_by_tensor_norm(LARGEST).update(broken(entry), None)
    np.testing.assert_array_equal(found["a"], broken(entry)["a"])
    np.testing.assert_allclose(found["b"], [[LARGEST]], rtol=1e-6)
