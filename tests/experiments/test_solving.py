"""Descents beside formulas in numpy, and the training on tasks beside a loop of updates written out."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.common import solving
from experiments.common.networks import draw
from experiments.common.solving import Descent, Setting, solve
from recurrent import elman, tasks
from recurrent.initializers import normal
from recurrent.parametrizations import exponential
from recurrent.wrappers import reparametrized

pytestmark = [pytest.mark.xdist_group("solving"), pytest.mark.usefixtures("users_numerics")]

RATE = 0.3


class Kernel(NamedTuple):
    """What a reparametrized kernel is made of."""

    free: Any


class Params(NamedTuple):
    """A tree with a free kernel in it."""

    kernel: Kernel
    bias: Any


PARAMS = Params(Kernel(np.array([[1.0, -2.0], [0.5, 3.0]], np.float32)), np.array([0.1, -0.4], np.float32))
GRADIENTS = [
    Params(Kernel(np.array([[0.6, -1.2], [2.0, 0.1]], np.float32) / k), np.array([-0.7, 0.3], np.float32) * k)
    for k in (1, 2, 8)
]


def descended(descent):
    """Both leaves after one update per gradient."""
    optimizer = descent.optimizer(jnp.float32(RATE))
    params = jax.tree.map(jnp.asarray, PARAMS)
    state = optimizer.init(params)
    for gradient in GRADIENTS:
        changes, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, changes)
    return [np.asarray(leaf) for leaf in jax.tree.leaves(params)]


def by_hand(kind, *, free=1.0, clip=None, falls_over=None):
    """The same in float64, from the formulas of Robbins & Monro, Hinton, and Kingma & Ba."""
    leaves = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(PARAMS)]
    first, second = [[0 * leaf for leaf in leaves] for _ in range(2)]
    for t, gradient in enumerate(GRADIENTS):
        gs = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(gradient)]
        length = np.sqrt(sum((g**2).sum() for g in gs))
        if clip is not None and length > clip:
            gs = [g * clip / length for g in gs]
        fall = 1.0 if falls_over is None else (1 + np.cos(np.pi * t / falls_over)) / 2
        for i, (g, factor) in enumerate(zip(gs, (free, 1.0), strict=True)):
            if kind == "rmsprop":
                second[i] = 0.9 * second[i] + 0.1 * g**2
                g = g / np.sqrt(second[i])
            elif kind == "adam":
                first[i] = 0.9 * first[i] + 0.1 * g
                second[i] = 0.999 * second[i] + 0.001 * g**2
                g = first[i] / (1 - 0.9 ** (t + 1)) / np.sqrt(second[i] / (1 - 0.999 ** (t + 1)))
            leaves[i] = leaves[i] - RATE * factor * fall * g
    return leaves


@pytest.mark.parametrize("kind", ["sgd", "rmsprop", "adam"])
@pytest.mark.parametrize(
    "options", [{}, {"clip": 2.5}, {"falls_over": 4}, {"free": 0.1}, {"clip": 2.5, "falls_over": 4, "free": 0.1}]
)
def test_a_descent_is_that_of_the_formulas(kind, options):
    lengths = [float(optax.tree.norm(gradient)) for gradient in GRADIENTS]
    assert min(lengths) < 2.5 < max(lengths)  # so that clipping matters, and not always
    for found, expected in zip(descended(Descent(kind, **options)), by_hand(kind, **options), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4)  # Adam in float32: 1 - 0.999^t


def test_what_a_reparametrized_kernel_is_made_of_is_free():
    network = draw(reparametrized(elman(2, 4), exponential()), jax.random.key(0), 3, 4)
    free = jax.tree.leaves(solving._is_free(network))
    assert sum(free) == 1
    assert jax.tree.leaves(network)[free.index(True)].shape == network.cell.free.shape


TASK = tasks.delayed_recall()
SETTING = Setting(elman(TASK.features, 4), TASK, (3, 5), Descent("sgd", clip=0.5), 4, batch=7, every=4, tested=50)


def loop(setting, seed, rate, updates):
    """One update after the other; returns the network, the lengths, and what every test found."""
    k_network, k_updates, k_tests, k_lengths = jax.random.split(jax.random.key(seed), 4)
    network = draw(setting.cell, k_network, setting.task.outputs, setting.hidden_size)
    drawn = np.asarray(jax.random.randint(k_lengths, (updates // setting.every,), 0, len(setting.lengths)))
    lengths, found = [setting.lengths[i] for i in drawn], []

    @functools.partial(jax.jit, static_argnames="length")
    def gradient(network, key, length):
        batch = setting.task.sample(key, setting.batch, length)
        return jax.grad(lambda n: setting.task.loss(solving.outputs_of(setting.cell, n, batch), batch))(network)

    for i, length in enumerate(lengths):
        for key in jax.random.split(jax.random.fold_in(k_updates, i), setting.every):
            gs = gradient(network, key, length)
            size = np.sqrt(sum(float((g**2).sum()) for g in jax.tree.leaves(gs)))
            factor = rate * min(1, setting.descent.clip / size)
            network = jax.tree.map(lambda w, g, factor=factor: w - factor * g, network, gs)
        batch = setting.task.sample(jax.random.fold_in(k_tests, i), setting.tested, setting.lengths[-1])
        outputs = solving.outputs_of(setting.cell, network, batch)
        found.append((setting.task.loss(outputs, batch), setting.task.errors(outputs, batch).mean()))
    return network, lengths, np.array(found, np.float64)


def test_a_training_is_a_loop_of_updates_with_a_length_drawn_before_every_test(monkeypatch):
    advance, lengths = solving._advance, []

    def spied(setting, state, rate, keys):
        lengths.extend(setting.lengths)
        return advance(setting, state, rate, keys)

    monkeypatch.setattr(solving, "_advance", spied)
    course = solve(SETTING, 3, 0.4, 12, "test", stop=False)
    network, expected, found = loop(SETTING, 3, 0.4, 12)
    assert lengths == expected
    assert len(set(lengths)) == 2
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), course.network, network)
    np.testing.assert_array_equal(course.updates, [4, 8, 12])
    np.testing.assert_allclose(np.stack([course.losses, course.errors], axis=1), found, rtol=1e-4)


def faked(monkeypatch, passed, confirmed=()):
    """Trainings without updates, whose tests at lengths are passed or not in this order; returns the lengths and sizes."""
    seen, first, second = [], iter(passed), iter(confirmed)

    def test(setting, length, network, key):
        seen.append((length, setting.tested))
        solved = next(second if setting.tested == 900 else first)
        return (0.1, 0.0, True) if solved else (2.0, 0.5, False)

    monkeypatch.setattr(solving, "test", test)
    monkeypatch.setattr(solving, "_advance", lambda setting, state, rate, keys: state)
    return seen


def test_a_training_ends_at_the_first_test_that_is_passed(monkeypatch):
    seen = faked(monkeypatch, [False, False, True, False, True])
    course = solve(SETTING, 0, 0.1, 20, "test")
    assert seen == [(5, 50)] * 3
    assert course.solved.tolist() == [False, False, True]
    assert course.solved_after == 12
    faked(monkeypatch, [False, True, False, True, False])
    course = solve(SETTING, 0, 0.1, 18, "test", stop=False)
    assert course.updates.tolist() == [4, 8, 12, 16, 20]
    assert course.solved_after == 8


def test_a_training_that_passes_no_test_is_solved_after_no_number_of_updates(monkeypatch):
    faked(monkeypatch, [False] * 3)
    assert solve(SETTING, 0, 0.1, 12, "test").solved_after == np.inf


def test_a_training_ends_where_its_losses_say_so(monkeypatch):
    faked(monkeypatch, [False] * 9)
    course = solve(SETTING, 0, 0.1, 36, "test", done=lambda losses: losses.shape == (2,) and losses.sum() == 4)
    assert course.losses.tolist() == [2.0, 2.0]


def test_a_test_that_is_passed_counts_only_if_a_larger_one_is(monkeypatch):
    seen = faked(monkeypatch, [True, False, True], confirmed=[False, True])
    course = solve(SETTING._replace(confirmed=900), 0, 0.1, 40, "test")
    assert seen == [(5, 50), (5, 900), (5, 50), (5, 50), (5, 900)]
    assert course.solved.tolist() == [False, False, True]
    assert course.errors.tolist() == [0.5, 0.5, 0.0]


def test_an_easy_task_is_solved_and_a_seed_gives_the_same_course_again():
    setting = Setting(elman(TASK.features, 12), TASK, (3,), Descent("adam"), 12, every=10, tested=200)
    course, again, other = (solve(setting, seed, 0.02, 500, "test") for seed in (1, 1, 2))
    assert course.solved_after == course.updates[-1] < 500
    assert course.losses[-1] < 0.5 * course.losses[0]
    assert course.errors[-1] < 0.01 < course.errors[0]
    jax.tree.map(np.testing.assert_array_equal, course, again)
    assert other.losses[0] != course.losses[0]


def test_networks_sequences_and_tests_are_those_of_the_seed_whatever_is_minimised(monkeypatch):
    monkeypatch.setattr(solving, "_advance", lambda setting, state, rate, keys: seen.append((state.params, keys)) or state)
    found = []
    for setting in (SETTING, SETTING._replace(descent=Descent("adam"), objective=sum)):
        seen = []
        course = solve(setting, 5, 0.1, 8, "test", stop=False)
        found.append((course, [(params, jax.random.key_data(keys)) for params, keys in seen]))
    jax.tree.map(np.testing.assert_array_equal, *found)
    assert len(np.unique(np.concatenate([keys for _, keys in found[0][1]]), axis=0)) == 8


def test_a_training_that_explodes_is_wrong_to_the_end():
    course = solve(SETTING._replace(descent=Descent("sgd")), 0, float("nan"), 8, "test")
    assert course.errors.tolist() == [1.0, 1.0]
    assert not course.solved.any()


def test_the_readout_starts_as_it_is_asked_to():
    setting, key = SETTING._replace(cell=elman(TASK.features, 300), hidden_size=300), jax.random.key(2)
    usual = solving.first_network(setting, key)
    jax.tree.map(np.testing.assert_array_equal, usual, draw(setting.cell, key, TASK.outputs, 300))
    found = solving.first_network(setting._replace(readout_init=normal(0.01)), key)
    assert np.std(found.kernel) == pytest.approx(0.01, rel=0.1)
    jax.tree.map(np.testing.assert_array_equal, found._replace(kernel=usual.kernel), usual)


def test_settings_that_differ_in_other_lengths_alone_share_a_program():
    traced = []

    def objective(cell, task, network, batch):
        traced.append(len(batch.xs))
        return solving.task_loss(cell, task, network, batch)

    for lengths in ((5,), (5, 5)):
        solve(SETTING._replace(lengths=lengths, objective=objective), 0, 0.1, 4, "test")
        traced.append("then")
    assert traced[-2:] == ["then", "then"]
    assert set(traced[:-2]) == {5}


def test_what_is_measured_after_training_has_keys_of_its_own():
    seed_key = jax.random.key(7)
    taken = {tuple(jax.random.key_data(key).tolist()) for key in jax.random.split(seed_key, 4)}
    assert tuple(jax.random.key_data(solving.own_key(7)).tolist()) not in taken | {
        tuple(jax.random.key_data(seed_key).tolist())
    }
