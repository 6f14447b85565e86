"""Streams of strings, and training on them: against strings cut out one by one, and a loop with Adam written out."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.common import streaming
from experiments.common.networks import logits_of
from experiments.common.solving import Descent
from experiments.common.streaming import BIASES, TASK, Reader, Stream, begin, draw_stream, learn, per_network, piece, read
from recurrent import lstm, unroll
from recurrent.tasks import outer_accuracy, outer_steps

pytestmark = [pytest.mark.xdist_group("streams"), pytest.mark.usefixtures("users_numerics")]

WINDOW, COUNT, NETWORKS = 20, 3, 2
READER = Reader(lstm(7, 3, bias_init=BIASES), 3, Descent("adam", clip=14.5))


@functools.cache
def stream():
    return draw_stream(jax.random.key(3), NETWORKS, WINDOW * COUNT + 7)


def started():
    return begin(READER, jax.random.key(1), NETWORKS)


def row(batch, i):
    return jax.tree.map(lambda leaf: leaf[:, i : i + 1], batch)


def test_resets_are_where_strings_begin():
    found = draw_stream(jax.random.key(5), 3, 400)
    for i in range(3):
        symbols = np.array(list("BTPSXVE"))[np.asarray(found.batch.xs[:, i]).argmax(axis=-1)]
        starts = np.flatnonzero(found.resets[:, i])
        assert starts[0] == 0
        for first, after in zip(starts[:-1], starts[1:], strict=True):
            string = "".join(symbols[first:after])
            assert string[0] + string[2] == "BB"
            assert string[-3] + string[-1] == "EE"
            assert string[1] == string[-2]
            assert string[3:-3].count("B") == string[3:-3].count("E") == 0


def test_a_piece_is_cut_out_of_every_leaf():
    found = piece(stream(), 5, 9)
    np.testing.assert_array_equal(found.batch.xs, stream().batch.xs[5:14])
    np.testing.assert_array_equal(found.resets, stream().resets[5:14])
    assert found.batch.mask.shape == (9, NETWORKS)


def test_training_is_adam_on_the_clipped_gradient_of_sums_over_windows():
    rate, given = 0.05, Stream(stream().batch)
    states, course = learn(READER, started(), rate, given, WINDOW)

    def loss(network, state, batch):
        state, hs = unroll(READER.cell, network.cell, batch.xs, state, backprop="explicit")
        return len(batch.xs) * TASK.loss(logits_of(network, hs), batch), state

    gradient_of = jax.jit(jax.grad(loss, has_aux=True))
    for i in range(NETWORKS):
        start = jax.tree.map(lambda leaf, i=i: leaf[i], started())
        network, state, tree = start.params, start.carry, jax.tree.structure(start.params)
        theta = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(network)]
        m, v = ([np.zeros_like(leaf) for leaf in theta] for _ in range(2))
        clipped = 0
        for n in range(COUNT):
            batch = row(piece(given, n * WINDOW, WINDOW).batch, i)
            gradient, state = gradient_of(jax.tree.unflatten(tree, map(jnp.float32, theta)), state, batch)
            g = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(gradient)]
            norm = np.sqrt(sum((leaf**2).sum() for leaf in g))
            clipped += norm > READER.descent.clip
            for j, leaf in enumerate(g):
                leaf = leaf * min(1, READER.descent.clip / norm)
                m[j], v[j] = 0.9 * m[j] + 0.1 * leaf, 0.999 * v[j] + 0.001 * leaf**2
                theta[j] = theta[j] - rate * (m[j] / (1 - 0.9 ** (n + 1))) / (np.sqrt(v[j] / (1 - 0.999 ** (n + 1))) + 1e-8)
            np.testing.assert_allclose(course.memories[n, i], state.c[0], rtol=2e-4, atol=1e-5)
        assert 0 < clipped < COUNT  # so that the threshold matters, and what is summed
        for ours, theirs in zip(jax.tree.leaves(states.params), theta, strict=True):
            np.testing.assert_allclose(ours[i], theirs, rtol=2e-4, atol=5e-6)


@pytest.mark.parametrize("told", [True, False])
def test_without_a_rate_learning_is_reading(told):
    given = stream() if told else Stream(stream().batch)
    states, course = learn(READER, started(), 0.0, given, WINDOW)
    outputs, memories = read(READER, started(), given)
    np.testing.assert_allclose(course.memories, memories[WINDOW - 1 :: WINDOW][:COUNT], rtol=1e-5, atol=1e-7)
    for n in range(COUNT):
        batch, said = piece(given, n * WINDOW, WINDOW).batch, outputs[n * WINDOW : (n + 1) * WINDOW]
        for i in range(NETWORKS):
            due = np.sum(outer_steps(row(batch, i)))
            assert course.due[n, i] == due
            assert course.right[n, i] == pytest.approx(due * float(outer_accuracy(said[:, i : i + 1], row(batch, i))))
    rest, _ = read(READER, states, piece(given, WINDOW * COUNT, 7))
    np.testing.assert_allclose(rest, outputs[WINDOW * COUNT :], rtol=1e-4, atol=1e-6)
    assert course.due.sum() > 0


def test_states_start_anew_where_they_are_told_to():
    _, memories = read(READER, started(), stream())
    first = int(np.flatnonzero(stream().resets[:, 1])[1])
    _, alone = read(READER, started(), Stream(piece(stream(), first, 6).batch))
    np.testing.assert_allclose(memories[first : first + 6, 1], alone[:, 1], rtol=1e-5, atol=1e-7)
    _, going_on = read(READER, started(), Stream(stream().batch))
    assert np.abs(going_on[first, 1] - alone[0, 1]).max() > 1e-3


def test_a_measure_is_taken_of_each_network():
    outputs, batch = jax.random.normal(jax.random.key(0), (WINDOW * COUNT + 7, NETWORKS, 7)), stream().batch
    found = per_network(outer_accuracy, outputs, batch)
    expected = [float(outer_accuracy(outputs[:, i : i + 1], row(batch, i))) for i in range(NETWORKS)]
    np.testing.assert_allclose(found, expected)
    assert per_network(streaming.TASK.errors, outputs, batch).shape == (NETWORKS,)
