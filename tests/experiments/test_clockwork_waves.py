"""`clockwork`: its targets and networks, its criteria on synthetic results, what it refuses, and a smoke run."""

import jax
import numpy as np
import pytest
from runs import finished, refused

from experiments import clockwork
from experiments.clockwork import networks
from experiments.clockwork.figure import finding
from experiments.clockwork.networks import NETWORKS, answer, draw_targets
from experiments.common.experiment import Results
from experiments.common.networks import draw

pytestmark = [pytest.mark.xdist_group("clockwork_waves"), pytest.mark.usefixtures("users_numerics")]

CONFIG = clockwork.Config()
SPREAD = np.array([0.9, 0.95, 1.0, 1.05, 1.1])


def results(**factors):
    """Results that meet both criteria, but for the factors of the clockwork network's errors."""
    curves = {"periods": np.array(CONFIG.periods)}
    for which in ("published", "chosen"):
        noise = np.array([1.05, 1.0, 0.95, 1.0, 1.0])
        curves[f"error/{which}/clockwork"] = 0.2 * SPREAD * noise * factors.get(which, 1.0)
        curves[f"error/{which}/tanh"] = 0.5 * SPREAD
        curves[f"error/{which}/LSTM"] = 0.3 * SPREAD
    return Results([], {}, curves)


MISSED = {
    "(1) error at the published rate, clockwork / tanh": {"published": 1.22},  # 0.49 on average, not for sure below 0.5
    "(2) error at the chosen rates, clockwork / tanh": {"chosen": 1.3},
}


def test_results_as_claimed_meet_both_criteria():
    checks = clockwork.check(CONFIG, results())
    assert [check.name for check in checks] == list(MISSED)
    assert all(check.passed for check in checks)


@pytest.mark.parametrize("name", MISSED)
def test_a_result_that_breaks_one_criterion_misses_it_alone(name):
    checks = clockwork.check(CONFIG, results(**MISSED[name]))
    assert [check.name for check in checks if not check.passed] == [name]


def test_the_ratio_is_taken_target_by_target():
    found = clockwork.ratio(results(), "published", "tanh")
    assert found.middle == pytest.approx(0.4 * (1.05 * 0.95) ** 0.2)
    assert clockwork.ratio(results(), "published", "LSTM").middle > found.middle
    same = results()
    same.curves["error/published/tanh"] = np.array([0.1, 0.5, 0.9, 0.2, 0.3])
    same.curves["error/published/clockwork"] = 0.4 * same.curves["error/published/tanh"]
    np.testing.assert_allclose(clockwork.ratio(same, "published", "tanh"), 0.4)  # so that nothing is left open


def test_targets_hold_the_periods_and_nothing_else():
    targets = draw_targets(CONFIG, 3, 4)
    np.testing.assert_allclose(np.mean(targets**2, axis=1), 1, rtol=1e-5)
    power = np.abs(np.fft.rfft(targets, axis=1)) ** 2
    loud = power > 1e-6 * power.max()
    np.testing.assert_array_equal(np.flatnonzero(loud[0]), sorted(320 // np.array(CONFIG.periods)))
    assert (loud == loud[0]).all()
    assert np.abs(targets[0] - targets[1]).max() > 0.1
    np.testing.assert_array_equal(targets, draw_targets(CONFIG, 3, 4))


def test_networks_are_of_the_sizes_that_the_docstring_says():
    assert {name: kind.parameters for name, kind in NETWORKS.items()} == {"clockwork": 2497, "tanh": 2449, "LSTM": 2521}


def test_slow_groups_stand_still_between_their_ticks():
    cell, units = NETWORKS["clockwork"]
    network = draw(cell, jax.random.key(0), 1, units)
    only_slowest = network._replace(kernel=network.kernel.at[:-8].set(0))
    said = np.asarray(answer(cell, only_slowest, 300))
    (changes,) = np.nonzero(np.diff(said))
    np.testing.assert_array_equal(changes + 1, [128, 256])


def test_the_title_is_computed():
    text = finding(results(chosen=2.0))
    assert "of 4 periods: 0.2 against 0.5 at the published rate and 0.4 against 0.5 at chosen rates" in text


def train_the_clockwork_alone(config, name, rate, targets):
    """The other networks have made-up errors and say nothing, each being a program to compile."""
    if name == "clockwork":
        return networks.train_all(config, name, rate, targets)
    errors = (0.5 if name == "tanh" else 2.0) * np.arange(1, 1 + len(targets))
    return networks.Course(np.tile(errors[:, None], config.updates), np.zeros(config.steps))


def test_clockwork_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(clockwork, "train_all", train_the_clockwork_alone)
    monkeypatch.setattr(clockwork, "CHOOSING", 3)  # as many as are trained, for which a program is there
    options = ["--steps", "16", "--periods", "4", "8", "--updates", "4", "--seeds", "3", "--learning-rates", "0.02"]
    folder, rows, summary = finished(clockwork.EXPERIMENT, options, tmp_path)
    assert [(row["network"], row["rate"]) for row in rows] == [(n, r) for n in NETWORKS for r in ("0.02", "0.02")]
    assert summary["clockwork / tanh, chosen rate"][1] > 0
    assert [float(row["error"]) for row in rows[2:]] == [1.0, 1.0, 4.0, 4.0]
    with np.load(folder / "curves.npz") as curves:
        assert curves["error/chosen/clockwork"].shape == (3,)
        np.testing.assert_array_equal(curves["error/chosen/tanh"], [0.5, 1.0, 1.5])
        assert curves["answer/chosen/clockwork"].shape == (16,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--periods", "1", "8"], "--periods must be 2 steps or more"),
        (["--periods", "8", "400"], "--periods must fit into the 320 steps"),
        (["--rate", "0"], "--rate must be positive"),
        (["--learning-rates", "-1"], "--learning-rates must be positive and differ"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(clockwork.EXPERIMENT, options, tmp_path / "results", capsys)
