"""The closed form of `truncation`, its criteria on synthetic results, what it times, and a smoke run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from runs import SMALL, finished, refused

from experiments import truncation
from experiments.common import handwritten
from experiments.common.experiment import Results
from experiments.common.networks import READOUTS, draw_all, hidden, mean_loss
from experiments.truncation import costs, linear
from experiments.truncation.costs import last_window_loss
from experiments.truncation.figure import finding
from experiments.truncation.findings import STAGES
from recurrent import elman, lstm, unroll_truncated
from recurrent.flow import truncation_bias

pytestmark = [
    pytest.mark.xdist_group("digits_agreement"),
    pytest.mark.usefixtures("users_numerics"),
]  # compiled networks are shared

LINEAR = ["--linear-size", "4", "--draws", "2", "--radii", "0.9", "1"]


def test_truncation_runs_without_reading_test_digits(tmp_path, monkeypatch):
    images, labels, test_images, _ = handwritten.split()
    monkeypatch.setattr(handwritten, "split", lambda: (images, labels, np.full_like(test_images, np.nan), None))
    of_lstms, of_linear = truncation._lstm_errors, truncation._linear_errors

    def lstm_errors(cell, stages, xs, labels, window):  # each window is a program to compile: that of 1 has errors of its own
        if window == 16:
            return of_lstms(cell, stages, xs, labels, window)
        made = {"relative_error": np.array([[0.75], [0.25]]), "cosine": np.array([[0.5], [1.0]])}
        return {f"{name}/{stage}/{readout}": made[name] for name in made for stage in stages for readout in READOUTS}

    def linear_errors(config, window):
        return of_linear(config, window) if window == 16 else {"0.9": np.array([0.25, 0.75]), "1": np.array([1.25, 1.5])}

    def cost_of_the_ends(cell, network, xs, labels, windows, repeats):
        found = costs.cost(cell, network, xs, labels, (windows[0], windows[-1]), repeats)
        return {name: values[..., [0, 0, 1]] for name, values in found.items()}

    monkeypatch.setattr(truncation, "_lstm_errors", lstm_errors)
    monkeypatch.setattr(truncation, "_linear_errors", linear_errors)
    monkeypatch.setattr(truncation, "cost", cost_of_the_ends)
    options = ["--windows", "1", "16", "--networks", "2", "--batches", "1", "--repeats", "2", *LINEAR]
    folder, rows, summary = finished(truncation.EXPERIMENT, [*SMALL, *options], tmp_path)
    assert len(rows) == 2 * 2 + 4 * 2 + 3
    assert [float(row["relative error"]) for row in rows[:-3] if row["window"] == "1"] == [0.5, 1.375, *[0.5] * 4]
    assert rows[-1]["window"] == "64"
    assert float(rows[-1]["tape kB"]) == pytest.approx(64 * 7 * 3 * 4 * 4 / 1e3)
    assert summary["tape kB, window 1 / full"] == pytest.approx(1 / 64)
    assert len(summary["checks"]) == 2 + 4 * 3 + 1
    with np.load(folder / "curves.npz") as curves:
        assert all(np.isfinite(curves[name]).all() for name in curves.files)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--windows", "1", "5", "32"], "--windows must increase, divide 64 and be less"),
        (["--windows", "1", "64"], "--windows must increase, divide 64 and be less"),
        (["--windows", "2", "8"], "--windows must begin with 1"),
        (["--windows", "1"], "--windows must begin with 1 and be two or more"),
        (["--radii", "1", "0.9"], "--radii must be increasing numbers above 0"),
        (["--radii", "2"], "--radii must be at most 1.5"),
        (["--networks", "1"], "--networks must be at least 2; got 1"),
        (["--draws", "1"], "--draws must be at least 2; got 1"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(truncation.EXPERIMENT, options, tmp_path / "results", capsys)


@pytest.mark.parametrize("radius", [0.8, 1.0, 1.05])
@pytest.mark.parametrize("window", [1, 8, 32, 64])
def test_the_law_is_the_share_of_the_lags_that_are_cut_off(radius, window):
    squares = radius ** (2.0 * np.arange(64))
    assert linear.law(radius, window, 64) == pytest.approx(np.sqrt(squares[window:].sum() / squares.sum()))


@pytest.mark.parametrize("radius", [0.8, 1.0, 1.05])
def test_linear_networks_follow_the_law(radius):
    keys = jax.random.split(jax.random.key(1), 16)
    for window in (2, 4):
        errors = np.asarray(linear.measurer(32, 8, 8, window)(keys, radius))
        assert errors.shape == (16,)
        assert errors.mean() == pytest.approx(linear.law(radius, window, 8), rel=0.1)


def test_the_error_of_the_input_kernel_is_that_of_its_own_gradient():
    cell = elman(3, 4, activation="identity")
    params, xs = cell.init(jax.random.key(0)), jax.random.normal(jax.random.key(1), (8, 2, 3))
    own = linear.of_input_kernel(cell, params)
    found = truncation_bias(own, params.input_kernel, xs, lambda h, hs: jnp.sum(h), window=2)

    def gradient(window):
        return jax.grad(lambda p: jnp.sum(unroll_truncated(cell, p, xs, window=window)[0]))(params).input_kernel

    expected = jnp.linalg.norm(gradient(2) - gradient(8)) / jnp.linalg.norm(gradient(8))
    assert float(found.relative_error) == pytest.approx(float(expected), rel=1e-4)


def test_the_error_at_the_full_length_is_0():
    cell = lstm(1, 4)
    network = jax.tree.map(lambda leaf: leaf[0], draw_all(cell, jax.random.split(jax.random.key(0), 1), 10, 4))
    xs, labels = jax.random.normal(jax.random.key(1), (8, 3, 1)), jnp.array([0, 1, 2])
    assert truncation.bias(cell, network, xs, labels, jnp.full(8, 1 / 8), 8)["relative_error"] <= 1e-6


def test_the_timed_gradient_is_the_truncated_one():
    cell = lstm(1, 4)
    network = jax.tree.map(lambda leaf: leaf[0], draw_all(cell, jax.random.split(jax.random.key(0), 1), 10, 4))
    xs, labels = jax.random.normal(jax.random.key(1), (64, 3, 1)), jnp.array([0, 1, 2])

    def truncated(params):
        state, _ = unroll_truncated(cell, params, xs, window=16)
        return mean_loss(network, hidden(state), labels)

    timed = jax.jit(jax.grad(lambda n: last_window_loss(cell, 16, n, xs, labels)))(network)
    for ours, theirs in zip(timed.cell, jax.jit(jax.grad(truncated))(network.cell), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


CONFIG = truncation.Config(radii=(0.9, 1.0), windows=(1, 8, 32))
ERRORS = {1: 0.9, 8: 0.6, 32: 0.3}
SPREAD = np.linspace(-0.01, 0.01, 6)


def results(changes=None):
    """Results that meet every criterion, but for the changes."""
    curves = {"windows": np.array(CONFIG.windows), "loss": 0.2 + SPREAD}
    for window in CONFIG.windows:
        for radius in CONFIG.radii:
            curves[f"linear/{radius:g}/{window}"] = linear.law(radius, window, 64) * (1 + SPREAD)
        for stage in STAGES:
            for readout in READOUTS:
                curves[f"relative_error/{stage}/{readout}/{window}"] = ERRORS[window] + SPREAD[:, None] * np.ones(2)
    return Results([], {}, curves | (changes or {}))


def errors(stage, readout, values):
    return {f"relative_error/{stage}/{readout}/{w}": np.array(values[w])[..., None] for w in CONFIG.windows}


TRAINED = "LSTM trained, last state: "
MISSED = {
    "linear, radius 0.9: a bound's largest distance from the closed form, relative": {
        "linear/0.9/32": linear.law(0.9, 32, 64) * (1.045 + SPREAD)
    },
    "linear, radius 1: a bound's largest distance from the closed form, relative": {
        "linear/1/8": linear.law(1, 8, 64) * (1 + 10 * SPREAD)  # right on average, not for sure
    },
    TRAINED + "largest rise of the error": errors(
        "trained", READOUTS[0], {1: 0.5 + SPREAD, 8: 0.525 + SPREAD, 32: 0.1 + SPREAD}
    ),
    TRAINED + "error at window 1": errors("trained", READOUTS[0], {1: 0.104 + SPREAD, 8: SPREAD + 0.05, 32: SPREAD - 0.05}),
    TRAINED + "error at window 1 minus at 32": errors(
        "trained", READOUTS[0], {w: 0.8 + 0.1 * e + SPREAD for w, e in ERRORS.items()}
    ),
    "LSTM: loss of the trained, of that of guessing": {"loss": np.array([0.2] * 5 + [2.3])},
}


def test_results_as_claimed_meet_every_criterion():
    checks = truncation.check(CONFIG, results())
    assert all(check.passed for check in checks)
    assert set(MISSED) <= {check.name for check in checks}
    assert len(checks) == 2 + 4 * 3 + 1


@pytest.mark.parametrize("name", MISSED)
def test_a_result_that_breaks_one_criterion_misses_it_alone(name):
    checks = truncation.check(CONFIG, results(MISSED[name]))
    assert [check.name for check in checks if not check.passed] == [name]


def test_the_title_is_computed():
    assert "error falls with every longer window, and training does not surely change it" in finding(results())
    more = {1: 0.9 + SPREAD, 8: 0.8 + SPREAD, 32: 0.81 + SPREAD}
    text = finding(results(errors("trained", READOUTS[0], more)))
    assert "does not surely fall with every longer window, and training raises it" in text
    assert "windows of 8 of 64 steps from 0.60 to 0.80" in text
