"""Smoke runs of the main experiment and of what all share: run folders, options, interrupted runs; and its laws."""

import json

import jax
import numpy as np
import pytest
from runs import drawn_empty, refused

from experiments import gradient_decay
from experiments.common.command import main
from experiments.common.text import standard_library_text
from experiments.gradient_decay import laws
from experiments.gradient_decay.data import load_sequences, longest_lag, text_sequences
from experiments.gradient_decay.measures import measure

pytestmark = [pytest.mark.xdist_group("experiments"), pytest.mark.usefixtures("users_numerics")]  # the runs are shared

TINY = ["--hidden-size", "6", "--sequences", "2", "--seeds", "2", "--radii", "0.5", "1.0", "--bounded", "20"]
COLUMNS = ["setting", "rho", "predicted", "measured", "low", "high", "dead", "lag", "verdict"]


MADE_UP = {"tanh": -0.25, "sigmoid": -2.0, "relu": -0.5}
"""Rates of networks that are not measured, each activation being a program to compile."""


def measure_some(cell, networks, xs, labels, theory, updates):
    """Half of the sequences of `relu` are dead from the third lag on."""
    activation = theory.args[0]
    if activation not in MADE_UP:
        return measure(cell, networks, xs, labels, theory, updates)
    steps, sequences = xs.shape[1:3]
    curve = np.broadcast_to(MADE_UP[activation] * np.arange(steps + 1)[:, None] / np.log(10), (steps + 1, sequences)).copy()
    if activation == "relu":
        curve[3:, ::2] = -np.inf
    count = len(networks.bias)
    return {"curve": np.tile(curve, (count, 1, 1)), "predicted": np.full(count, -0.2), "log_eta": np.zeros(count)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    output = tmp_path_factory.mktemp("results")
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(gradient_decay, "measure", measure_some)
    monkeypatch.setattr(laws, "measure", lambda count: {"linear": 0.001, "orthogonal": 0.0, "exceeding": 0.0, "gates": 1e-3})
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        main(gradient_decay.EXPERIMENT, [*TINY, "--input", "noise", "--num-steps", "12", "--output", str(output)])
    monkeypatch.undo()
    return next((output / "gradient_decay").iterdir())


def test_a_run_leaves_every_file(finished):
    names = {path.name for path in finished.iterdir()}
    assert names == {"config.json", "metrics.csv", "summary.json", "figure.png", "figure.svg", "curves.npz", "parts"}
    rows = (finished / "metrics.csv").read_text().splitlines()
    assert rows[0].split(",") == COLUMNS
    assert len(rows) == 1 + 4 * 3 * 2 + 3 + 1
    measured = {row.split(",")[0].split()[0]: float(row.split(",")[3]) for row in rows[1:]}
    assert [measured["tanh"], measured["sigmoid"]] == pytest.approx([-0.25, -2.0])
    assert measured["relu"] == -np.inf  # the median of a dead sequence and another one
    summary = json.loads((finished / "summary.json").read_text())
    assert summary["checks"] == []
    assert [summary[name] for name, _ in laws.LAWS.values()] == [0.001, 0.0, 0.0, 1e-3]


def test_orthogonal_linear_networks_of_a_run_decay_by_the_radius(finished):
    with np.load(finished / "curves.npz") as curves:
        for radius in (0.5, 1.0):
            np.testing.assert_allclose(curves[f"rate/identity orthogonal/{radius:g}"], np.log(radius), atol=1e-5)
            np.testing.assert_allclose(curves[f"predicted/identity orthogonal/{radius:g}"], np.log(radius), atol=1e-5)


def test_a_finished_run_is_never_overwritten(finished, tmp_path):
    before = (finished / "summary.json").read_bytes()
    with pytest.raises(SystemExit, match="is finished"):
        main(gradient_decay.EXPERIMENT, ["--resume", str(finished)])
    with pytest.raises(SystemExit, match=r"no config\.json"):
        main(gradient_decay.EXPERIMENT, ["--resume", str(tmp_path)])
    assert (finished / "summary.json").read_bytes() == before


def test_an_interrupted_run_continues_with_what_it_had(finished, tmp_path, monkeypatch):
    folder = tmp_path / "gradient_decay" / "stopped"
    (folder / "parts").mkdir(parents=True)
    (folder / "config.json").write_bytes((finished / "config.json").read_bytes())
    for part in (finished / "parts").iterdir():
        if part.name != "gru.npz":
            (folder / "parts" / part.name).write_bytes(part.read_bytes())
    with pytest.raises(SystemExit, match="that run has --seeds 2, not 3"):
        main(gradient_decay.EXPERIMENT, ["--seeds", "3", "--resume", str(folder)])
    monkeypatch.setattr(laws, "measure", lambda count: pytest.fail("the laws were saved"))
    monkeypatch.setattr(gradient_decay, "vanilla_networks", lambda *given: None)  # all that needs them was saved
    main(drawn_empty(gradient_decay.EXPERIMENT), ["--resume", str(folder)])
    assert (folder / "metrics.csv").read_text() == (finished / "metrics.csv").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--radii", "-1"], "--radii"),
        (["--radii"], "--radii"),
        (["--radii", "1", "1.0"], "--radii must differ"),
        (["--hidden-size", "0"], "--hidden-size"),
        (["--input", "text", "--num-steps", "3"], "--num-steps must be at least 8"),
        (["--num-steps", "64"], "--num-steps 64 has no effect on digits"),
        (["--training-steps", "100"], "--training-steps 100 has no effect without --trained"),
        (["--trained", "--training-steps", "0"], "--training-steps must be at least 1"),
        (["--input", "speech"], "--input"),
        (["--hiden-size", "3"], "--hiden-size"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, said, tmp_path, capsys):
    assert said in refused(gradient_decay.EXPERIMENT, options, tmp_path / "results", capsys)


def test_a_run_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match="cannot create"):
        main(gradient_decay.EXPERIMENT, [*TINY, "--output", str(tmp_path / "file")])


def test_the_laws_hold_on_smaller_networks():
    small = {"linear": laws.linear_slope(8, 400), "orthogonal": laws.orthogonal_is_flat(8, 200)}
    found = {**small, "exceeding": laws.sufficient_condition(20), "gates": laws.constant_gates(4, 20)}
    assert [str(check) for check in laws.checks(found) if not check.passed] == []


def test_every_network_reads_sequences_of_its_own():
    xs, labels, classes = load_sequences("digits", 64, 3, 4, seed=0)
    assert (xs.shape, labels.shape, classes) == ((3, 64, 4, 1), (3, 4), 10)
    assert len(np.unique(np.asarray(xs)[..., 0].swapaxes(1, 2).reshape(12, 64), axis=0)) == 12


def test_lags_end_where_the_last_sequence_begins():
    xs = np.zeros((2, 20, 3, 1))
    xs[:, 2:] = 1
    assert longest_lag(xs) == 18
    xs[1, :5, 2] = 0
    assert longest_lag(xs) == 15
    assert longest_lag(np.ones((1, 20, 1, 1))) == 20


def test_text_windows():
    xs, following = text_sequences("abcabcabc", 4, 5, seed=0)
    assert xs.shape == (4, 5, 3)
    np.testing.assert_array_equal((xs[-1].argmax(-1) + 1) % 3, following)
    with pytest.raises(ValueError, match="too few"):
        text_sequences("abc", 4, 5, seed=0)
    assert "def " in standard_library_text(10_000)
