"""`copy_memory`: what a course of losses counts as, its criteria on synthetic results, its networks, and a smoke run."""

import jax
import numpy as np
import pytest
from runs import finished, refused

from experiments import copy_memory
from experiments.common.experiment import Results
from experiments.common.networks import count
from experiments.common.solving import Course
from experiments.copy_memory.figure import finding
from experiments.copy_memory.networks import LSTM, NETWORKS, TASK, make_setting
from experiments.copy_memory.scores import best_share
from recurrent.wrappers import with_kernel

pytestmark = [pytest.mark.xdist_group("copy_memory"), pytest.mark.usefixtures("users_numerics")]

CONFIG = copy_memory.Config()
MAPS = [name for name, kind in NETWORKS.items() if kind.orthogonal]


def results(shares=None):
    """Results that meet every criterion, but for the changed last shares."""
    last = {LSTM: 0.97, "LSTM, chrono": 0.05, "tanh": 1.0} | dict.fromkeys(MAPS, 0.008) | (shares or {})
    curves = {"level": np.array(0.17), "length": np.array(100)}
    for name, share in last.items():
        for seed, factor in enumerate((0.95, 1.0, 1.0) if name != LSTM else (1.05, 1.0, 1.0)):
            curves[f"share/{name}/{seed}"] = np.array([3.0, 1.1, *[factor * share] * 4])
    return Results([], {}, curves)


MISSED = {
    f"(1) {LSTM}: best seed's share of the memoryless loss": {LSTM: 0.94},
    **{f"({i}) {name}: worst seed's share": {name: 0.0104} for i, name in enumerate(MAPS, 2)},
    "(5) LSTM, chrono: worst seed's share": {"LSTM, chrono": 0.102},
}


def test_results_as_claimed_meet_every_criterion():
    checks = copy_memory.check(CONFIG, results())
    assert [check.name for check in checks] == list(MISSED)
    assert all(check.passed for check in checks)
    assert not copy_memory.check(copy_memory.Config(length=20), results())


@pytest.mark.parametrize("name", MISSED)
def test_a_result_that_breaks_one_criterion_misses_it_alone(name):
    checks = copy_memory.check(CONFIG, results(MISSED[name]))
    assert [check.name for check in checks if not check.passed] == [name]


def test_the_best_four_tests_in_a_row_count():
    shares = np.array([1.0, 0.5, 0.1, 0.2, 0.3, 0.4, 0.0, 2.0])
    assert best_share(shares) == pytest.approx((0.2 + 0.3 + 0.4 + 0.0) / 4)
    assert best_share(np.array([0.4, 0.2])) == pytest.approx(0.3)
    assert best_share(np.array([np.nan] * 5)) == np.inf
    assert best_share(np.array([0.5] * 4 + [np.nan])) == 0.5


def test_losses_are_given_as_shares_of_the_level(monkeypatch):
    course = Course(np.array([250, 500]), np.array([2.0, 0.4]), np.zeros(2), np.zeros(2, bool), None)
    monkeypatch.setattr(copy_memory, "solve", lambda *given, **options: course)
    setting = make_setting(CONFIG, LSTM)
    np.testing.assert_allclose(copy_memory._train(setting, 0, 0.01, 500, "", level=0.5)["shares"], [4.0, 0.8])


def test_the_title_is_computed():
    text = finding(results())
    assert "exponential map (linear), exponential map (modReLU) and Cayley transform (linear) reached 1 %" in text
    assert "bias 1 got to 97 % at best, with chrono bias to 5 % at worst" in text
    assert "Across 100 blanks, no network reached 1 %" in finding(results(dict.fromkeys(MAPS, 0.5)))


def test_networks_are_of_the_sizes_that_the_docstring_says():
    sizes = {}
    for name in NETWORKS:
        setting = make_setting(CONFIG, name)
        sizes[name] = count(setting.cell, TASK.outputs, setting.hidden_size)
    assert sizes == {LSTM: 8529, "LSTM, chrono": 8529, "tanh": 5385} | dict.fromkeys(MAPS, 3305)


def test_maps_start_orthogonal_and_their_kernels_learn_at_a_tenth_of_the_rate():
    for name in MAPS:
        setting = make_setting(copy_memory.Config(hidden_size=6), name)
        (parametrization,) = setting.cell.recipe.positional[1:]
        params = setting.cell.init(jax.random.key(0))
        kernel = np.asarray(with_kernel(params, parametrization).recurrent_kernel)
        np.testing.assert_allclose(kernel.T @ kernel, np.eye(6), atol=1e-6)
        assert setting.descent.free == 0.1


def test_copy_memory_runs(tmp_path, monkeypatch):
    for name in ("tanh", "exponential map, modReLU", "Cayley transform, linear"):
        monkeypatch.delitem(NETWORKS, name)
    options = ["--length", "10", "--hidden-size", "4", "--lstm-size", "3", "--batch-size", "4", "--seeds", "1"]
    options += ["--updates", "250", "--chrono-updates", "250", "--learning-rates", "0.001"]
    folder, rows, summary = finished(copy_memory.EXPERIMENT, options, tmp_path)
    assert [row["network"] for row in rows] == list(NETWORKS)
    assert summary["memoryless loss, 10 ln 8 / (T + 20)"] == pytest.approx(10 * np.log(8) / 30)
    with np.load(folder / "curves.npz") as curves:
        for name in NETWORKS:
            shares = curves[f"share/{name}/0"]
            assert shares.shape == (1,)
            assert 0.5 < shares[0] < 3.5  # as a share of the level, not in nats


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--hidden-size", "5"], "--hidden-size must be even, two units for each angle; got 5"),
        (["--learning-rates", "0.1", "0.1"], "--learning-rates must be positive and differ"),
        (["--orthogonal-rate", "0"], "--orthogonal-rate must be positive; got 0"),
        (["--orthogonal-rate", "nan"], "--orthogonal-rate must be"),
        (["--seeds", "0"], "--seeds must be at least 1"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(copy_memory.EXPERIMENT, options, tmp_path / "results", capsys)
