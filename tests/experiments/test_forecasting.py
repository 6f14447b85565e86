"""forecasting: models by name, scores, origins that do not look ahead, and series of one's own."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from helpers import drawn
from runs import finished, refused
from scipy.stats import t as student

from experiments import forecasting
from experiments.common.checks import at_least
from experiments.common.command import main
from experiments.forecasting import classical, composition, evaluation, figure, findings, networks, user_series
from experiments.forecasting.composition import REGRESSORS, SERIES, STAGES, model
from experiments.forecasting.forecasters import QUANTILES, About, around, futures, gaussian, windows
from experiments.forecasting.learners import LOOKBACK, held_out, on_windows
from experiments.forecasting.series import SHIPPED, Series

pytestmark = pytest.mark.usefixtures("users_numerics")
ABOUT = About(season=4, horizon=3, seed=1, updates=5)
MIDDLE = QUANTILES.index(0.5)
LISTED = """
ARIMA SARIMA VAR Auto-ARIMA Auto-SARIMA LSTM GRU RNN CNN MLP DNN MLP-LSTM MLP-GRU MLP-RNN MLP-CNN LSTM-ARIMA LSTM-MLP
LSTM-CNN GRU-ARIMA GRU-MLP GRU-CNN RNN-ARIMA RNN-MLP RNN-CNN CNN-ARIMA CNN-MLP CNN-LSTM CNN-GRU ARIMA-SVM SARIMA-SVM
VAR-SVM Auto-ARIMA-SVM Auto-SARIMA-SVM LSTM-SVM GRU-SVM RNN-SVM CNN-SVM MLP-SVM LSTM-ARIMA-SVM LSTM-MLP-SVM LSTM-CNN-SVM
GRU-ARIMA-SVM GRU-MLP-SVM GRU-CNN-SVM RNN-ARIMA-SVM RNN-MLP-SVM RNN-CNN-SVM CNN-ARIMA-SVM CNN-MLP-SVM CNN-LSTM-SVM
CNN-GRU-SVM ARIMA-RF SARIMA-RF VAR-RF Auto-ARIMA-RF Auto-SARIMA-RF LSTM-RF GRU-RF RNN-RF CNN-RF MLP-RF LSTM-ARIMA-RF
LSTM-MLP-RF LSTM-CNN-RF GRU-ARIMA-RF GRU-MLP-RF GRU-CNN-RF RNN-ARIMA-RF RNN-MLP-RF RNN-CNN-RF CNN-ARIMA-RF CNN-MLP-RF
CNN-LSTM-RF CNN-GRU-RF ARIMA-XGBoost SARIMA-XGBoost VAR-XGBoost Auto-ARIMA-XGBoost Auto-SARIMA-XGBoost LSTM-XGBoost
GRU-XGBoost RNN-XGBoost CNN-XGBoost MLP-XGBoost LSTM-ARIMA-XGBoost LSTM-MLP-XGBoost LSTM-CNN-XGBoost GRU-ARIMA-XGBoost
GRU-MLP-XGBoost GRU-CNN-XGBoost RNN-ARIMA-XGBoost RNN-MLP-XGBoost RNN-CNN-XGBoost CNN-ARIMA-XGBoost CNN-MLP-XGBoost
CNN-LSTM-XGBoost CNN-GRU-XGBoost ARIMA-ANN SARIMA-ANN VAR-ANN
"""
"""The hundred models that the list names."""
ONE_OF_A_KIND = (
    "Naive",
    "Seasonal",
    "ETS",
    "SARIMA",
    "VAR",
    "ESN",
    "MLP",
    "GRU",
    "RF",
    "CNN-SVM",
    "ARIMA-MLP",
    "LSTM-ARIMA-SVM",
)


@pytest.fixture(scope="module")
def values():
    """A season, a drift, what the second column says of the next step, and noise."""
    rng, time = np.random.default_rng(0), np.arange(110)
    noise, other = rng.normal(size=(2, 110))
    first = 10 + 0.05 * time + np.sin(np.pi * time / 2) + 0.5 * np.roll(other, 1) + 0.3 * noise
    return np.stack([first, other], axis=1)


@pytest.fixture(scope="module")
def fitted(values):
    """One model of every kind, fitted to the first 80 values."""
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return {kind: model(kind)(values[:80], ABOUT) for kind in ONE_OF_A_KIND}


def test_every_name_of_the_list_is_a_model():
    assert len(set(LISTED.split())) == 100
    for name in LISTED.split():
        assert callable(model(name))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("LSTM", [("LSTM",)]),
        ("CNN-LSTM", [("CNN", "LSTM")]),
        ("LSTM-SVM", [("LSTM", "SVM")]),
        ("LSTM-MLP-XGBoost", [("LSTM", "MLP", "XGBoost")]),
        ("LSTM-ARIMA", [("LSTM",), ("ARIMA",)]),
        ("LSTM-ARIMA-SVM", [("LSTM",), ("ARIMA",), ("SVM",)]),
        ("Auto-SARIMA-RF", [("Auto-SARIMA",), ("RF",)]),
        ("VAR-ANN", [("VAR",), ("ANN",)]),
        ("SVM-RF", [("SVM",), ("RF",)]),
    ],
)
def test_networks_are_stages_and_other_models_learn_from_what_is_left_over(name, parts):
    assert composition._parts(name) == parts


@pytest.mark.parametrize(("name", "hint"), [("LSMT", "did you mean LSTM"), ("ARIMA-", "got ''"), ("arima-LSTM", "ARIMA")])
def test_an_unknown_model_is_refused_with_the_nearest(name, hint):
    with pytest.raises(ValueError, match=hint):
        model(name)


@pytest.mark.parametrize("kind", ONE_OF_A_KIND)
def test_one_step_forecasts_are_those_of_the_history_before_and_of_nothing_later(fitted, values, kind):
    """Of every time, by another way than `forecast`: from all of the history at once."""
    forecaster, history = fitted[kind], values[:100]
    said = forecaster.one_step(history)
    assert said.shape == (100,)
    assert np.isfinite(said[60:]).all()
    for t in (81, 99):
        np.testing.assert_allclose(said[t], forecaster.forecast(history[:t])[0, MIDDLE], rtol=2e-4)
    later = history.copy()
    later[90:] += np.random.default_rng(1).normal(size=(10, 2))
    np.testing.assert_allclose(forecaster.one_step(later)[:91], said[:91], rtol=1e-6)
    assert not np.allclose(forecaster.one_step(later)[91:], said[91:], rtol=1e-3)
    quantiles = forecaster.forecast(history)
    assert quantiles.shape == (3, 3)
    assert (np.diff(quantiles, axis=1) >= 0).all()


def forecasts(fit, values):
    """As `forecasting.compute` makes them."""
    at = np.array([80, 85, 95])
    return evaluation.rolling(fit(values[:80].copy(), ABOUT), values, at)


def assert_no_look_ahead(fit, values):
    changed = values.copy()
    changed[85:] = changed[85:][::-1] + 3
    before, after = forecasts(fit, values), forecasts(fit, changed)
    np.testing.assert_array_equal(before[:2], after[:2])
    assert not np.array_equal(before[2], after[2])


def test_a_leak_of_the_future_is_caught(values, monkeypatch):
    assert_no_look_ahead(classical.repeating, values)
    rolling = evaluation.rolling
    monkeypatch.setattr(evaluation, "rolling", lambda forecaster, values, at: rolling(forecaster, values, at + 2))
    with pytest.raises(AssertionError):
        assert_no_look_ahead(classical.repeating, values)


def test_a_model_is_given_a_copy_of_the_values_before_each_origin(values):
    given = []

    def fit(known, about):
        given.append(known)
        return composition.Forecaster(lambda history: given.append(history) or np.zeros((3, 3)), lambda history: history[:, 0])

    forecasts(fit, values)
    assert [len(one) for one in given] == [80, 80, 85, 95]
    assert all(one.base is None for one in given)


def test_hybrids_add_what_the_second_says_of_the_first_ones_errors(fitted, values):
    """The last one-step errors of an autoregression of order 1 that was fitted by hand."""
    first = classical.arima(((1, 0, 0), (0, 0, 0)))
    hybrid = composition.on_residuals(first, classical.repeating)(values[:80], ABOUT)
    alone = first(values[:80], ABOUT)
    history = values[:93]
    errors = history[:, 0] - np.array([np.nan, *(alone.forecast(history[:t])[0, MIDDLE] for t in range(1, 93))])
    expected = alone.forecast(history)[:, MIDDLE] + errors[[-4, -3, -2]]
    np.testing.assert_allclose(hybrid.forecast(history)[:, MIDDLE], expected, rtol=1e-6)


def test_the_naive_forecasts_repeat_what_was_known(values):
    for season, fit in ((4, classical.repeating), (1, SERIES["Naive"])):
        forecaster, errors = fit(values[:80], ABOUT), []
        for t in range(season, 78):
            errors.append([values[t + h, 0] - values[t - season + h % season, 0] for h in range(3)])
        points = np.array([values[90 - season + h % season, 0] for h in range(3)])
        expected = points[:, None] + np.quantile(errors, QUANTILES, axis=0).T - np.median(errors, axis=0)[:, None]
        np.testing.assert_allclose(forecaster.forecast(values[:90]), expected)


def test_windows_hold_what_came_before_and_futures_what_comes(values):
    seen, coming = windows(values, 5), futures(values, 3)
    np.testing.assert_array_equal(seen[20], values[15:20])
    np.testing.assert_array_equal(seen[2], values[[0, 0, 0, 0, 1]])
    np.testing.assert_array_equal(coming[20], values[20:23, 0])
    assert len(coming) == 108


def test_targets_of_windows_to_learn_from_end_before_those_held_out_begin():
    known, held = held_out(100, 12)
    assert (known, held) == (slice(0, 68), slice(80, 100))
    seen = {}

    def learner(windows, targets, about):
        seen.update(windows=windows, targets=targets)
        return lambda windows: np.zeros((len(windows), about.horizon, 3))

    line = np.arange(60.0)[:, None] ** 2
    on_windows(learner)(line, ABOUT)
    scale = np.std(line[4:] - line[:-4])
    assert len(seen["windows"]) == len(seen["targets"]) == 60 - LOOKBACK - 2
    np.testing.assert_allclose(seen["windows"][0, :, 0], (line[:LOOKBACK, 0] - line[LOOKBACK - 1, 0]) / scale, rtol=1e-5)
    np.testing.assert_allclose(seen["targets"][-1], (line[-3:, 0] - line[-4, 0]) / scale, rtol=1e-5)


def test_scores_are_those_of_loops():
    rng, at = np.random.default_rng(3), np.array([30, 33])
    series = Series(rng.normal(5, 1, size=(40, 1)), 4, "", (0, 1))
    said = np.sort(rng.normal(5, 1, size=(2, 3, 3)), axis=-1)
    found = evaluation.scores(series, said, at, 30)
    y = series.values[:, 0]
    scale = np.mean([abs(y[t] - y[t - 4]) for t in range(4, 30)])
    for i, h in itertools.product(range(2), range(3)):
        truth, point = y[at[i] + h], said[i, h, 1]
        losses = [q * (truth - s) if truth >= s else (1 - q) * (s - truth) for q, s in zip(QUANTILES, said[i, h], strict=True)]
        np.testing.assert_allclose(found.scaled[i, h], abs(truth - point) / scale)
        np.testing.assert_allclose(found.symmetric[i, h], 200 * abs(truth - point) / (abs(truth) + abs(point)))
        np.testing.assert_allclose(found.quantile[i, h], 2 * np.mean(losses) / scale)
        assert found.covered[i, h] == (said[i, h, 0] <= truth <= said[i, h, 2])
    trained = networks.pinball(jnp.asarray(said[0]), jnp.asarray(y[30:33]))
    np.testing.assert_allclose(2 * trained.mean(axis=-1) / scale, found.quantile[0], rtol=1e-5)


def test_parts_follow_each_other_and_horizons_stay_within_them():
    first, second = evaluation.borders(200)
    assert (first, second) == (120, 150)
    at = evaluation.origins(first, second, 12)
    assert (at[0], at[-1]) == (120, 138)
    assert evaluation.overlapping(np.array([0, 4, 8, 20]), 12) == 3


def test_the_test_of_diebold_and_mariano_is_that_of_its_formula():
    rng = np.random.default_rng(5)
    ours, theirs = rng.normal(1, 1, 20), rng.normal(1.5, 1, 20)
    statistic, probability = evaluation.diebold_mariano(ours, theirs, 3)
    d = ours - theirs
    centred = d - d.mean()
    covariances = [np.sum(centred[k:] * centred[: len(d) - k]) / 20 for k in range(3)]
    variance = covariances[0] + 2 * (2 / 3 * covariances[1] + 1 / 3 * covariances[2])
    expected = d.mean() / np.sqrt(variance / 20) * np.sqrt((20 + 1 - 2 * 3 + 3 * 2 / 20) / 20)
    np.testing.assert_allclose(statistic, expected, rtol=1e-9)
    np.testing.assert_allclose(probability, 2 * student.sf(abs(expected), 19), rtol=1e-9)
    assert evaluation.diebold_mariano(ours, ours, 3) == (0.0, 1.0)


def test_quantiles_are_those_of_their_distributions():
    np.testing.assert_allclose(gaussian(np.array([1.0]), np.array([2.0])), [[1 - 2 * 1.2815515655, 1, 1 + 2 * 1.2815515655]])
    np.testing.assert_allclose(around(np.array([5.0]), np.arange(11.0)[:, None]), [[1, 5, 9]])


def test_differences_are_taken_where_they_are_needed():
    rng, time = np.random.default_rng(1), np.arange(240)
    noise = rng.normal(size=240)
    assert classical.differences_needed(noise) == 0
    assert classical.differences_needed(np.cumsum(noise)) == 1
    assert classical.seasonal_strength(np.sin(np.pi * time / 6) + 0.1 * noise, 12) > 0.9
    assert classical.seasonal_strength(0.05 * time + noise, 12) < 0.3


def test_an_order_is_walked_to_from_the_best_start():
    visited = []

    def score(*order):
        visited.append(order)
        return (order[0] - 2) ** 2 + (order[1] - 1) ** 2 + order[2]

    assert classical._walk(score, [(0, 0, 0), (1, 2, 1)], (2, 2, 1)) == (2, 1, 0)
    assert max(order[0] for order in visited) == 2


def test_a_causal_convolution_is_that_of_a_loop():
    layer = networks.causal(2, 3, 4)
    params, _ = drawn(layer)
    xs = np.random.default_rng(2).normal(size=(6, 5, 2)).astype(np.float32)
    _, ys = layer.apply(params, xs)
    kernel, bias = np.asarray(params.kernel), np.asarray(params.bias)
    for t in range(6):
        seen = [xs[t - 3 + i] if t - 3 + i >= 0 else np.zeros((5, 2)) for i in range(4)]
        np.testing.assert_allclose(ys[t], np.maximum(np.concatenate(seen, axis=1) @ kernel + bias, 0), rtol=2e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.usefixtures("optimised")
def test_networks_learn_a_cycle_and_how_far_off_they_are():
    rng, time = np.random.default_rng(0), np.arange(600)
    series = (np.sin(2 * np.pi * time / 9) + 0.2 * rng.normal(size=600))[:, None]
    for kind in ("MLP", "CNN", "GRU", "CNN-LSTM", "ESN", "RF"):
        said = evaluation.rolling(model(kind)(series[:450], About(9, 6, 0, 800)), series, at := np.arange(450, 590, 5))
        found = evaluation.scores(Series(series, 9, "", (0, 1)), said, at, 450)
        assert found.scaled.mean() < 1.0, kind  # of seasonal naive, whose error has twice the variance
        assert 0.6 < found.covered.mean() < 0.95, kind


OPTIONS = ["--updates", "3", "--seeds", "2", "--horizon", "4"]


def test_forecasting_runs(tmp_path):
    options = [*OPTIONS, "--series", "GDP", "sunspots", "--model", "VAR", "ESN", "ARIMA-SVM"]
    _, rows, summary = finished(forecasting.EXPERIMENT, options, tmp_path)
    expected = [("GDP", kind) for kind in ("Seasonal", "VAR", "ESN", "ARIMA-SVM")]
    assert [(row["series"], row["model"]) for row in rows] == expected + [
        ("sunspots", kind) for kind in ("Seasonal", "ESN", "ARIMA-SVM")
    ]
    assert [bool(row["low"]) for row in rows] == [False, False, True, False, False, True, False]
    assert summary["GDP, recurrent model chosen on validation"] == "ESN"
    assert summary["checks"] == []


def test_a_series_of_ones_own_is_forecast_beyond_its_end(tmp_path):
    file = tmp_path / "mine.csv"
    months = np.arange(120)
    rows = [f"20{10 + m // 12}-{1 + m % 12:02d}-01,{'' if m == 50 else 20 + m + 5 * (m % 12)}" for m in months]
    file.write_text("\n".join(["month,sales", *rows]))
    options = [*OPTIONS, "--csv", str(file), "--target", "sales", "--dates", "month", "--season", "12", "--model", "SARIMA"]
    main_folder = tmp_path / "runs"
    main(forecasting.EXPERIMENT, [*options, "--output", str(main_folder)])
    (folder,) = (main_folder / "forecasting").iterdir()
    table = np.genfromtxt(folder / "forecast.csv", delimiter=",", names=True, dtype=None, encoding=None)
    mine = table[table["model"] == "SARIMA"]
    np.testing.assert_allclose(mine["quantile_05"], [20 + m + 5 * (m % 12) for m in range(120, 124)], rtol=1e-3)
    np.testing.assert_allclose(mine["time"], 2020 + np.arange(4) / 12, atol=0.01)
    assert "1 missing values are interpolated" in (folder / "summary.json").read_text()


def a_table(tmp_path, **changes):
    """A file of 120 rows, but for some that are given."""
    columns = {"day": list(range(120)), "sales": [f"{(7 * i) % 23}" for i in range(120)], "word": ["x"] * 120}
    for name, values in changes.items():
        for row, value in values.items():
            columns[name][row] = value
    file = tmp_path / "mine.csv"
    file.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]))
    return file


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({}, ["--target", "profit"], "--target must be a column of"),
        ({}, ["--target", "word"], "--target word must hold numbers; row 1 holds 'x'"),
        ({"sales": {7: "n.a.?"}}, [], "row 8 holds 'n.a.?'"),
        ({"sales": dict.fromkeys(range(20, 30), "")}, [], "misses 10 of 120 values"),
        ({"sales": {0: ""}}, [], "not the first or the last"),
        ({"sales": {3: "inf"}}, [], "must hold finite numbers; row 4 does not"),
        ({"sales": dict.fromkeys(range(120), 5)}, [], "sales is constant, 5 throughout"),
        ({"day": {60: 60.5}}, ["--dates", "day"], "--dates day must be numbers or dates that rise in equal steps"),
        ({}, ["--dates", "word"], "must be numbers or dates"),
        ({}, ["--season", "61"], "--season must be at most half of the 120 values"),
        ({}, ["--horizon", "90"], "sales has 120 values; a horizon of 90 and a season of 1 need"),
        ({}, ["--model", "VAR"], "--model VAR needs a series that others are observed beside"),
        ({}, ["--model", "LSTN"], "did you mean LSTM"),
    ],
)
def test_a_series_that_cannot_be_forecast_is_refused_before_anything_is_written(changes, options, message, tmp_path, capsys):
    given = ["--csv", str(a_table(tmp_path, **changes))]
    given += [] if "--target" in options else ["--target", "sales"]
    assert message in refused(forecasting.EXPERIMENT, [*given, *options], tmp_path / "results", capsys)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target", "x"], "--csv and --target belong together"),
        (["--season", "7"], "--dates and --season are those of --csv"),
        (["--series", "Nile"], "--series must be of sunspots, CO2, El Niño, GDP; got Nile"),
        (["--model", "LSTM", "LSTM"], "--model must be one or more different names"),
        (["--series", "CO2", "--model", "VAR-RF"], "--model VAR-RF needs a series"),
        (["--csv", "nowhere.csv", "--target", "x"], "nowhere.csv cannot be read as a table"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(forecasting.EXPERIMENT, options, tmp_path / "results", capsys)


def test_series_are_regular_and_as_long_as_they_are_said_to_be():
    found = {name: load() for name, load in SHIPPED.items()}
    assert {name: len(one.values) for name, one in found.items()} == {"sunspots": 309, "CO2": 526, "El Niño": 732, "GDP": 202}
    assert all(np.isfinite(one.values).all() for one in found.values())
    assert found["El Niño"].values[12, 0] == 24.19  # January 1951
    assert found["GDP"].values[0, 0] == pytest.approx(100 * np.log(2778.801 / 2710.349))


def test_dates_of_months_are_regular_although_they_differ_in_days():
    months = pd.Series(pd.date_range("2020-01-31", periods=30, freq="ME").strftime("%Y-%m-%d"))
    first, apart = user_series._regular(months, "month")
    assert first == pytest.approx(2020.08, abs=0.01)
    assert apart == pytest.approx(1 / 12, abs=1e-3)


def made_up(ratio):
    """Two seeds on two series: the recurrent model is off by so many times as the classical one, and chosen on validation."""
    curves = {"series": np.array(["a", "b"]), "horizon": np.array(2)}
    for name in ("a", "b"):
        curves[f"origins/{name}"] = np.arange(0, 60, 5)
        sizes = {"Seasonal": 1.0, "ETS": 0.5, "LSTM": 0.5 * ratio, "GRU": 9.0, "Auto-SARIMA": 0.8, "Auto-SARIMA-LSTM": 0.6}
        for kind, size in sizes.items():
            wiggle = 0.01 * np.random.default_rng(len(kind)).normal(size=(2, 12, 2))
            curves[f"scaled/{name}/{kind}"] = size + wiggle - wiggle.mean()
            curves[f"validation/{name}/{kind}"] = np.array([size, size])
            curves[f"covered/{name}/{kind}"] = np.ones((2, 12, 2)) * (0.75 if name == "a" else 0.85)
    return forecasting.Results([], {}, curves)


def test_what_is_chosen_on_validation_is_compared():
    results = made_up(1.2)
    assert findings.chosen(results, "a") == {"classical": "ETS", "recurrent": "LSTM"}
    assert findings.of_pair(results, "recurrent", "classical").middle == pytest.approx(1.2, rel=1e-3)
    assert findings.of_pair(results, "Auto-SARIMA-LSTM", "Auto-SARIMA").middle == pytest.approx(0.75, rel=1e-3)
    assert findings.better_than_seasonal(results) == 2
    assert findings.coverage(results, "classical") == pytest.approx(0.8)


@pytest.mark.parametrize(("ratio", "passed"), [(1.2, True), (0.9, False)])
def test_the_claim_is_judged_by_the_ratio(ratio, passed):
    checks = forecasting.check(forecasting.Config(), made_up(ratio))
    assert [check.passed for check in checks] == [passed, at_least("", 2, 3).passed, True, True, True]
    assert forecasting.check(forecasting.Config(seeds=2), made_up(ratio)) == []


def test_parts_of_names_do_not_overlap():
    assert not set(SERIES) & set(STAGES)
    assert not set(STAGES) & set(REGRESSORS)


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(1.2, "ahead of the recurrent one on 2 of 2 series"), (0.9, "ahead of the recurrent one on 0 of 2 series")],
)
def test_the_title_says_what_was_found(ratio, words):
    assert words in figure._finding(made_up(ratio), ["a", "b"])
    assert "a: MASE of ETS 0.50, LSTM" in figure._finding(made_up(ratio), ["a"])
