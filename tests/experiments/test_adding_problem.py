"""`adding`: what counts as solved, criteria on synthetic results, the choice of rates, sizes of networks, and a smoke run."""

import jax
import numpy as np
import pytest
from runs import finished, refused

from experiments import adding
from experiments.adding.figure import finding
from experiments.adding.networks import (
    CHRONO,
    IRNN,
    LEAKY,
    LSTM,
    NETWORKS,
    ORTHOGONAL,
    TANH,
    TASK,
    lengths_of,
    make_setting,
    units_within,
)
from experiments.adding.scores import best_share, updates_to
from experiments.common.experiment import Results
from experiments.common.networks import count

pytestmark = [pytest.mark.xdist_group("adding"), pytest.mark.usefixtures("users_numerics")]

CONFIG = adding.Config()


def results(worse=None):
    """Results that meet every criterion, but for the last shares of one seed of what is named."""
    last = {(name, length): share for name, share in ((LSTM, 0.008), (CHRONO, 0.009), (TANH, 0.9)) for length in (50, 100, 200)}
    curves = {"lengths": np.array([50, 100, 200]), "budget": np.array(3000)}
    for (name, length), share in last.items():
        for seed in range(5):
            end = (worse or {}).get((name, length), share) if seed == 2 else share
            curves[f"share/{name}/{length}/{seed}"] = np.array([1.0, 0.97, *[0.95] * (seed + (name == LSTM)), end, end])
    return Results([], {}, curves)


MISSED = {
    "(1) LSTM, bias 1, T = 100: worst seed's share of the variance": {(LSTM, 100): 0.0102},
    "(2) LSTM, bias 1, T = 200: worst seed's share of the variance": {(LSTM, 200): 0.0102},
    "(3) tanh, T = 200: best seed's share of the variance": {(TANH, 200): 0.49},
}


def test_results_as_claimed_meet_every_criterion():
    checks = adding.check(CONFIG, results())
    assert [check.name for check in checks] == list(MISSED)
    assert all(check.passed for check in checks)


@pytest.mark.parametrize("name", MISSED)
def test_one_seed_that_breaks_a_criterion_misses_it_alone(name):
    checks = adding.check(CONFIG, results(MISSED[name]))
    assert [check.name for check in checks if not check.passed] == [name]


@pytest.mark.parametrize(
    "options", [{"lengths": (100, 200)}, {"updates": 9000}, {"parameters": 5000}, {"seeds": 1}, {"learning_rates": (0.01,)}]
)
def test_criteria_are_stated_for_the_defaults(options):
    assert not adding.check(adding.Config(**options), results())


def test_two_tests_in_a_row_count():
    shares = np.array([1.0, 0.005, 0.3, 0.009, 0.004, 0.02])
    assert best_share(shares) == 0.009
    assert updates_to(shares, 100) == 500
    assert updates_to(shares, 100, 0.4) == 300
    assert updates_to(shares, 100, 0.009) == np.inf
    assert updates_to(np.array([0.001]), 100) == np.inf
    assert best_share(np.array([0.5, np.nan, 0.6])) == np.inf
    assert updates_to(np.array([0.001, np.nan, 0.001]), 100) == np.inf


def test_the_title_is_computed():
    text = finding(results())
    assert "in 200 steps were added by 5 of 5 LSTMs with bias 1, 5 of 5 with chrono bias" in text
    assert "0 of 5 tanh networks, whose best loss was 90 % of the variance" in text
    assert "4 of 5" in finding(results({(LSTM, 200): 0.2}))
    assert "best loss was 30 % of" in finding(results({(TANH, 200): 0.3}))


def test_the_summary_counts_irnns_and_compares_chrono_with_bias_1():
    curves = dict(results().curves)
    curves |= {f"share/{IRNN}/100/{seed}": np.array([1.0, end, end]) for seed, end in enumerate((0.5, 0.004, 0.6))}
    summary = adding._summary(CONFIG, curves)
    assert summary["IRNNs that solve T = 100"] == "1 of 3"
    assert summary["updates to 1 %, bias 1 / chrono, T = 200"] == pytest.approx(7 / 6)
    assert summary["share without memory, T = 200"] == pytest.approx(1 - 6 / 1200)
    assert "IRNNs that solve T = 200" not in summary


