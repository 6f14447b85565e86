"""Smoke runs of the main experiment and its plumbing, and the README's quickstart."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments import _data, _gradient_laws, gradient_decay
from experiments.__main__ import all_experiments
from experiments._run import main

ROOT = Path(__file__).parents[1]
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
    assert getattr(_gradient_laws, law)().passed


def test_the_sufficient_condition_on_fewer_networks():
    assert _gradient_laws.sufficient_condition(count=60).passed


def test_the_list_names_every_experiment():
    names = {path.stem for path in (ROOT / "experiments").glob("[a-z]*.py")}
    assert {e.name for e in all_experiments()} == names
    assert all(e.claim and e.source and e.duration for e in all_experiments())


def test_text_windows_and_digits():
    xs, following = _data.text_sequences("abcabcabc", 4, 5, seed=0)
    assert xs.shape == (4, 5, 3)
    np.testing.assert_array_equal((xs[-1].argmax(-1) + 1) % 3, following)
    with pytest.raises(ValueError, match="too few"):
        _data.text_sequences("abc", 4, 5, seed=0)
    assert "def " in _data.standard_library_text(10_000)
    images, labels = _data.digits()
    assert images.shape == (1797, 8, 8)
    assert images.max() == 1
    assert set(labels) == set(range(10))


def test_the_quickstart_of_the_readme_runs(tmp_path):
    code = re.search(r"## Quickstart\n.*?```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert code is not None
    assert len([line for line in code[1].splitlines() if line.strip()]) <= 20
    done = subprocess.run([sys.executable, "-c", code[1]], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "decay.png").stat().st_size > 5000
