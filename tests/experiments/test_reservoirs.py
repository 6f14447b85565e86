"""Reservoirs: a tiny run, the two series, the published unit, what chooses, and criteria that can fail."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from runs import finished, refused

from experiments import reservoirs
from experiments.common.experiment import Results
from experiments.reservoirs import capacity, mackey_glass, narma
from experiments.reservoirs.figure import finding
from experiments.reservoirs.options import WASHOUT, Config
from recurrent.dense import DenseParams

pytestmark = [pytest.mark.xdist_group("reservoirs"), pytest.mark.usefixtures("users_numerics")]

UNITS, RNG = 100, np.random.default_rng(0)
TINY = Config(units=UNITS, steps=1100, networks=2)


@pytest.fixture
def wide():
    with jax.enable_x64(True):
        yield


def test_reservoirs_run(tmp_path, monkeypatch):
    """Measured are the memory of the smallest tanh reservoirs, one kind of free runs and NARMA10; the rest is made up."""
    measured, predicted = capacity._capacities, mackey_glass.predict

    def some_capacities(config, make, size):
        real = make is capacity.tanh and size == 4
        return measured(config, make, size) if real else np.full(config.memory_networks, 0.9 * size)

    def some_predictions(config, setting):
        return made_up(setting) if setting.units > UNITS or setting.tau == 30 else predicted(config, setting)

    monkeypatch.setattr(capacity, "_capacities", some_capacities)
    monkeypatch.setattr(mackey_glass, "predict", some_predictions)
    monkeypatch.setattr(mackey_glass, "CHOOSING", 3)
    monkeypatch.setattr(mackey_glass, "JUDGED", 4)
    monkeypatch.setattr(narma, "STRENGTHS", (0.1,))
    monkeypatch.setattr(narma, "LENGTHS", (10,))
    sizes = ["--sizes", "4", "8", "--memory-steps", "200", "--memory-networks", "2", "--units", str(UNITS), "--steps", "1100"]
    more = ["--large-units", "120", "--long-steps", "1100", "--narma-sizes", "5", "--narma-steps", "100", "--networks", "2"]
    folder, rows, summary = finished(reservoirs.EXPERIMENT, [*sizes, *more], tmp_path)
    assert [row["what"] for row in rows] == ["memory"] * 13 + ["NRMSE84, tau 17"] * 2 + ["NRMSE84, tau 30"] + [
        "NRMSE, NARMA10"
    ] * 2
    assert 1 < float(rows[0]["mean"]) < 4
    assert summary["checks"] == []
    with np.load(folder / "curves.npz") as curves:
        errors = curves["errors/tau 17, 100 units, 1100 steps"]
        assert errors.shape == (2, 84)
        assert np.all(errors[:, 0] < errors[:, -1])
        assert 0 < curves["narma/delay line"].max() < 2


def made_up(setting):
    errors = np.geomspace(1e-5, setting.published, mackey_glass.HORIZON)[None].repeat(2, axis=0)
    return {"errors": errors, "ridges": np.ones(2)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sizes", "20", "10"], "--sizes must increase from 2 or more; got (20, 10)"),
        (["--narma-sizes", "1", "5"], "--narma-sizes must increase from 2 or more; got (1, 5)"),
        (["--strengths", "1"], "--strengths must be two or more increasing numbers above 0; got (1.0,)"),
        (["--strengths", "0", "1"], "--strengths must be two or more"),
        (["--strengths", "nan", "1"], "--strengths must be"),
        (["--memory-steps", "1999"], "--memory-steps must be at least ten times the largest size, 200; got 1999"),
        (["--steps", "1000"], "--steps must be at least 1001; got 1000"),
        (["--networks", "1"], "--networks must be at least 2; got 1"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(reservoirs.EXPERIMENT, options, tmp_path / "results", capsys)


@pytest.mark.parametrize("tau", [17, 30])
def test_the_series_is_that_of_a_loop_over_the_delay_equation(tau):
    found = mackey_glass.series(tau, 30, 2, seed=3)
    past = 1.2 + 0.2 * (np.random.default_rng((3, tau)).random((10 * tau + 1, 2)) - 0.5)
    ys = [float(value) for value in past[:, 1]]
    for _ in range(10 * (WASHOUT + 30)):
        late = ys[-1 - 10 * tau]
        ys.append(ys[-1] + 0.1 * (0.2 * late / (1 + late**10) - 0.1 * ys[-1]))
    made = ys[10 * tau + 1 :]
    np.testing.assert_allclose(found[:, 1], np.tanh(np.array(made[10 * WASHOUT :: 10]) - 1), rtol=1e-6)


def test_the_series_has_the_published_variance():
    np.testing.assert_allclose(mackey_glass.series(30, 1000, 20, seed=1).var(), 0.067, atol=0.005)


def test_the_reservoir_is_the_published_unit_in_another_scale(wide):
    """x_t = (1 - C a) x_{t-1} + C tanh(W x_{t-1} + F y_{t-1} + b) with r = a x."""
    cell = mackey_glass.reservoir(UNITS)
    params = cell.init(jax.random.key(0))
    feedback, kernel, bias = (np.asarray(leaf) for leaf in params[:3])
    own = 0.9 * kernel
    np.testing.assert_allclose(np.abs(np.linalg.eigvals(own)).max(), 0.79, rtol=1e-6)
    assert set(np.unique(np.abs(bias)).round(12)) == {0.0, 0.028}
    assert 0.4 < np.abs(feedback).max() <= 0.56
    assert len(np.unique(np.abs(kernel).round(9))) == 2
    assert 0.003 < (kernel != 0).mean() < 0.025
    x, r = np.zeros(UNITS), jnp.zeros(UNITS)
    step = jax.jit(cell.step)
    for y in RNG.uniform(-0.5, 0.5, 20):
        x = (1 - 0.44 * 0.9) * x + 0.44 * np.tanh(x @ own + y * feedback[0] + bias)
        r, _ = step(params, r, jnp.array([y]))
    np.testing.assert_allclose(r, 0.9 * x, atol=1e-12)


def test_a_free_run_goes_on_from_what_it_was_told(wide):
    cell = mackey_glass.reservoir(UNITS)
    params = cell.init(jax.random.key(0))
    data = mackey_glass.series(17, WASHOUT + mackey_glass.HORIZON, 2, seed=4)
    kernel, bias = RNG.normal(size=(3, UNITS, 1)) / UNITS, RNG.normal(size=(3, 1)) / 10
    found = mackey_glass._free(cell, params, DenseParams(jnp.asarray(kernel), jnp.asarray(bias)), jnp.asarray(data))
    step = jax.jit(cell.step)
    for row in range(2):
        state = jnp.zeros(UNITS)
        for t in range(WASHOUT):
            state, _ = step(params, state, jnp.asarray(data[t, row : row + 1]))
        for readout in range(3):
            s, said = state, []
            for _ in range(5):
                said.append(np.asarray(s) @ kernel[readout] + bias[readout])
                s, _ = step(params, s, jnp.asarray(said[-1]))
            np.testing.assert_allclose(found[readout, :5, row], np.ravel(said), atol=1e-10)
    errors = np.asarray(mackey_glass._nrmse(found, jnp.asarray(data)))
    np.testing.assert_allclose(
        errors[1, 7], np.sqrt(np.mean((np.asarray(found)[1, 7] - data[WASHOUT + 7]) ** 2)) / data.std(), rtol=1e-10
    )


def test_a_ridge_is_chosen_by_other_runs_than_those_that_are_judged(wide, monkeypatch):
    def errors(runs, data):
        assert data.shape[1] in (mackey_glass.CHOOSING, mackey_glass.JUDGED)
        tried = np.full((len(runs), mackey_glass.HORIZON), 2.0)
        if data.shape[1] == mackey_glass.CHOOSING:
            tried[3], tried[3, -1] = 9.0, 1.0  # only the last step decides
            tried[0, -1] = np.nan
        return tried

    monkeypatch.setattr(mackey_glass, "_nrmse", errors)
    monkeypatch.setattr(mackey_glass, "_sums", lambda *_: None)
    monkeypatch.setattr(mackey_glass, "fit_ridge", lambda sums, ridges: jnp.asarray(ridges))
    monkeypatch.setattr(mackey_glass, "_free", lambda cell, params, readouts, data: jnp.zeros((len(readouts), 84, 1)))
    found = mackey_glass.predict(TINY, mackey_glass.settings(TINY)[0])
    np.testing.assert_array_equal(found["ridges"], mackey_glass.RIDGES[3])
    np.testing.assert_array_equal(found["errors"], 2.0)


def test_narma_is_its_recursion_and_is_drawn_anew_where_it_diverges():
    largest = []
    for seed in range(5):
        u, y = (column[:, 0] for column in narma.series(400, np.random.default_rng(seed)))
        assert 0 <= u.min() < 0.01
        assert 0.49 < u.max() <= 0.5
        np.testing.assert_array_equal(y[:9], 0)
        before = np.concatenate([[0], y])
        for t in range(9, 400):
            expected = 0.3 * before[t] + 0.05 * before[t] * sum(before[t - i] for i in range(10)) + 1.5 * u[t - 9] * u[t] + 0.1
            np.testing.assert_allclose(y[t], expected, rtol=1e-12)
        largest.append(y.max())
    assert max(largest) <= 1

    class Extreme:
        """Inputs of 0.5 throughout at first, under which the series diverges."""

        calls = 0

        def uniform(self, low, high, steps):
            self.calls += 1
            return np.full(steps, 0.5) if self.calls == 1 else np.random.default_rng(0).uniform(low, high, steps)

    source = Extreme()
    assert narma.series(400, source)[1].max() <= 1
    assert source.calls == 2


def test_what_has_the_least_validation_error_is_tested(monkeypatch):
    errors = {("a", 1): [0.5, 0.4], ("b", 1): [0.3, 0.6], ("a", 2): [0.1, 0.1], ("b", 2): [0.7, 0.2]}
    monkeypatch.setattr(narma, "emit_with_input", lambda cell: cell)
    monkeypatch.setattr(narma, "_sums", lambda cell, params, inputs, outputs: (cell, int(inputs[0])))
    monkeypatch.setattr(narma, "fit_ridge", lambda sums, ridges: sums)
    monkeypatch.setattr(narma, "_nrmse", lambda sums, readouts: np.array(errors[sums]))
    parts = narma.Parts(*((np.array([i]), np.array([i])) for i in range(3)))
    assert narma._best(parts, [("a", None), ("b", None)]) == 0.7


def good():
    """Results that meet every criterion."""
    config = Config()
    sizes, spread = np.array(config.sizes), np.linspace(-1e-3, 1e-3, 5)
    curves = {"sizes": sizes, "strengths": np.array(config.strengths), "middle": np.array(50)}
    shares = {capacity.TANH: 0.5, capacity.LINEAR: 0.9, capacity.DIAGONAL: 0.9, capacity.LINE: 0.999}
    curves |= {f"memory/{kind}": sizes[:, None] * (share + spread) for kind, share in shares.items()}
    curves["memory/strength"] = np.array([30, 20, 15, 10, 5])[:, None] + spread
    settings = mackey_glass.settings(config)
    curves["settings"] = np.array([setting.name for setting in settings])
    curves["published"] = np.array([setting.published for setting in settings])
    curves |= {f"errors/{s.name}": 0.9 * s.published * np.linspace(0.1, 1, 84)[None].repeat(10, axis=0) for s in settings}
    curves["narma"] = np.array(["delay line", "50", "100", "200"])
    curves |= {f"narma/{name}": level + 0.01 * np.sin(np.arange(10.0) * (level + 1)) for name, level in zip(
        curves["narma"], (0.38, 0.35, 0.3, 0.2), strict=True
    )}  # fmt: skip
    return Results([], {}, curves)


def test_good_results_meet_every_criterion_and_other_options_have_none():
    found = reservoirs.check(Config(), good())
    assert len(found) == 8
    assert all(check.passed for check in found)
    assert all(check.passed for check in reservoirs.check(Config(seed=7), good()))
    assert reservoirs.check(Config(networks=9), good()) == []


FIRST, SECOND, THIRD = (setting.name for setting in mackey_glass.settings(Config()))


@pytest.mark.parametrize(
    ("missed", "name", "change"),
    [
        ("(1)", "memory/tanh", lambda v: np.concatenate([v[:4], 2.01 * v[4:]])),
        ("(2)", "memory/delay line", lambda v: 0.98 * v),
        ("(2)", "memory/delay line", lambda v: 1.02 * v),
        ("(3)", "memory/linear, diagonal", lambda v: v * np.array([1, 1, 1, 1, 1.02])),
        ("(4)", "memory/strength", lambda v: np.concatenate([v[:4], v[3:4]])),
        ("(4)", "memory/strength", lambda v: v + np.array([0, 0, 0, 0, 1])[:, None] * np.array([0, 0, 0, 20, 0])),
        ("(5)", f"errors/{FIRST}", lambda v: np.concatenate([v[:4], 1.2 * v[4:]])),
        ("(5)", f"errors/{FIRST}", lambda v: np.nan * v),
        ("(6)", f"errors/{SECOND}", lambda v: 1.2 * v),
        ("(7)", f"errors/{THIRD}", lambda v: 1.2 * v),
        ("(8)", "narma/200", lambda v: v + 0.19),
        ("(8)", "narma/delay line", lambda v: v - 0.19),
        ("(8)", "narma/200", lambda v: np.full(10, 0.38) * (1 + 0 * v)),
    ],
)
def test_each_criterion_is_missed_by_results_that_do_not_meet_it(missed, name, change):
    results = good()
    results.curves[name] = change(results.curves[name])
    assert [check.name[:3] for check in reservoirs.check(Config(), results) if not check.passed] == [missed]


def test_a_linear_reservoir_that_holds_too_much_is_noticed():
    results = good()
    for kind in (capacity.LINEAR, capacity.DIAGONAL):
        results.curves[f"memory/{kind}"] = 1.2 * results.curves[f"memory/{kind}"]
    assert [check.name[:3] for check in reservoirs.check(Config(), results) if not check.passed] == ["(1)"]


def test_the_title_states_what_this_run_found():
    results = good()
    assert "tanh 100, linear 180, delay line 200" in finding(results)
    assert "0.00025 (tau 17, 400 units, 3000 steps)" in finding(results)
    results.curves["memory/tanh"] = results.curves["memory/tanh"] / 2
    assert "tanh 50" in finding(results)


def test_every_kind_of_reservoir_reads_the_same_inputs_and_options_reach_it(monkeypatch):
    seen = []

    def capacity_of(cell, params, inputs, size):
        seen.append((np.asarray(params[3 if len(params) > 4 else 0]), np.asarray(inputs), size))
        return 1.0

    monkeypatch.setattr(capacity, "_capacity", capacity_of)
    config = dataclasses.replace(Config(), sizes=(3,), memory_networks=2, memory_steps=40)
    with jax.enable_x64(True):
        for kind in capacity.KINDS:
            capacity.by_size(config, kind)
        capacity.by_strength(config)
    assert len(seen) == 2 * (4 + 5)
    assert {size for _, _, size in seen} == {3}
    first, second = seen[0][1], seen[1][1]
    assert first.shape == (40, 1)
    assert 0.6 < np.abs(first).max() <= 0.8
    assert all(np.array_equal(inputs, (first, second)[i % 2]) for i, (_, inputs, _) in enumerate(seen))
    assert not np.array_equal(first, second)
    sizes = np.array([np.abs(kernel).sum() for kernel, _, _ in seen[8::2]])
    np.testing.assert_allclose(sizes / sizes[3], config.strengths, rtol=1e-12)
