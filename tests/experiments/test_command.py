"""The command line: the list, one experiment by its name, names that do not exist."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from runs import FILES
from threadpoolctl import threadpool_info

from experiments import cliff
from experiments.__main__ import all_names, load, main
from experiments.common import records
from experiments.common.command import SINGLE_THREADED
from experiments.common.experiment import Results

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.xdist_group("experiments"), pytest.mark.usefixtures("users_numerics")]

TINY = ["--num-steps", "20", "--num-starts", "3", "--updates", "4", "--resolution", "6"]


def test_the_list_names_every_experiment(capsys):
    names = {path.parent.name for path in (ROOT / "experiments").glob("*/__main__.py")}
    assert set(all_names()) == names
    assert all(load(name).name == name for name in names)
    main([])
    printed = capsys.readouterr().out
    for experiment in map(load, names):
        assert experiment.claim
        assert experiment.source
        line = f"python -m experiments {experiment.name}   ({records.duration(experiment.name)})\n    {experiment.claim}"
        assert line in printed


def test_a_name_runs_that_experiment_with_its_options(monkeypatch, tmp_path):
    """What it computes is seen by its own tests."""

    def run(config, part):
        return Results([part("only", lambda: {"steps": config.num_steps})], {}, {})

    monkeypatch.setattr(
        cliff, "EXPERIMENT", cliff.EXPERIMENT._replace(run=run, plot=lambda results: plt.figure(), check=lambda *_: [])
    )
    main(["cliff", *TINY, "--output", str(tmp_path)])
    (folder,) = (tmp_path / "cliff").iterdir()
    assert {path.name for path in folder.iterdir()} == FILES
    assert '"num_steps": 20' in (folder / "config.json").read_text()
    assert (folder / "metrics.csv").read_text().split() == ["steps", "20"]


def test_both_forms_of_the_command_print_the_same_options(monkeypatch, capsys):
    command = [sys.executable, "-m", "experiments", "cliff", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "--num-starts" in done.stdout
    assert "--check" in done.stdout
    monkeypatch.setattr(sys, "argv", ["cliff", "--help"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("experiments.cliff", run_name="__main__")
    assert not stopped.value.code
    assert options_of(capsys.readouterr().out) == options_of(done.stdout)


def options_of(text):
    """The names of all options in a help text."""
    return re.findall(r"--[a-z][a-z-]+", text)


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("clif", "did you mean cliff"), ("gradient-decay", "did you mean gradient_decay"), ("common", None), ("qqq", None)],
)
def test_an_unknown_name_is_refused_with_the_nearest_ones_and_all(name, suggestion):
    with pytest.raises(SystemExit) as stopped:
        main([name, "--check"])
    said = str(stopped.value.code)
    assert said.startswith(f"error: there is no experiment {name!r}")
    assert all(other in said for other in all_names())
    assert suggestion in said if suggestion else "did you mean" not in said


def test_an_unknown_option_is_refused(tmp_path):
    with pytest.raises(SystemExit) as stopped:
        main(["cliff", "--num-stars", "3", "--output", str(tmp_path / "results")])
    assert stopped.value.code
    assert not (tmp_path / "results").exists()


def test_flags_of_xla_and_threads_of_lapack_are_set_before_the_experiment_runs(monkeypatch, tmp_path):
    seen, threads = [], set()

    def run(config, part):
        seen.append(os.environ.get("XLA_FLAGS"))
        threads.update(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return Results([], {}, {})

    monkeypatch.setattr(
        cliff, "EXPERIMENT", cliff.EXPERIMENT._replace(run=run, plot=lambda results: plt.figure(), check=lambda *_: [])
    )
    for given in (None, "--xla_cpu_enable_fast_math=false"):
        monkeypatch.delenv("XLA_FLAGS", raising=False)
        if given:
            monkeypatch.setenv("XLA_FLAGS", given)
        main(["cliff", "--output", str(tmp_path)])
    assert seen == [SINGLE_THREADED, "--xla_cpu_enable_fast_math=false"]
    assert threads == {1}


def test_no_experiment_computes_when_it_is_imported():
    """Otherwise flags of XLA that the command sets would come too late."""
    code = (
        "import os, jax; from experiments.__main__ import all_names, load; [load(name) for name in all_names()]; "
        "os.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=3'; print(jax.device_count())"
    )
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "3", done.stderr
