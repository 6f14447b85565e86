"""The experiment of evaluation in parallel over time: a tiny run, what it counts, its speedups, and its criteria."""

import jax
import numpy as np
import pytest
from runs import finished, refused

from experiments import parallel
from experiments.common.experiment import Results
from experiments.parallel import METHODS, TRAINING, Config, speedups
from recurrent import unroll, unroll_parallel
from recurrent.initializers import with_spectral_radius

pytestmark = [pytest.mark.xdist_group("parallel"), pytest.mark.usefixtures("users_numerics")]


@pytest.mark.slow
def test_the_experiment_leaves_its_table_and_figure(tmp_path):
    options = ["--hidden-size", "4", "--radii", "0.5", "4", "--lengths", "8", "--long-length", "16", "--max-iterations", "5"]
    _, rows, summary = finished(parallel.EXPERIMENT, options, tmp_path)
    assert list(rows[0])[:4] == ["radius", "exponent", "T", "deer"]
    assert len(rows) == 2
    assert summary["checks"] == []


def test_a_long_run_that_no_radius_would_take_is_refused(tmp_path, capsys):
    options = ["--radii", "1.5", "2", "--long-length", "16"]
    assert "--long-length has no effect" in refused(parallel.EXPERIMENT, options, tmp_path / "results", capsys)
    assert Config(radii=(1.5, 2.0)).long_length == 4096


@pytest.mark.parametrize("method", METHODS)
def test_iterations_and_deviations_are_those_of_the_method_beside_the_loop(method):
    config = Config(hidden_size=4, max_iterations=3)
    found = parallel.count_iterations(config, method, 12, (0.5, 4.0))
    assert not found["converged"].all()
    for i, radius in enumerate((0.5, 4.0)):
        cell, params, xs = parallel.network(config, radius, 12)
        _, ys, convergence = unroll_parallel(cell, params, xs, method=method, max_iterations=3)
        assert found["iterations"][i] == convergence.iterations
        assert found["converged"][i] == convergence.converged
        np.testing.assert_allclose(found["deviation"][i], np.abs(ys - unroll(cell, params, xs)[1]).max(), atol=1e-6)
    assert found["deviation"][1] > 0.01


def test_newton_and_its_diagonal_form_take_different_numbers_of_iterations():
    config = Config(hidden_size=4)
    deer, quasi = (parallel.count_iterations(config, method, 12, (0.9,))["iterations"][0] for method in ("deer", "quasi_deer"))
    assert deer < quasi


def test_the_fallback_rescues_the_network_of_the_largest_radius():
    found = parallel.rescue(Config(hidden_size=8, radii=(0.1, 6.0), lengths=(8, 64)))
    assert found["flagged"]
    assert found["rescued"] < 1e-5


def test_a_random_matrix_beyond_the_transition_has_a_positive_exponent():
    found = parallel.measure_exponents(Config(hidden_size=16, radii=(0.5, 8.0)))["exponent"]
    assert found[0] < 0 < found[1]


def test_speedups_are_ratios_of_times_and_nan_where_nothing_converged(monkeypatch):
    assert set(speedups.SETTINGS) < set(speedups.TARGETS)
    monkeypatch.setattr(speedups, "best_of_three", lambda run, params, xs: float(len(xs)))
    monkeypatch.setattr(speedups, "SETTINGS", dict.fromkeys(speedups.SETTINGS, (2, 9)))
    found = list(speedups.measure_speedups().values())
    np.testing.assert_array_equal(found, [1, 1, 8])
    monkeypatch.setattr(speedups, "with_spectral_radius", lambda radius: with_spectral_radius(30.0))
    assert np.isnan(speedups.loop_over_deer(8, 400))


TAME, CHAOTIC = 0, -1


