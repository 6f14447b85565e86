"""What all tasks have in common, and their levels against the best answers on a sample."""

import pickle

import jax
import numpy as np
import pytest
from samples import drawn

from recurrent import tasks

CLASSES = [
    (tasks.temporal_order(), 20),
    (tasks.temporal_order(3), 10),
    (tasks.copy_memory(copied=2), 3),
    (tasks.copy_memory(3, copied=2), 4),
    (tasks.memorization(), 6),
    (tasks.memorization(2, symbols=5), 1),
    (tasks.delayed_recall(), 7),
    (tasks.delayed_recall(3, place="anywhere", shortest_lag=2), 9),
    (tasks.warped(3), 8),
    (tasks.warped(3, "uniform warping", characters=4), 8),
    (tasks.warped(3, "uniform padding"), 8),
    (tasks.warped(3, "variable padding", characters=4), 12),
    (tasks.delayed_xor(2), 9),
    (tasks.parity(), 5),
    (tasks.permutations(), 5),
    (tasks.permutations(4, factors="transpositions"), 6),
]
SETS = [
    (tasks.reber(), 12),
    (tasks.reber(continual=True), 15),
    (tasks.reber(embedded=False), 8),
    (tasks.reber(continual=True, embedded=False), 9),
    (tasks.brackets(), 9),
    (tasks.brackets(3, 1), 4),
    (tasks.brackets(1, 4), 9),
    (tasks.vector_copy(2), 3),
    (tasks.vector_copy(3, fewest=None), 2),
]
NUMBERS = [(tasks.adding(), 5), (tasks.adding("leading part"), 10)]
ALL = CLASSES + SETS + NUMBERS
EACH = {"argvalues": ALL, "ids": [str(task) for task, _ in ALL]}
MANY = 20_000


@pytest.mark.parametrize(("task", "length"), **EACH)
class TestEveryTask:
    def test_batches_have_the_promised_shapes(self, task, length):
        batch = drawn(task, MANY, length)
        steps = len(batch.xs)
        assert steps == length or "copy" in task.name or "memorization" in task.name
        assert (batch.xs.shape, batch.xs.dtype) == ((steps, MANY, task.features), np.float32)
        assert (batch.mask.shape, batch.mask.dtype) == ((steps, MANY), bool)
        assert np.all(batch.mask.any(axis=0)), "a sequence in which nothing counts"
        assert not np.any(batch.targets[~batch.mask])
        of_classes = {task for task, _ in CLASSES}
        kind = np.int32 if task in of_classes else np.float32 if task.name == "adding" else bool
        assert batch.targets.dtype == kind
        assert batch.targets.shape == ((steps, MANY) if kind is np.int32 else (steps, MANY, task.outputs))
        assert kind is not np.int32 or set(np.unique(batch.targets[batch.mask])) == set(range(task.outputs))

    def test_a_key_gives_one_batch(self, task, length):
        one = drawn(task, MANY, length)
        same, other = (task.sample(jax.random.key(seed), MANY, length) for seed in (0, 1))
        assert all(map(np.array_equal, one, same))
        assert not np.array_equal(one.xs, other.xs)
        assert not np.array_equal(one.xs[:, :10], one.xs[:, 10:20])

    def test_it_is_the_call_that_made_it(self, task, length):
        again = pickle.loads(pickle.dumps(task))
        assert again == task == eval(f"tasks.{task!r}")
        assert hash(again) == hash(task)


@pytest.mark.parametrize("task", [tasks.temporal_order(), tasks.delayed_recall(3), tasks.reber(), tasks.adding()], ids=str)
def test_steps_that_do_not_count_may_be_nan(task):
    batch = drawn(task, 40, 12)
    outputs = np.random.default_rng(0).normal(size=(*batch.mask.shape, task.outputs))
    spoilt = np.where(batch.mask[..., None], outputs, np.nan)
    compare = jax.jit(lambda outputs: (*jax.value_and_grad(task.loss)(outputs, batch), task.errors(outputs, batch)))
    loss, gradient, errors = compare(outputs)
    assert loss.dtype == np.float64
    assert np.array_equal(np.any(gradient, axis=-1), batch.mask)
    assert all(map(np.array_equal, compare(spoilt), (loss, gradient, errors)))
    t, row = np.argwhere(batch.mask)[-1]
    spoilt[t, row] = np.nan
    assert np.isnan(compare(spoilt)[0])


@pytest.mark.parametrize("task", {task.name: task for task, _ in ALL}.values(), ids=str)
def test_the_shortest_length_is_the_least_that_works(task):
    batch = task.sample(jax.random.key(0), 3, task.shortest)
    assert np.all(np.any(batch.mask, axis=0))
    for call in (lambda n: task.sample(jax.random.key(0), 3, n), task.chance, task.memoryless):
        with pytest.raises(ValueError, match=f"{task.name}: length must be .*; got {task.shortest - 1}"):
            call(task.shortest - 1)


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"batch": 2.0}, {"length": 20.0}, {"length": True}, {"length": np.nan}])
def test_sizes_of_samples_are_positive_integers(wrong):
    with pytest.raises(ValueError, match=f"temporal_order: {next(iter(wrong))} must be a positive integer"):
        tasks.temporal_order().sample(jax.random.key(0), **({"batch": 2, "length": 20} | wrong))


