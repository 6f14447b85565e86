"""`temporal_order`: Ω beside a loop in numpy, initial weights, the sampler of many lengths, criteria, and a tiny run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from runs import finished, refused

from experiments import temporal_order
from experiments.common import solving
from experiments.common.experiment import Results
from experiments.common.networks import Network
from experiments.common.options import at_full_size
from experiments.common.solving import first_network, task_loss
from experiments.temporal_order import criteria, methods, trials
from experiments.temporal_order.figure import finding
from experiments.temporal_order.methods import CLIPPED, METHODS, REGULARIZED, SGD, TASK, WithOmega, make_setting, measure
from experiments.temporal_order.options import FULL, Config
from experiments.temporal_order.varied import varied
from recurrent import elman
from recurrent.cells import ElmanParams

pytestmark = [pytest.mark.xdist_group("temporal_order"), pytest.mark.usefixtures("users_numerics")]

TINY = ["--lengths", "10", "--hidden-size", "3", "--batch-size", "4", "--updates", "2", "--seeds", "2"]
TINY += ["--trials", "1", "--learning-rates", "0.1", "1", "--span", "10", "11", "--span-updates", "2"]


def test_a_run_leaves_its_table_and_figure(tmp_path, monkeypatch):
    """Ω is trained with, on one length; other methods and lengths have made-up errors, for each is a program to compile."""

    def solve(setting, seed, rate, updates, label, *, stop=True):
        if setting.objective != task_loss and setting.task == TASK:
            return solving.solve(setting, seed, rate, updates, label, stop=stop)
        net = first_network(setting, jax.random.key(seed))
        return solving.Course(np.array([updates]), np.array([rate]), np.array([0.625]), np.array([False]), net)

    def far(setting, length, *given):
        return errors(setting, length, *given) if length == 11 else length / 1000

    errors = trials._errors
    monkeypatch.setattr(trials, "solve", solve)
    monkeypatch.setattr(trials, "_errors", far)
    folder, rows, summary = finished(temporal_order.EXPERIMENT, TINY, tmp_path)
    assert [row["method"] for row in rows] == [*METHODS, *["10 to 11, model 1"] * 4]
    assert [row["length"] for row in rows[-4:]] == ["11", "22", "55", "110"]
    assert summary["checks"] == []
    assert [row["rate"] for row in rows[:2]] == ["0.1", "0.1"]  # the one with less loss
    assert rows[2]["rate"] in {"0.1", "1.0"}
    assert [float(row["errors"]) for row in rows[:2]] == [0.625, 0.625]
    assert [float(row["errors"]) for row in rows[-3:]] == [0.022, 0.055, 0.11]
    assert float(rows[-4]["errors"]) > 0.5
    with np.load(folder / "curves.npz") as curves:
        assert curves["omega/SGD-CR"].shape == curves["radius/untrained"].shape == (1, 2)
        assert curves["choice/SGD/10/losses"].shape == (2, 1)  # rates by networks
        assert all((curves[f"errors/{method}"] > 0.5).all() for method in METHODS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lengths", "20", "20"], "--lengths must increase from 10 or more"),
        (["--lengths", "9", "20"], "--lengths must increase from 10 or more"),
        (["--weight", "0"], "--weight must be positive and finite; got 0"),
        (["--weight", "nan"], "--weight must be"),
        (["--span", "50", "50"], "--span must be two lengths"),
        (["--span", "9", "50"], "--span must be two lengths"),
        (["--learning-rates", "0.1", "0.1"], "--learning-rates must be positive and differ"),
        (["--seeds", "0"], "--seeds must be at least 1; got 0"),
        (["--full", "--updates", "10"], "--updates has no effect with --full, which takes 5000000"),
        (["--init", "tanh"], "invalid choice"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(temporal_order.EXPERIMENT, options, tmp_path / "results", capsys)


CELL = elman(TASK.features, 4)


def network():
    keys = jax.random.split(jax.random.key(0), 5)
    shapes = ((6, 4), (4, 4), (4,), (4, 4), (4,))
    arrays = [0.6 * jax.random.normal(k, shape) for k, shape in zip(keys, shapes, strict=True)]
    return Network(ElmanParams(*arrays[:3]), *arrays[3:])


def by_hand(net, batch):
    """The loss, and the ratios ‖dL/dh_t · ∂h_t/∂h_{t-1}‖² / ‖dL/dh_t‖² where the gradient is not negligible, in float64."""
    (u, w, b), v, c = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), net)
    xs, words = np.asarray(batch.xs, np.float64), np.asarray(batch.targets[-1])
    hs = [np.zeros((xs.shape[1], 4))]
    for x in xs:
        hs.append(np.tanh(x @ u + hs[-1] @ w + b))
    logits = hs[-1] @ v + c
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    loss = -np.log(chances[np.arange(len(words)), words]).mean()
    gradient, ratios = (chances - np.eye(4)[words]) @ v.T / len(words), []
    for h in hs[:0:-1]:
        before = (gradient * (1 - h**2)) @ w.T
        size = (gradient**2).sum(axis=1)
        ratios.append(((before**2).sum(axis=1) / size)[size >= 1e-20])
        gradient = before
    return loss, np.concatenate(ratios)


@pytest.mark.parametrize("squared", [True, False])
def test_what_is_minimised_is_the_loss_plus_weighted_changes_of_the_gradients_norm(squared):
    batch = TASK.sample(jax.random.key(1), 5, 12)
    loss, ratios = by_hand(network(), batch)
    expected = loss + 3.0 * (((ratios if squared else np.sqrt(ratios)) - 1) ** 2).mean()
    assert float(WithOmega(3.0, squared, False)(CELL, TASK, network(), batch)) == pytest.approx(expected, rel=1e-4)


def test_the_readout_learns_from_omega_only_if_it_is_differentiated_exactly():
    batch = TASK.sample(jax.random.key(1), 5, 12)
    plain = jax.grad(task_loss, 2)(CELL, TASK, network(), batch)
    held, exact = (jax.grad(WithOmega(3.0, True, e), 2)(CELL, TASK, network(), batch) for e in (False, True))
    np.testing.assert_allclose(held.kernel, plain.kernel, rtol=1e-5, atol=1e-7)
    assert np.abs(exact.kernel - plain.kernel).max() > 1e-3
    assert np.abs(held.cell.recurrent_kernel - plain.cell.recurrent_kernel).max() > 1e-3


def test_what_is_measured_is_that_of_numpy():
    found = measure(CELL, 12, network(), jax.random.key(2))
    batch = TASK.sample(jax.random.key(2), methods.MEASURED, 12)
    _, ratios = by_hand(network(), batch)
    assert float(found.omega) == pytest.approx(((ratios - 1) ** 2).mean(), rel=1e-4)
    kernel = np.asarray(network().cell.recurrent_kernel)
    assert float(found.radius) == pytest.approx(np.abs(np.linalg.eigvals(kernel)).max(), rel=1e-4)
    moved = [network()._replace(bias=network().bias.at[0].add(step)) for step in (-0.01, 0.01)]
    low, high = (by_hand(net, batch)[0] for net in moved)
    gradient = jax.grad(task_loss, 2)(CELL, TASK, network(), batch)
    assert float(gradient.bias[0]) == pytest.approx((high - low) / 0.02, rel=1e-2)
    assert float(found.gradient) ** 2 == pytest.approx(
        sum((np.asarray(g) ** 2).sum() for g in jax.tree.leaves(gradient)), rel=1e-4
    )


def test_the_three_methods_differ_in_clipping_and_omega_alone():
    plain, clipped, regularized = (make_setting(Config(weight=2.0, form="plain", exact=True), m, 20, 250) for m in METHODS)
    assert (plain.descent.clip, clipped.descent.clip, regularized.descent.clip) == (None, 1.0, 1.0)
    assert plain.objective is clipped.objective is task_loss
    assert regularized.objective == WithOmega(2.0, squared=False, exact=True)
    assert make_setting(Config(), REGULARIZED, 20, 250).objective == WithOmega(4.0, squared=True, exact=False)
    same = {setting._replace(descent=plain.descent, objective=task_loss) for setting in (plain, clipped, regularized)}
    assert len(same) == 1


@pytest.mark.parametrize(("init", "deviation", "activation"), [("sigmoid", 0.01, "sigmoid"), ("basic_tanh", 0.1, "tanh")])
def test_weights_of_one_deviation(init, deviation, activation):
    setting = make_setting(Config(init=init, hidden_size=80), SGD, 20, 250)
    net = first_network(setting, jax.random.key(0))
    for kernel in (net.cell.input_kernel, net.cell.recurrent_kernel, net.kernel):
        assert np.std(kernel) == pytest.approx(deviation, rel=0.15)
    assert not any(np.any(bias) for bias in (net.cell.bias, net.bias))
    state = setting.cell.step(net.cell, jnp.zeros(80), jnp.zeros(6))[0]
    assert state[0] == (0.5 if activation == "sigmoid" else 0.0)


def test_smart_weights_are_few_and_of_spectral_radius_just_below_1():
    net = first_network(make_setting(Config(init="smart_tanh"), SGD, 20, 250), jax.random.key(0))
    kernel = np.asarray(net.cell.recurrent_kernel)
    assert ((kernel != 0).sum(axis=1) == 15).all()
    assert len(np.unique((kernel != 0).argmax(axis=1))) > 3
    assert np.abs(np.linalg.eigvals(kernel)).max() == pytest.approx(0.95, rel=1e-4)
    assert np.std(net.cell.input_kernel) == pytest.approx(0.01, rel=0.15)
    assert np.std(net.kernel) == pytest.approx(0.01, rel=0.15)


def test_sequences_of_many_lengths_are_those_of_the_task():
    assert varied(10) == varied(10) != varied(11)
    batch = varied(10).sample(jax.random.key(3), 3000, 23)
    mask, symbols = np.asarray(batch.mask), np.asarray(batch.xs).argmax(axis=-1)
    assert (mask.sum(axis=0) == 1).all()
    own = mask.argmax(axis=0) + 1
    assert set(own) == set(range(10, 24))
    seen = {length: set() for length in set(own)}
    for length, column, target in zip(own, symbols.T, np.asarray(batch.targets).max(axis=0), strict=True):
        first, second = np.flatnonzero(column < 2)
        seen[length].add((first, second))
        assert target == 2 * column[first] + column[second]
    for length, places in seen.items():
        tenth = length // 10
        assert places == {(tenth + i, length // 2 + j) for i in range(tenth) for j in range(tenth)}
    assert np.bincount(np.asarray(batch.targets).max(axis=0), minlength=4).min() > 600
    assert np.bincount(symbols.ravel())[2:].min() > 0.22 * symbols.size


def test_the_rate_is_the_one_that_solves_most_then_the_fastest_then_that_of_the_least_loss():
    solved = np.array([[1, 0], [1, 1], [1, 1], [0, 0]])
    updates = np.array([[1.0, 5.0], [4.0, 4.0], [4.0, 3.0], [5.0, 5.0]])
    losses = np.array([[0.1, 0.1], [0.1, 0.1], [0.9, 0.9], [0.0, 0.0]])
    assert trials.best(solved, updates, losses) == 2
    assert trials.best(solved, np.full((4, 2), 5.0), losses) == 1
    assert trials.best(np.zeros((2, 1)), np.ones((2, 1)), np.array([[np.nan], [2.0]])) == 1


def test_rates_are_chosen_on_other_seeds_than_networks_are_trained_with(monkeypatch):
    used = []

    def solve(setting, seed, rate, updates, label, *, stop=True):
        used.append((setting.lengths, seed, rate, stop))
        solved = np.array([rate == 0.2])
        return solving.Course(np.array([updates]), np.array([1.0]), 1.0 - solved, solved, network())

    monkeypatch.setattr(trials, "solve", solve)
    monkeypatch.setattr(trials, "measure", lambda *given: methods.Measured(*map(jnp.float32, (1.0, 2.0, 3.0))))
    config = Config(lengths=(20, 30, 40, 50), learning_rates=(0.1, 0.2, 0.3), seeds=3, trials=2)
    assert trials.choose(config, SGD, 30)["rate"] == 0.2
    chosen, used = used, []
    assert {lengths for lengths, *_ in chosen} == {(30,)}
    assert len(chosen) == 3 * 2
    trained = trials.train(config, SGD, 30, 0.2)
    assert trained["solved"].tolist() == [True] * 3
    monkeypatch.setattr(trials, "_errors", lambda setting, length, network, key: length / 1000)
    many = trials.many_lengths(config, 0.2)
    assert many["errors"].tolist() == [[0.05, 0.1, 0.25, 0.5]]
    assert used[-1][3] is False
    seeds = [{seed for _, seed, _, _ in some} for some in (chosen, used[:3], used[3:])]
    assert len(set.union(*seeds)) == sum(map(len, seeds)) == 2 + 3 + 1


def test_one_rate_is_not_chosen_by_training(monkeypatch):
    monkeypatch.setattr(trials, "solve", None)
    assert trials.choose(at_full_size(Config(full=True), FULL), SGD, 50) == {"rate": 0.01}


def results(solved=None, beyond=0.002):
    """Results that meet every criterion, but for the changes: how many of 8 succeed at four lengths, and errors far beyond."""
    counts = {SGD: (8, 4, 0, 0), CLIPPED: (8, 6, 4, 0), REGULARIZED: (8, 8, 8, 7)} | (solved or {})
    curves = {f"solved/{m}": np.array([[True] * n + [False] * (8 - n) for n in counts[m]]) for m in METHODS}
    many = {"factors": np.array([1, 2, 5, 10]), "errors": np.array([[0.0, 0.0, 0.3, beyond]]), "longest": np.array(50)}
    return Results([], {}, curves | {"lengths": np.array([20, 30, 40, 50])} | {f"many/{k}": v for k, v in many.items()})


MISSED = {
    "(1) SGD-CR minus SGD-C: share that succeed, least over lengths": {"solved": {REGULARIZED: (8, 5, 8, 8)}},
    "(1) SGD-C minus SGD: share that succeed, least over lengths": {"solved": {CLIPPED: (7, 8, 8, 7)}},
    "(2) SGD-CR minus SGD: share that succeed, length 50": {"solved": {REGULARIZED: (8, 8, 8, 6)}},
    "(3) many lengths: share of errors at 500, worst model": {"beyond": 0.009},  # 1 % is within its interval
}


def test_results_as_claimed_meet_every_criterion():
    checks = temporal_order.check(Config(), results())
    assert [check.name for check in checks] == list(MISSED)
    assert all(check.passed for check in checks)


@pytest.mark.parametrize("name", MISSED)
def test_a_result_that_breaks_one_criterion_misses_it_alone(name):
    checks = temporal_order.check(Config(), results(**MISSED[name]))
    assert [check.name for check in checks if not check.passed] == [name]


def test_the_worst_model_of_many_lengths_counts():
    found = results()
    found.curves["many/errors"] = np.array([[0.0, 0.0, 0.0, 0.001], [0.0, 0.0, 0.0, 0.5], [0.9, 0.9, 0.9, 0.0]])
    assert criteria.wrong_beyond(found).middle == 0.5


@pytest.mark.parametrize(
    ("options", "judged"),
    [
        ({"init": "sigmoid", "form": "plain", "exact": True, "seed": 7}, True),
        ({"weight": 2.0}, False),
        ({"full": True}, True),
        ({"lengths": (20, 30)}, False),
        ({"seeds": 4}, False),
        ({"updates": 100}, False),
    ],
)
def test_criteria_are_for_the_default_and_the_published_size(options, judged):
    assert bool(temporal_order.check(Config(**options), results())) is judged


def test_the_title_is_computed():
    text = finding(results())
    assert "On 50 steps, 7 of 8 networks succeed with clipping and Ω (surely more than with SGD), 0 with clipping" in text
    assert "0 with neither; this order holds at every length" in text
    assert "is kept at 10 times the longest: 0.2 % errors" in text
    text = finding(results({REGULARIZED: (8, 8, 8, 1), CLIPPED: (8, 2, 2, 2)}, beyond=0.5))
    assert "1 of 8" in text
    assert "(not surely more than with SGD)" in text
    assert "this order does not hold at every length" in text
    assert "is not kept at 10 times the longest: 50 % errors" in text