def test_a_rate_is_chosen_by_updates_and_then_by_loss(monkeypatch):
    courses = {0.001: [0.9, 0.5, 0.4], 0.003: [0.9, 0.005, 0.005], 0.01: [0.9, 0.9, 0.001, 0.001]}
    seen = []

    def train(setting, seed, rate, updates, label):
        seen.append((setting.lengths, seed, updates))
        return {"shares": np.array(courses[rate])}

    monkeypatch.setattr(adding, "_train", train)
    assert adding._choose(adding.Config(seed=3), TANH)["rate"] == 0.003
    assert set(seen) == {((50,), 3 + adding.CHOICE, 3000)}
    courses[0.003], courses[0.01] = [0.9, 0.45, 0.6], [np.nan] * 4
    assert adding._choose(CONFIG, TANH)["rate"] == 0.001


def test_networks_have_the_units_that_the_docstring_says_and_about_equal_sizes():
    units = {name: units_within(name, CONFIG.parameters) for name in NETWORKS}
    assert units == {TANH: 48, LSTM: 23, CHRONO: 23, "GRU": 27, "minGRU": 357, IRNN: 48, ORTHOGONAL: 66, LEAKY: 47}
    for name in NETWORKS:
        setting = make_setting(CONFIG, name, 50)
        assert 2400 < count(setting.cell, TASK.outputs, setting.hidden_size) <= CONFIG.parameters


def test_costly_networks_are_trained_on_shorter_sequences():
    config = adding.Config(lengths=(50, 100, 200, 400), other_length=200)
    assert {name: lengths_of(config, name)[-1] for name in NETWORKS} == {
        **dict.fromkeys((TANH, LSTM, CHRONO), 400),
        **dict.fromkeys(("GRU", IRNN), 200),
        **dict.fromkeys(("minGRU", ORTHOGONAL, LEAKY), 50),
    }


def test_time_constants_follow_the_length():
    def params(name, length):
        return make_setting(adding.Config(parameters=200), name, length).cell.init(jax.random.key(0))

    leaks = jax.nn.sigmoid(params(LEAKY, 200).leak_logit)
    np.testing.assert_allclose([leaks.min(), leaks.max()], [1 / 200, 0.5], rtol=1e-5)
    for length in (50, 200):
        input_bias, forget_bias = np.split(np.asarray(params(CHRONO, length).bias), 4)[:2]
        np.testing.assert_allclose(input_bias, -forget_bias)
        assert np.log(length / 2) < forget_bias.max() <= np.log(length - 1)
    assert make_setting(CONFIG, ORTHOGONAL, 50).descent.free == 0.1


def test_adding_runs(tmp_path, monkeypatch):
    """The IRNN is trained; the other networks have made-up courses, each network and T being a program to compile."""
    train = adding._train

    def some(setting, seed, rate, updates, label):
        if label.startswith(IRNN):
            return train(setting, seed, rate, updates, label)
        return {"shares": np.array([0.9, 0.005, 0.004] if label.startswith("LSTM") else [0.9, 0.8, 0.7])}

    monkeypatch.setattr(adding, "_train", some)
    options = ["--lengths", "6", "8", "--other-length", "6", "--parameters", "60", "--batch-size", "4", "--seeds", "2"]
    options += ["--other-seeds", "1", "--updates", "100", "--learning-rates", "0.01"]
    folder, rows, _ = finished(adding.EXPERIMENT, options, tmp_path)
    assert [(row["network"], row["T"]) for row in rows] == [
        *((name, length) for name in (TANH, LSTM, CHRONO) for length in ("6", "8")),
        *((name, "6") for name in ("GRU", "minGRU", IRNN, ORTHOGONAL, LEAKY)),
    ]
    names = ("solved", "updates to 1 %", "best share", "worst share")
    assert [[row[name] for name in names] for row in rows[1:3]] == [
        ["0 of 2", "inf", "0.8", "0.8"],
        ["2 of 2", "300", "0.005", "0.005"],
    ]
    with np.load(folder / "curves.npz") as curves:
        assert {key for key in curves if key.startswith("share/tanh/")} == {
            f"share/tanh/{n}/{s}" for n in (6, 8) for s in (0, 1)
        }
        assert f"share/{IRNN}/6/0" in curves
        assert 0.5 < curves[f"share/{IRNN}/6/0"][0] < 3  # as a share of the variance: the IRNN starts near the constant


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lengths", "100", "50"], "--lengths must be increasing, from 4 steps on; got (100, 50)"),
        (["--lengths", "2", "50"], "--lengths must be increasing, from 4 steps on; got (2, 50)"),
        (["--other-length", "20"], "--other-length must be at least the first of --lengths, 50; got 20"),
        (["--learning-rates", "0.1", "0.1"], "--learning-rates must be positive and differ"),
        (["--learning-rates", "nan"], "--learning-rates must be finite"),
        (["--parameters", "10"], "--parameters must be at least 50"),
        (["--other-seeds", "0"], "--other-seeds must be at least 1"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(adding.EXPERIMENT, options, tmp_path / "results", capsys)