WRONG = {
    "relevant must be 2 or 3; got 4": lambda: tasks.temporal_order(4),
    "relevant must be 2 or 3; got nan": lambda: tasks.temporal_order(np.nan),
    "copy_memory: symbols must be a positive": lambda: tasks.copy_memory(0),
    "copy_memory: copied must be a positive": lambda: tasks.copy_memory(copied=2.5),
    "memorization: bits must be a positive": lambda: tasks.memorization(-1),
    "memorization: symbols must be a positive": lambda: tasks.memorization(symbols=np.nan),
    'form must be "one per half" or "leading part"; got \'mean\'': lambda: tasks.adding("mean"),
    "delayed_recall: symbols must be a positive": lambda: tasks.delayed_recall(0),
    "delayed_recall: shortest_lag must be a positive": lambda: tasks.delayed_recall(shortest_lag=0),
    'place must be "start" or "anywhere"': lambda: tasks.delayed_recall(place="end"),
    "warped: warp must be a positive": lambda: tasks.warped(0),
    'form must be "uniform warping", ': lambda: tasks.warped(2, "padded"),
    "warped: characters must be at least 3, .*; got 2": lambda: tasks.warped(2, characters=2),
    "delayed_xor: delay must be a positive": lambda: tasks.delayed_xor(0),
    "elements must be 3, 4 or 5; got 2": lambda: tasks.permutations(2),
    'factors must be "all" or "transpositions"': lambda: tasks.permutations(factors="cycles"),
    "continual must be True or False; got 1": lambda: tasks.reber(continual=1),
    "embedded must be True or False; got nan": lambda: tasks.reber(embedded=np.nan),
    "vector_copy: bits must be a positive": lambda: tasks.vector_copy(0),
    "vector_copy: fewest must be a positive": lambda: tasks.vector_copy(fewest=0),
    "brackets: kinds must be a positive": lambda: tasks.brackets(0),
    "brackets: depth must be a positive": lambda: tasks.brackets(2, 0),
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_options_are_refused(message):
    with pytest.raises(ValueError, match=message):
        WRONG[message]()


def in_cells(batch, seen):
    """A number for each counted step, the same where the best answer sees the same."""
    steps, _ = np.nonzero(batch.mask)
    inputs = batch.xs[batch.mask] @ 2 ** np.arange(batch.xs.shape[-1])
    return np.unique(steps + len(batch.xs) * inputs if seen == "t and x_t" else 0 * steps, return_inverse=True)[1]


def best_loss(task, batch, seen):
    """The loss of the best answer to a half of the sample on the other half, with its standard error and the cells it fills."""
    targets = batch.targets[batch.mask]
    if targets.ndim == 1:
        targets = np.eye(task.outputs, dtype=bool)[targets]
    rows, cells = np.nonzero(batch.mask)[1], in_cells(batch, seen)
    fit, size = rows < MANY // 2, cells.max() + 1
    sums = np.stack([np.bincount(cells[fit], allowed[fit], size) for allowed in targets.T], axis=-1)
    counts = np.bincount(cells[fit], minlength=size)[:, None]
    # half a case for every answer, so that none is ruled out by chance
    shares = (sums + 0.5) / (counts + 0.5 * (task.outputs if batch.targets.ndim == 2 else 2))
    probability = np.where(targets, shares[cells], 1 - shares[cells] if batch.targets.ndim == 3 else 1)
    per_step = -np.log(probability).sum(axis=-1)
    losses = np.bincount(rows[~fit] - MANY // 2, per_step[~fit])
    steps = np.bincount(rows[~fit] - MANY // 2)
    mean = losses.sum() / steps.sum()
    outputs = np.zeros((*batch.mask.shape, task.outputs))
    outputs[batch.mask] = np.log(shares[cells]) - (np.log(1 - shares[cells]) if batch.targets.ndim == 3 else 0)
    np.testing.assert_allclose(task.loss(outputs[:, MANY // 2 :], jax.tree.map(lambda a: a[:, MANY // 2 :], batch)), mean)
    # what is fitted costs half a nat per free number and case, on average
    fitted = size * task.outputs / fit.sum()
    return mean, np.sqrt(np.sum((losses - mean * steps) ** 2)) / steps.sum(), fitted


@pytest.mark.parametrize(("task", "length"), CLASSES + SETS, ids=[str(task) for task, _ in CLASSES + SETS])
def test_levels_are_those_of_the_best_answers(task, length):
    batch = drawn(task, MANY, length)
    for seen, level in (("nothing", task.chance(length)), ("t and x_t", task.memoryless(length))):
        mean, error, fitted = best_loss(task, batch, seen)
        assert -5 * error - 1e-9 <= mean - level <= 5 * error + 2 * fitted, seen
        assert 5 * error + 2 * fitted < 0.05 * max(level, 0.1), "too coarse to tell"
    assert task.memoryless(length) <= task.chance(length)


@pytest.mark.parametrize(("task", "length"), [*NUMBERS, (tasks.adding(), 6), (tasks.adding(), 2)])
def test_levels_of_numbers_are_those_of_the_best_polynomials(task, length):
    batch = drawn(task, MANY, length)
    number, marker = batch.xs[-1].T.astype(np.float64)
    target = batch.targets[-1, :, 0].astype(np.float64)
    powers = number[:, None] ** np.arange(3)
    for level, seen in (
        (task.chance(length), powers[:, :1]),
        (task.memoryless(length), np.hstack([powers, powers * marker[:, None]])),
    ):
        weights = np.linalg.lstsq(seen[: MANY // 2], target[: MANY // 2])[0]
        squares = (seen @ weights - target)[MANY // 2 :] ** 2
        assert abs(squares.mean() - level) <= 4 * squares.std() / np.sqrt(MANY // 2) <= 0.05 * level
