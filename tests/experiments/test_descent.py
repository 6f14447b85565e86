"""The training loop of the experiments beside one written out, and what figures do with its losses."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.common.figures import running_mean
from experiments.common.networks import from_arrays, to_arrays, unstack
from experiments.common.training import CHUNK, batch_keys, clipped_adam, descend, start, train, train_one
from recurrent import clip_by_global_norm

pytestmark = pytest.mark.usefixtures("users_numerics")

UPDATES = CHUNK + 7


def loss_of(network, given, key):
    """A batch of points of a parabola, drawn from the key; far away its gradient is longer than 1."""
    xs = jax.random.normal(key, (4,))
    return jnp.mean((network["slope"] * xs + network["shift"] - given * xs) ** 2)


def networks():
    return {"slope": jnp.array([0.0, 9.0]), "shift": jnp.array([1.0, -2.0])}


def by_hand(network, keys, schedule):
    optimizer = optax.chain(clip_by_global_norm(1.0), optax.adam(schedule))
    state, losses = optimizer.init(network), []

    @jax.jit
    def update(network, state, key):
        loss, gradient = jax.value_and_grad(loss_of)(network, 2.0, key)
        changes, state = optimizer.update(gradient, state)
        return optax.apply_updates(network, changes), state, loss

    for key in keys:
        network, state, loss = update(network, state, key)
        losses.append(loss)
    return network, np.stack(losses)


@pytest.mark.parametrize("warm_up", [False, True])
def test_a_stack_is_trained_as_each_network_by_hand(warm_up):
    if warm_up:
        schedule = optax.warmup_cosine_decay_schedule(0.0, 0.1, UPDATES // 20 + 1, UPDATES + 1)
    else:
        schedule = optax.cosine_decay_schedule(0.1, UPDATES)
    keys = batch_keys(3, 2, UPDATES)
    found, losses = train(loss_of, networks(), keys, 0.1, "test", given=2.0, warm_up=warm_up)
    assert losses.shape == (2, UPDATES)
    for i, (network, trained) in enumerate(zip(unstack(networks()), unstack(found), strict=True)):
        expected, expected_losses = by_hand(network, keys[i], schedule)
        np.testing.assert_allclose(losses[i], expected_losses, rtol=1e-4, atol=1e-6)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), trained, expected)
        alone, alone_losses = train_one(loss_of, network, keys[i], 0.1, "test", given=2.0, warm_up=warm_up)
        np.testing.assert_allclose(alone_losses, losses[i], rtol=1e-6)
        assert alone["slope"].shape == ()
    assert np.median(losses[:, -10:]) < 0.5 * np.median(losses[:, :10])


def test_descend_makes_one_update_per_batch():
    optimizer = clipped_adam(0.1)
    network, keys = unstack(networks())[1], jax.random.split(jax.random.key(0), 5)
    state, losses = jax.jit(lambda network: descend(loss_of, optimizer, start(network, optimizer), 2.0, keys))(network)
    expected, expected_losses = by_hand(network, keys, 0.1)
    assert int(state.step) == 5
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)
    np.testing.assert_allclose(state.params["slope"], expected["slope"], rtol=1e-5)


def test_a_network_gets_the_same_batches_in_every_stack():
    few, many = (jax.random.key_data(batch_keys(0, count, 3)) for count in (2, 5))
    assert few.shape[:2] == (2, 3)
    np.testing.assert_array_equal(few, many[:2])
    assert len(np.unique(many.reshape(15, -1), axis=0)) == 15


def test_a_stack_goes_through_named_arrays():
    found = from_arrays({**to_arrays(networks()), "loss": np.zeros(3)}, networks())
    jax.tree.map(np.testing.assert_array_equal, found, networks())


def test_the_running_mean_is_that_of_neighbours_on_the_last_axis():
    losses = np.arange(10.0).reshape(2, 5)
    np.testing.assert_allclose(running_mean(losses, 2), [[0.5, 1.5, 2.5, 3.5], [5.5, 6.5, 7.5, 8.5]])
    np.testing.assert_allclose(running_mean(losses[0], 9), [2.0])
