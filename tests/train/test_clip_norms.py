"""Clipping by the global norm and by each tensor: thresholds, directions, non-finite gradients, inside chains."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import random_array

from recurrent import clip_by_global_norm
from recurrent.train import clip_by_tensor_norm, raise_if_nonfinite


def gradient_of_norm(norm: float, dtype=jnp.float32) -> dict:
    """A tree of a matrix and a scalar whose norm over both is `norm`."""
    tree = {"kernel": random_array((4, 3), 1), "scale": random_array((), 2)}
    return jax.tree.map(lambda leaf: (leaf * (norm / exact_norm(tree))).astype(dtype), tree)


def exact_norm(tree) -> float:
    """The norm in float64, of entries divided by the largest one."""
    entries = vector(tree)
    largest = np.abs(entries).max() or 1.0
    return float(largest * np.linalg.norm(entries / largest))


def vector(tree) -> np.ndarray:
    return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(tree)])


@functools.cache
def compiled(max_norm: float, nonfinite):
    """The update of `clip_by_global_norm` under jit, compiled once for all tests."""
    return jax.jit(clip_by_global_norm(max_norm, nonfinite=nonfinite).update)


def clip(gradient, max_norm=1.0, nonfinite="skip"):
    """(clipped gradient, state) of one update."""
    return compiled(max_norm, nonfinite)(gradient, clip_by_global_norm(max_norm).init(gradient))


def apply(transform, gradient):
    """The clipped gradient of any transformation."""
    return jax.jit(lambda g: transform.update(g, transform.init(g))[0])(gradient)


def assert_trees_equal(found, expected):
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(np.asarray(a), np.asarray(b)), found, expected)


class TestGlobalNorm:
    def test_gradient_below_threshold_is_unchanged(self):
        gradient = gradient_of_norm(0.99)
        clipped, state = clip(gradient)
        assert_trees_equal(clipped, gradient)
        assert not state.was_clipped
        assert state.finite
        assert float(state.norm) == pytest.approx(0.99, rel=1e-6)

    @pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
    @pytest.mark.parametrize("norm", [1.01, 7.0, 1e4, 1e20, 1e38])
    def test_gradient_above_threshold_keeps_its_direction(self, norm, dtype):
        gradient = gradient_of_norm(norm, dtype)
        clipped, state = clip(gradient)
        tolerance = 1e-6 if dtype == jnp.float32 else 1e-14
        assert exact_norm(clipped) == pytest.approx(1.0, rel=tolerance)
        np.testing.assert_allclose(vector(clipped), vector(gradient) / exact_norm(gradient), rtol=2 * tolerance)
        assert state.was_clipped
        assert state.finite
        assert float(state.norm) == pytest.approx(norm, rel=1e-6)
        assert all(leaf.dtype == dtype for leaf in jax.tree.leaves(clipped))

    def test_optax_alone_loses_a_gradient_of_1e20(self):
        """Why the transformation exists; should optax change, this says so."""
        assert exact_norm(apply(optax.clip_by_global_norm(1.0), gradient_of_norm(1e20))) == 0

    def test_entries_near_the_largest_float32_are_clipped_to_the_threshold(self):
        gradient = jnp.full(1000, 3e38, jnp.float32)  # its norm, 9.5e39, is beyond float32
        clipped, state = clip(gradient)
        assert exact_norm(clipped) == pytest.approx(1.0, rel=1e-6)
        assert state.was_clipped
        assert state.finite

    def test_tiny_gradient_is_unchanged_and_has_a_norm(self):
        gradient = gradient_of_norm(1e-30)
        clipped, state = clip(gradient)
        assert_trees_equal(clipped, gradient)
        assert float(state.norm) == pytest.approx(1e-30, rel=1e-5)

    @pytest.mark.parametrize("max_norm", [0.0, 1.0])
    def test_zero_gradient_stays_zero(self, max_norm):
        gradient = jax.tree.map(jnp.zeros_like, gradient_of_norm(1.0))
        clipped, state = clip(gradient, max_norm)
        assert_trees_equal(clipped, gradient)
        assert not state.was_clipped
        assert float(state.norm) == 0

    def test_threshold_zero_stops_every_gradient(self):
        clipped, state = clip(gradient_of_norm(1.0), 0.0)
        assert exact_norm(clipped) == 0
        assert state.was_clipped

    def test_infinite_threshold_clips_nothing(self):
        gradient = gradient_of_norm(1e30)
        clipped, state = clip(gradient, float("inf"))
        assert_trees_equal(clipped, gradient)
        assert not state.was_clipped

    @pytest.mark.parametrize("max_norm", [-1.0, float("nan")])
    def test_bad_threshold_is_refused(self, max_norm):
        with pytest.raises(ValueError, match="max_norm must be at least 0"):
            clip_by_global_norm(max_norm)

    def test_unknown_policy_is_refused(self):
        with pytest.raises(ValueError, match="nonfinite must be .*got 'ignore'"):
            clip_by_global_norm(1.0, nonfinite="ignore")  # pyright: ignore[reportArgumentType]

    def test_many_float16_entries(self):
        clipped, _ = clip(jnp.full(100_000, 0.99, jnp.float16))
        assert exact_norm(clipped) == pytest.approx(1.0, rel=1e-2)


class TestNonFinite:
    @pytest.fixture(params=[jnp.nan, jnp.inf, -jnp.inf], ids=str)
    def broken(self, request):
        gradient = gradient_of_norm(10.0)
        return {**gradient, "kernel": gradient["kernel"].at[1, 2].set(request.param)}

    def test_skip_zeroes_the_whole_update(self, broken):
        clipped, state = clip(broken)
        assert exact_norm(clipped) == 0
        assert not state.finite
        assert jnp.isnan(state.norm)

    def test_zero_drops_the_bad_entries_and_clips_the_rest(self, broken):
        rest = {**broken, "kernel": broken["kernel"].at[1, 2].set(0.0)}
        clipped, state = clip(broken, nonfinite="zero")
        expected, _ = clip(rest)
        assert_trees_equal(clipped, expected)
        assert exact_norm(clipped) == pytest.approx(1.0, rel=1e-6)
        assert not state.finite
        assert float(state.norm) == pytest.approx(exact_norm(rest), rel=1e-6)

    def test_propagate_passes_the_gradient_on_as_it_is(self, broken):
        clipped, state = clip(broken, nonfinite="propagate")
        assert_trees_equal(clipped, broken)
        assert not state.finite

    @pytest.mark.parametrize("policy", ["skip", "zero", "propagate"])
    def test_finite_gradients_are_treated_alike(self, policy):
        gradient = gradient_of_norm(10.0)
        clipped, state = clip(gradient, nonfinite=policy)
        assert_trees_equal(clipped, clip(gradient)[0])
        assert state.finite

    def test_raise_if_nonfinite_finds_the_state_inside_a_chain(self, broken):
        optimizer = optax.chain(optax.chain(clip_by_global_norm(1.0)), optax.sgd(0.1, momentum=0.9))
        update, state = jax.jit(optimizer.update), optimizer.init(broken)
        raise_if_nonfinite(state)
        _, state = update(gradient_of_norm(10.0), state)
        raise_if_nonfinite(state)
        _, state = update(broken, state)
        with pytest.raises(FloatingPointError, match="gradient is not finite"):
            raise_if_nonfinite({"optimizer": state})


class TestInsideChain:
    def test_adam_sees_the_clipped_gradients(self):
        gradients = [gradient_of_norm(norm) for norm in (0.3, 50.0, 1e20, 0.1)]
        params = jax.tree.map(jnp.zeros_like, gradients[0])
        chain, adam = optax.chain(clip_by_global_norm(1.0), optax.adam(0.1)), optax.adam(0.1)
        state, expected_state = chain.init(params), adam.init(params)
        with jax.numpy_dtype_promotion("standard"):  # optax's Adam multiplies floats and integers
            update = jax.jit(chain.update)
            for gradient in gradients:
                updates, state = update(gradient, state, params)
                scale = np.float32(min(1.0, 1.0 / exact_norm(gradient)))
                by_hand = jax.tree.map(functools.partial(jnp.multiply, scale), gradient)
                expected, expected_state = adam.update(by_hand, expected_state, params)
                np.testing.assert_allclose(vector(updates), vector(expected), rtol=1e-4)

    def test_can_be_vmapped(self):
        transform = clip_by_global_norm(1.0)
        gradients = jnp.stack([jnp.full(4, size, jnp.float32) for size in (0.1, 10.0, 1e20)])
        clipped, state = jax.vmap(lambda g: transform.update(g, transform.init(g)))(gradients)
        np.testing.assert_allclose(np.linalg.norm(clipped, axis=1), [0.2, 1.0, 1.0], rtol=1e-6)
        assert state.was_clipped.tolist() == [False, True, True]

    def test_state_keeps_its_types_in_a_scan(self):
        optimizer = optax.chain(clip_by_global_norm(1.0), optax.sgd(0.1))

        def step(carry, _):
            params, state = carry
            updates, state = optimizer.update(params, state)
            return (optax.apply_updates(params, updates), state), None

        params = jnp.ones(2)
        (params, state), _ = jax.lax.scan(step, (params, optimizer.init(params)), length=2)
        assert np.all(params < 1)
        assert state[0].norm.dtype == jnp.float32


class TestTensorNorm:
    def test_every_leaf_has_its_own_norm(self):
        gradient = {"large": jnp.full((2, 2), 1e20, jnp.float32), "small": jnp.full(4, 0.25, jnp.float32)}
        clipped = apply(clip_by_tensor_norm(1.0), gradient)
        np.testing.assert_allclose(clipped["large"], np.full((2, 2), 0.5), rtol=1e-6)
        assert_trees_equal(clipped["small"], gradient["small"])

    def test_turns_the_gradient_where_the_global_norm_does_not(self):
        gradient = {"large": jnp.array([30.0, 0.0]), "small": jnp.array([0.0, 0.4])}

        def cosine(transform):
            raw, new = vector(gradient), vector(apply(transform, gradient))
            return raw @ new / np.linalg.norm(raw) / np.linalg.norm(new)

        assert cosine(clip_by_global_norm(1.0)) == pytest.approx(1.0, abs=1e-12)
        assert cosine(clip_by_tensor_norm(1.0)) < 0.95

    def test_zero_leaf_stays_zero(self):
        gradient = {"large": jnp.full(3, 9.0), "none": jnp.zeros(3)}
        clipped = apply(clip_by_tensor_norm(0.0), gradient)
        assert exact_norm(clipped) == 0

    def test_bad_threshold_is_refused(self):
        with pytest.raises(ValueError, match="max_norm must be at least 0; got -2"):
            clip_by_tensor_norm(-2.0)
