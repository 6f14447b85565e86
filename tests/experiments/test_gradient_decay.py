"""Smoke runs of the main experiment and of what all share: run folders, options, interrupted runs; and its laws."""

import json

import jax
import numpy as np
import pytest

from experiments import gradient_decay
from experiments.common.command import main
from experiments.common.text import standard_library_text
from experiments.gradient_decay import laws
from experiments.gradient_decay.data import text_sequences

pytestmark = [pytest.mark.xdist_group("experiments"), pytest.mark.usefixtures("users_numerics")]  # the runs are shared

TINY = ["--hidden-size", "6", "--sequences", "2", "--seeds", "2", "--radii", "0.5", "1.0"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    output = tmp_path_factory.mktemp("results")
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        main(gradient_decay.EXPERIMENT, [*TINY, "--input", "noise", "--num-steps", "12", "--output", str(output)])
    return next((output / "gradient_decay").iterdir())


def test_a_run_leaves_every_file(finished):
    names = {path.name for path in finished.iterdir()}
    assert names == {"config.json", "metrics.csv", "summary.json", "figure.png", "figure.svg", "curves.npz", "parts"}
    rows = (finished / "metrics.csv").read_text().splitlines()
    assert rows[0].split(",") == ["setting", "rho", "predicted", "measured", "lag", "verdict"]
    assert len(rows) == 1 + 4 * 3 * 2 + 3 + 1
    summary = json.loads((finished / "summary.json").read_text())
    assert summary["largest error of ln(rho), linear orthogonal"] < 1e-5


def test_a_finished_run_is_never_overwritten(finished, tmp_path):
    before = (finished / "summary.json").read_bytes()
    with pytest.raises(SystemExit, match="is finished"):
        main(gradient_decay.EXPERIMENT, ["--resume", str(finished)])
    with pytest.raises(SystemExit, match="no config.json"):
        main(gradient_decay.EXPERIMENT, ["--resume", str(tmp_path)])
    assert (finished / "summary.json").read_bytes() == before


def test_an_interrupted_run_continues_with_what_it_had(finished, tmp_path, capsys):
    folder = tmp_path / "gradient_decay" / "stopped"
    (folder / "parts").mkdir(parents=True)
    (folder / "config.json").write_bytes((finished / "config.json").read_bytes())
    for part in (finished / "parts").iterdir():
        if part.name != "gru.npz":
            (folder / "parts" / part.name).write_bytes(part.read_bytes())
    options = [*TINY, "--input", "noise", "--num-steps", "12"]
    with pytest.raises(SystemExit, match="another configuration"):
        main(gradient_decay.EXPERIMENT, ["--seeds", "3", "--resume", str(folder)])
    main(gradient_decay.EXPERIMENT, [*options, "--resume", str(folder)])
    assert (folder / "metrics.csv").read_text() == (finished / "metrics.csv").read_text()


@pytest.mark.parametrize(
    "options",
    [
        ["--radii", "-1"],
        ["--hidden-size", "0"],
        ["--num-steps", "3"],
        ["--input", "speech"],
        ["--hiden-size", "3"],
        ["--radii"],
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        main(gradient_decay.EXPERIMENT, [*options, "--output", str(tmp_path / "results")])
    assert stopped.value.code
    assert not (tmp_path / "results").exists()


def test_a_run_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match="cannot create"):
        main(gradient_decay.EXPERIMENT, [*TINY, "--output", str(tmp_path / "file")])


@pytest.mark.parametrize("law", ["orthogonal_is_flat", "constant_gates"])
def test_the_laws_hold(law):
    assert getattr(laws, law)().passed


def test_the_sufficient_condition_on_fewer_networks():
    assert laws.sufficient_condition(count=60).passed


def test_text_windows():
    xs, following = text_sequences("abcabcabc", 4, 5, seed=0)
    assert xs.shape == (4, 5, 3)
    np.testing.assert_array_equal((xs[-1].argmax(-1) + 1) % 3, following)
    with pytest.raises(ValueError, match="too few"):
        text_sequences("abc", 4, 5, seed=0)
    assert "def " in standard_library_text(10_000)
