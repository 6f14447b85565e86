"""Clipping of what is not a real matrix: complex gradients, integers, and states of other ranks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_array, relative_error

from recurrent import Cell, clip_by_global_norm, unroll
from recurrent.train import clip_by_tensor_norm
from recurrent.wrappers import clip_state_gradients


@pytest.mark.parametrize("scale", [1.0, 1e25])
def test_complex_gradients_keep_their_phase(scale):
    gradients = {
        "a": scale * jnp.asarray([3 + 4j, -1j], jnp.complex64),
        "b": scale * jnp.asarray([2.0], jnp.float32),
        "n": jnp.arange(3),
    }
    found, state = clip_by_global_norm(0.5).update(gradients, None)
    norm = np.sqrt(25.0 + 1 + 4)
    np.testing.assert_allclose(found["a"], 0.5 / norm * np.array([3 + 4j, -1j]), rtol=1e-6)
    np.testing.assert_allclose(found["b"], 0.5 / norm * np.array([2.0]), rtol=1e-6)
    np.testing.assert_array_equal(found["n"], np.arange(3))
    np.testing.assert_allclose(state.norm, scale * norm, rtol=1e-6)
    by_tensor, _ = clip_by_tensor_norm(0.5).update(gradients, None)
    np.testing.assert_allclose(by_tensor["a"], 0.5 / np.sqrt(26) * np.array([3 + 4j, -1j]), rtol=1e-6)
    np.testing.assert_array_equal(by_tensor["n"], np.arange(3))


@pytest.mark.parametrize("backprop", ["autodiff", "explicit"])
@pytest.mark.parametrize("first", ["counter", "matrix"])
def test_state_gradients_are_clipped_by_row_whatever_the_ranks(first, backprop):
    """One step at a time by hand: each row's gradient over all leaves of the state is scaled to the threshold."""

    def step(params, state, x_t):
        head, h = state
        new = jnp.tanh(h @ params + x_t)
        return (head + 1 if first == "counter" else 1.5 * head + h[..., None] * new[..., None, :], new), new

    def initial_state(params, batch_shape=()):
        head = jnp.zeros(batch_shape, jnp.int32) if first == "counter" else jnp.zeros((*batch_shape, 3, 3))
        return head, jnp.zeros((*batch_shape, 3))

    params, xs, limit = random_array((3, 3), 0), random_array((4, 2, 3), 1), 0.02
    cell = Cell(lambda key: params, initial_state, step)
    start = (initial_state(params, (2,))[0], random_array((2, 3), 2))
    floats = lambda state: state[1:] if first == "counter" else state  # noqa: E731
    loss = lambda state: sum(jnp.sum(jnp.sin(leaf)) for leaf in floats(state))  # noqa: E731
    clipped = clip_state_gradients(cell, limit)
    run = lambda h: loss(unroll(clipped, params, xs, (start[0], h), backprop=backprop)[0])  # noqa: E731
    found = jax.jit(jax.grad(run))(start[1])

    states = [start]
    for x_t in xs:
        states.append(step(params, states[-1], x_t)[0])
    gradient, factors = jax.grad(loss, allow_int=True)(states[-1]), []
    for x_t, state in zip(xs[::-1], states[-2::-1], strict=True):
        _, pull = jax.vjp(lambda *s, x=x_t: floats(step(params, (*[state[0]][: first == "counter"], *s), x)[0]), *floats(state))  # noqa: B023
        gradient = pull(tuple(floats(gradient)))
        sizes = np.sqrt(sum(np.sum(np.asarray(leaf).reshape(2, -1) ** 2, axis=1) for leaf in gradient))
        factor = np.minimum(1, limit / sizes)
        factors.append(factor)
        gradient = tuple(leaf * factor.reshape(2, *[1] * (leaf.ndim - 1)) for leaf in gradient)
        gradient = (None, *gradient) if first == "counter" else gradient
    assert relative_error(found, gradient[-1]) < 1e-10
    assert np.any(np.array(factors) < 1)