def made() -> Results:
    """Two networks that forget, four between, and two chaotic ones."""
    config = Config()
    curves = {"radii": np.asarray(config.radii), "exponent": np.array([-1.0, -0.5, -0.3, -0.2, -0.1, -0.05, 0.2, 0.3])}
    for method in METHODS:
        for length in config.lengths:
            slow = method != "deer"
            curves[f"{method}/{length}/iterations"] = np.array([30 if slow else 4] * 2 + [60] * 6)
            curves[f"{method}/{length}/converged"] = np.array([True] * 2 + [False] * 6)
            curves[f"{method}/{length}/deviation"] = np.array([1e-6] * 2 + [1.0] * 6)
    curves |= {"long/iterations": np.array([5, 5]), "long/deviation": np.array([1e-6, 1e-6])}
    curves |= {"flagged": np.asarray(True), "rescued": np.asarray(0.0), "depth": np.arange(63, 120, 9)}
    summary = {name: target * (0.9 if name == TRAINING else 1.1) for name, target in speedups.TARGETS.items()}
    return Results([], summary, curves)


def to(key, value, at=None):
    def change(results):
        if at is None:
            results.curves[key] = np.asarray(value)
        else:
            results.curves[key][at] = value

    return change


DEER = "iterations of deer at radius <= 0.9, T up to 4,096"
NEAR = "largest deviation from the loop there, where converged"
BREAKS = [
    (DEER, to("deer/256/iterations", 11, TAME)),
    (DEER, to("long/iterations", 11, 1)),
    (NEAR, to("elk/64/deviation", 2e-5, 1)),
    (NEAR, to("long/deviation", 2e-5, 0)),
    ("iterations of deer there, T = 1,024, or the limit", to("deer/1024/iterations", 49, CHAOTIC)),
    ("the most chaotic network is flagged", to("flagged", False)),
    ("its deviation with the fallback", to("rescued", np.nan)),
    ("spread of the depth gained per doubling of T", to("depth", 64, 0)),
]


def missed(results, **options):
    return [one.name for one in parallel.check(Config(**options), results) if not one.passed]


def test_results_that_show_the_claim_pass():
    assert len(parallel.check(Config(), made())) == 7
    assert len(parallel.check(Config(speedups=True), made())) == 10
    assert missed(made(), speedups=True) == []


@pytest.mark.parametrize(("name", "change"), BREAKS)
def test_each_criterion_fails_alone(name, change):
    results = made()
    change(results)
    assert missed(results) == [name]


def test_without_a_chaotic_network_nothing_is_said_of_chaos():
    results = made()
    results.curves["exponent"][-2:] = -0.01
    assert missed(results) == ["networks with a positive exponent", "iterations of deer there, T = 1,024, or the limit"]


def test_slow_iterations_of_the_other_methods_are_not_judged_nor_is_what_did_not_converge():
    results = made()
    to("quasi_deer/64/iterations", 59, TAME)(results)
    to("elk/64/converged", False, TAME)(results)
    to("elk/64/deviation", 1.0, TAME)(results)
    assert missed(results) == []


@pytest.mark.parametrize("name", speedups.TARGETS)
def test_each_speedup_fails_alone(name):
    results = made()
    results.summary[name] = speedups.TARGETS[name] * (1.1 if name == TRAINING else 0.9)
    assert missed(results, speedups=True) == [name]
    results.summary[name] = np.nan
    assert missed(results, speedups=True) == [name]


def test_the_criteria_are_stated_for_the_published_options_and_any_seed():
    assert len(parallel.check(Config(seed=3, rows=1), made())) == 7
    assert parallel.check(Config(hidden_size=8), made()) == []
    assert len(parallel.check(Config(hidden_size=8, speedups=True), made())) == 3  # they have settings of their own


def test_a_check_computes_nothing(monkeypatch):
    for name in ("unroll", "unroll_parallel"):
        monkeypatch.setattr(parallel, name, lambda *given, **options: pytest.fail("a check computes nothing"))
    with jax.disable_jit():
        parallel.check(Config(max_iterations=5), made())
        parallel.check(Config(), made())


def test_a_speedup_is_above_one_where_the_loop_takes_longer(monkeypatch):
    names = []

    def timed(run, params, xs):
        names.append(run.__wrapped__.func.__name__)
        return {"unroll": 6.0, "unroll_parallel": 2.0}[names[-1]]

    monkeypatch.setattr(speedups, "best_of_three", timed)
    assert speedups.loop_over_deer(2, 9) == 3.0
    assert sorted(names) == ["unroll", "unroll_parallel"]
