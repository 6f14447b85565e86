"""`neural_turing`: what a sequence costs, how a rate is chosen and a training ends, its criteria, and a smoke run."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from runs import finished, refused

from experiments import neural_turing
from experiments.common.experiment import Results
from experiments.common.networks import count
from experiments.common.options import at_full_size
from experiments.common.solving import CHOICE, Course, first_network, own_key
from experiments.neural_turing import costs
from experiments.neural_turing.costs import bits_at, lengths, padded
from experiments.neural_turing.figure import LEARNED, finding, shown
from experiments.neural_turing.networks import LSTM, MACHINE, NETWORKS, make_setting, updates
from recurrent import tasks

pytestmark = [pytest.mark.xdist_group("neural_turing"), pytest.mark.usefixtures("users_numerics")]

CONFIG = neural_turing.Config()
RATES = CONFIG.learning_rates


def test_networks_are_of_the_sizes_that_the_docstring_says():
    def sizes(config):
        settings = {name: make_setting(config, name) for name in NETWORKS}
        return {name: count(one.cell, config.bits, one.hidden_size) for name, one in settings.items()}

    assert sizes(CONFIG) == {MACHINE: 11396, LSTM: 71688}
    assert sizes(at_full_size(neural_turing.Config(full=True), neural_turing.FULL)) == {MACHINE: 62260, LSTM: 1325064}


def test_lengths_reach_from_1_to_four_times_the_longest():
    for longest in (1, 3, 8, 20):
        found = lengths(longest).tolist()
        assert found == sorted(set(found))
        assert {1, longest, 2 * longest, 4 * longest} <= set(found)
        assert (found[0], found[-1]) == (1, 4 * longest)


def test_bits_of_a_sequence_are_those_of_its_steps(monkeypatch):
    """A logit of 2 for every bit, whatever is read: right where a bit is 1, and too many steps count for nothing."""
    monkeypatch.setattr(
        costs, "outputs_of", lambda cell, network, batch: 2 + network * batch.mask.astype(float)[..., None] * jnp.ones(3)
    )
    found = bits_at("any cell", jnp.zeros(()), 3, np.array([1, 2, 5]), jax.random.key(0))
    mean = 0.5 * (np.logaddexp(0, -2) + np.logaddexp(0, 2)) / np.log(2)
    np.testing.assert_allclose(found["cost"], 3 * mean * np.array([1, 2, 5]), rtol=0.05)
    np.testing.assert_allclose(found["wrong"], 1 - 0.5 ** (3 * np.array([1, 2, 5])), atol=0.05)


def test_steps_behind_a_sequence_change_nothing():
    task = tasks.vector_copy(3, fewest=None)
    batch = task.sample(jax.random.key(0), 4, 2)
    longer = padded(batch, 9)
    assert [leaf.shape[0] for leaf in longer] == [9, 9, 9]
    assert not any(leaf[5:].any() for leaf in longer)
    outputs = jax.random.normal(jax.random.key(1), (9, 4, 3))
    np.testing.assert_allclose(task.loss(outputs, longer), task.loss(outputs[:5], batch), rtol=1e-6)


def course_of(loss, updates):
    return Course(np.array([updates]), np.array([loss]), np.zeros(1), np.zeros(1, bool), None)


@pytest.mark.parametrize(
    ("losses", "rate"),
    [
        (((0.5, 0.5), (0.1, 0.3), (0.2, 0.1), (0.6, 0.7)), 0.03),
        (((0.3, 0.3), (np.nan, 0.001), (0.2, 0.001), (0.001, 2.0)), 0.03),
    ],
)
def test_the_rate_is_chosen_by_two_networks_on_seeds_that_are_not_reported(losses, rate, monkeypatch):
    seen = []

    def solve(setting, seed, rate, most, label, *, stop):
        seen.append((rate, seed, most, stop))
        return course_of(losses[RATES.index(rate)][seed - CHOICE - 3], most)

    monkeypatch.setattr(neural_turing, "solve", solve)
    found = neural_turing.choose(neural_turing.Config(seed=3), MACHINE)
    assert found["rate"] == rate
    np.testing.assert_array_equal(found["losses"], losses)
    assert seen == [(rate, 3 + CHOICE + i, 1500, False) for rate in RATES for i in (0, 1)]


def test_rates_fall_over_the_updates_of_each_network():
    for name, most in ((MACHINE, 1500), (LSTM, 3000)):
        assert updates(CONFIG, name) == make_setting(CONFIG, name).descent.falls_over == most


def test_fresh_sequences_are_reported(monkeypatch):
    keys = []
    monkeypatch.setattr(neural_turing, "solve", lambda *given, **options: course_of(0.5, 250))
    monkeypatch.setattr(neural_turing, "bits_at", lambda cell, network, bits, of, key: keys.append((bits, *of, key)) or {})
    found = neural_turing.train(neural_turing.Config(longest=2, slots=9), LSTM, 0.01, 7)
    assert set(found) == {"updates", "losses"}
    ((bits, *of, key),) = keys
    assert (bits, of) == (8, [1, 2, 3, 4, 5, 6, 7, 8])
    assert key == own_key(7)


COSTS = {MACHINE: (0.5, 6.0, 15.0), LSTM: (5.0, 150.0, 600.0)}


def results(changes=None, done=()):
    """Results that meet every criterion, but for the changed costs at once, twice and four times the trained length."""
    curves = {"lengths": np.array([1, 8, 16, 32]), "bits": np.array(8), "longest": np.array(8)}
    for name, cost in (COSTS | (changes or {})).items():
        for i, factor in enumerate((0.9, 0.95, 1.0, 1.05, 1.1)):
            curves[f"cost/{name}/{i}"] = np.array([0.0, *cost]) * factor
            curves[f"losses/{name}/{i}"] = np.array([1.0, LEARNED / 2 if i in done else 0.5])
    return Results([], {}, curves)


MISSED = {
    "(1) machine: bits per sequence at the longest trained length": {MACHINE: (0.95, 6.0, 15.0)},  # not for sure
    "(2) machine: bits per sequence at 2 times it": {MACHINE: (0.5, 12.4, 15.0)},
    "(3) machine: bits per sequence at 4 times it": {MACHINE: (0.5, 6.0, 25.0)},
    "(4) LSTM minus machine at 2 times it": {LSTM: (5.0, 6.0, 600.0)},  # exactly equal
    "(5) LSTM minus machine at 4 times it": {LSTM: (5.0, 150.0, 15.0)},
}


def test_results_as_claimed_meet_every_criterion():
    for config in (CONFIG, neural_turing.Config(seed=3), neural_turing.Config(full=True)):
        checks = neural_turing.check(config, results())
        assert [check.name for check in checks] == list(MISSED)
        assert all(check.passed for check in checks)
    assert not neural_turing.check(neural_turing.Config(updates=250), results())


@pytest.mark.parametrize("name", MISSED)
def test_a_result_that_breaks_one_criterion_misses_it_alone(name):
    checks = neural_turing.check(CONFIG, results(MISSED[name]))
    assert [check.name for check in checks if not check.passed] == [name]


def test_the_title_is_computed():
    one_fails = results()
    one_fails.curves[f"cost/{MACHINE}/4"] *= 100
    text = finding(one_fails)
    assert "the median machine pays 0.5, 6 and 15 bits for 8, 16 and 32 of them, the median LSTM 5, 150 and 600" in text
    assert "guessing costs 64, 128 and 256" in text


def test_the_first_machine_that_learned_is_shown():
    assert [shown(results(done=done)) for done in ((), (2, 3), (0,))] == [0, 2, 0]


def test_neural_turing_runs(tmp_path, monkeypatch):
    """Networks are measured as they are drawn: nothing is trained."""

    drawn = functools.cache(lambda setting: first_network(setting, jax.random.key(0)))
    course = lambda setting, *given, **options: course_of(0.5, 250)._replace(network=drawn(setting))  # noqa: E731
    monkeypatch.setattr(neural_turing, "solve", course)
    monkeypatch.setattr(neural_turing, "lengths", lambda longest: np.array([1, 2, 4]))
    monkeypatch.setattr(costs, "MEASURED", 5)
    options = ["--bits", "2", "--longest", "1", "--slots", "5", "--width", "2", "--hidden-size", "3", "--lstm-size", "3"]
    folder, rows, summary = finished(neural_turing.EXPERIMENT, [*options, "--seeds", "2"], tmp_path)
    assert [(row["network"], row["length"], row["bits to guess"]) for row in rows] == [
        (name, str(n), str(2 * n)) for name in NETWORKS for n in (1, 2, 4)
    ]
    assert summary["checks"] == []
    with np.load(folder / "curves.npz") as curves:
        for row in rows:
            found = [curves[f"cost/{row['network']}/{i}"][int(row["length"]) // 2] for i in (0, 1)]
            assert float(row["bits per sequence"]) == pytest.approx(np.mean(found))
            assert float(row["worst seed"]) == pytest.approx(np.max(found))
        weights = curves[f"write_weights/{MACHINE}/1"]
        assert weights.shape == (5, 5)
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--slots", "32"], "so that sequences of that length find room; got 32 for 8: try 40"),
        (["--longest", "0"], "--longest must be at least 1; got 0"),
        (["--full", "--slots", "90"], "--slots has no effect with --full, which takes 128"),
        (["--learning-rates", "0"], "--learning-rates must be positive and differ"),
        (["--seeds", "0"], "--seeds must be at least 1; got 0"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(neural_turing.EXPERIMENT, options, tmp_path / "results", capsys)
