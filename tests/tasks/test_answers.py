"""Losses, errors and the rule of success against numpy, step by step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from samples import drawn

from recurrent import tasks
from recurrent.tasks import Batch

T, B, K = 5, 7, 4
RNG = np.random.default_rng(0)
MASK = RNG.random((T, B)) < 0.6
OUTPUTS = RNG.normal(size=(T, B, K))
XS = np.zeros((T, B, 1), np.float32)


def test_classes_cost_their_negative_log_probability():
    task = tasks.temporal_order()
    targets = np.where(MASK, np.random.default_rng(1).integers(0, K, (T, B)), 0)
    expected, wrong = [], np.zeros(B, bool)
    for t, b in np.argwhere(MASK):
        weights = np.exp(OUTPUTS[t, b])
        expected.append(-np.log(weights[targets[t, b]] / weights.sum()))
        wrong[b] |= np.argmax(weights) != targets[t, b]
    batch = Batch(XS, targets, MASK)
    np.testing.assert_allclose(task.loss(OUTPUTS, batch), np.mean(expected), rtol=1e-12)
    assert np.array_equal(task.errors(OUTPUTS, batch), wrong)


def test_sets_cost_a_cross_entropy_per_symbol():
    task = tasks.brackets()
    targets = MASK[..., None] & (np.random.default_rng(2).random((T, B, K)) < 0.5)
    expected, wrong = [], np.zeros(B, bool)
    for t, b in np.argwhere(MASK):
        p = 1 / (1 + np.exp(-OUTPUTS[t, b]))
        expected.append(-sum(np.log(p[k]) if targets[t, b, k] else np.log(1 - p[k]) for k in range(K)))
        ranked = np.argsort(-OUTPUTS[t, b])[: targets[t, b].sum()]
        wrong[b] |= set(ranked) != set(np.nonzero(targets[t, b])[0])
    batch = Batch(XS, targets, MASK)
    np.testing.assert_allclose(task.loss(OUTPUTS, batch), np.mean(expected), rtol=1e-12)
    assert np.array_equal(task.errors(OUTPUTS, batch), wrong)
    assert 0 < wrong.sum() < B


def test_numbers_cost_their_squared_error():
    task = tasks.adding()
    rng = np.random.default_rng(3)
    targets = np.where(MASK, rng.random((T, B)), 0)[..., None].astype(np.float32)
    outputs = targets + 0.2 * rng.normal(size=(T, B, 1))
    squares = np.where(MASK, (outputs - targets)[..., 0] ** 2, 0)
    batch = Batch(XS, targets, MASK)
    np.testing.assert_allclose(task.loss(outputs, batch), squares.sum() / MASK.sum(), rtol=1e-12)
    assert np.array_equal(task.errors(outputs, batch), squares.max(axis=0) > 0.04)
    assert 0 < np.sum(squares.max(axis=0) > 0.04) < B


@pytest.mark.parametrize(("error", "wrong"), [(0.199, False), (-0.199, False), (0.201, True), (-0.201, True)])
def test_a_number_may_be_off_by_a_fifth(error, wrong):
    for task in (tasks.adding(), tasks.adding("leading part")):
        batch = drawn(task, 3, 20)
        assert np.all(np.asarray(task.errors(batch.targets + np.float32(error), batch)) == wrong)


def right(task, batch):
    """Outputs without any error, nor a large loss."""
    if task.name == "adding":
        return batch.targets.astype(np.float64)
    chosen = batch.targets if batch.targets.ndim == 3 else np.eye(task.outputs, dtype=bool)[batch.targets]
    return np.where(chosen, 40.0, -40.0)


EACH = [
    tasks.temporal_order(),
    tasks.copy_memory(),
    tasks.adding(),
    tasks.warped(3),
    tasks.reber(),
    tasks.reber(continual=True),
    tasks.brackets(),
    tasks.vector_copy(4),
]


@pytest.mark.parametrize("task", EACH, ids=str)
def test_right_answers_solve_a_task_and_one_wrong_step_is_an_error(task):
    batch = drawn(task, 300, 20)
    outputs = right(task, batch)
    assert task.loss(outputs, batch) < 1e-6
    assert not np.any(task.errors(outputs, batch))
    assert task.solved(outputs, batch)
    step, row = np.argwhere(batch.mask)[100]
    outputs[step, row] = -outputs[step, row] + 1
    assert np.nonzero(task.errors(outputs, batch))[0].tolist() == [row]


@pytest.mark.parametrize("task", EACH, ids=str)
def test_the_share_of_errors_that_solves_a_task(task):
    """Fewer than 1 in 100; none where the sequences are texts of a grammar."""
    batch, grammar = drawn(task, 300, 20), task.name in ("reber", "brackets")
    outputs = right(task, batch)
    for wrong, solved in ((0, True), (1, not grammar), (2, not grammar), (3, False), (4, False)):
        outputs[:, :wrong] = np.nan
        assert np.sum(task.errors(outputs, batch)) == wrong
        assert bool(task.solved(outputs, batch)) == solved


def test_a_tie_is_an_error():
    for task in (tasks.temporal_order(), tasks.brackets()):
        batch = drawn(task, 5, 20)
        assert np.all(task.errors(np.zeros((*batch.mask.shape, task.outputs)), batch))


@pytest.mark.parametrize("shape", [(20, 3), (20, 3, 5), (19, 3, 4), (3, 20, 4), (1, 3, 4)])
def test_outputs_of_another_shape_are_refused(shape):
    task = tasks.temporal_order()
    batch = drawn(task, 3, 20)
    for function in (task.loss, task.errors, task.solved):
        with pytest.raises(ValueError, match=r"outputs must have the shape .* = \(20, 3, 4\)"):
            function(jnp.zeros(shape), batch)


def test_everything_runs_inside_a_program():
    task = tasks.temporal_order()

    @jax.jit
    def program(key):
        batch = task.sample(key, 4, 20)
        outputs = jnp.ones((20, 4, 4))
        return batch, task.loss(outputs, batch), task.errors(outputs, batch), task.solved(outputs, batch)

    batch, loss, errors, solved = program(jax.random.key(7))
    assert all(map(np.array_equal, batch, drawn(task, 4, 20, seed=7)))
    np.testing.assert_allclose(loss, np.log(4))
    assert np.all(errors)
    assert not solved
    several = jax.vmap(lambda key: task.sample(key, 4, 20).xs)(jax.random.split(jax.random.key(0), 3))
    assert several.shape == (3, 20, 4, 6)


def test_bits_cost_a_cross_entropy_each_and_have_a_sign():
    task = tasks.vector_copy(K)
    targets = MASK[..., None] & (np.random.default_rng(4).random((T, B, K)) < 0.5)
    expected, wrong = [], np.zeros(B, bool)
    for t, b in np.argwhere(MASK):
        p = 1 / (1 + np.exp(-OUTPUTS[t, b]))
        expected.append(-sum(np.log(p[k]) if targets[t, b, k] else np.log(1 - p[k]) for k in range(K)))
        wrong[b] |= np.any((p > 0.5) != targets[t, b])
    found = task.loss(OUTPUTS, Batch(XS, targets, MASK))
    np.testing.assert_allclose(found, np.mean(expected), rtol=1e-12)
    right = np.where(targets, 0.1, -0.1)
    right[:, :3] = OUTPUTS[:, :3]
    errors = task.errors(right, Batch(XS, targets, MASK))
    assert np.array_equal(errors, np.where(np.arange(B) < 3, wrong, False))
    assert errors.sum() > 0
