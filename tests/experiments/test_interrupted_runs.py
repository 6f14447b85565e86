"""Runs as processes: interrupted, resumed, locked, on a full disk; what they say, and what they leave behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
import slow_walk
from runs import FILES

from experiments.common.command import main

ROOT, HERE = Path(__file__).parents[2], Path(__file__).parent
pytestmark = pytest.mark.xdist_group("interrupted")


def start(*options, largest_file=None, **keywords):
    """Starts the experiment; no file may grow beyond so many kilobytes, as on a full disk."""
    command = [sys.executable, str(HERE / "slow_walk.py"), *map(str, options)]
    if largest_file is not None:
        command = ["bash", "-c", f'ulimit -f {largest_file}; exec "$@"', "bash", *command]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, **pipes, **keywords)


def finish(*options, **keywords):
    process = start(*options, **keywords)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.fixture
def run_here(capsys, monkeypatch):
    """Does the same in this process, which is there already, and without pauses: exit status, output and errors."""
    monkeypatch.setattr(slow_walk, "time", types.SimpleNamespace(sleep=lambda seconds: None))

    def run(*options):
        capsys.readouterr()
        try:
            main(slow_walk.EXPERIMENT, list(map(str, options)))
            code = 0
        except SystemExit as stopped:
            code = stopped.code
        out, err = capsys.readouterr()
        return (1, out, err + code) if isinstance(code, str) else (code, out, err)

    return run


def wait_for_a_part(process, output):
    while not list(output.glob("slow_walk/*/parts/part_0.npz")):
        assert process.poll() is None
        time.sleep(0.01)


def stopped_in_the_middle(tmp_path, by, *options):
    """Starts a run, waits until its first part is saved, and sends it a signal."""
    process = start("--output", tmp_path, "--steps", 3, "--pause", 60, "--target", -1, *options)
    wait_for_a_part(process, tmp_path)
    process.send_signal(by)
    _, err = process.communicate(timeout=60)
    (folder,) = (tmp_path / "slow_walk").iterdir()
    return process.returncode, err, folder


@pytest.mark.parametrize("options", [(), ("--devices", 2)])
def test_a_run_that_is_interrupted_tells_in_one_line_how_it_goes_on_and_does(tmp_path, run_here, options):
    """Threads that compute parts on several devices are left alone; the lock lasts no longer than the process."""
    status, err, folder = stopped_in_the_middle(tmp_path, signal.SIGINT, *options)
    assert status == 130
    said = [line for line in err.replace("\r", "\n").splitlines() if not re.match(r"\s*(\x1b|part:|$)", line)]
    assert said == [f"interrupted; python -m experiments slow_walk --resume {folder} goes on from there"]
    saved = folder / "parts" / "part_0.npz"
    assert {path.name for path in folder.iterdir()} - {"lock"} == {"config.json", "parts"}
    before = saved.stat().st_mtime_ns
    status, out, err = run_here("--resume", folder)
    assert status == 0, err
    assert saved.stat().st_mtime_ns == before
    assert {path.name for path in folder.iterdir()} == FILES
    assert "verdict: the claim holds, all 1 criteria are met" in out
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["resumed"]
    assert summary["options"]["steps"] == 3


def test_a_killed_run_is_announced_and_its_lock_is_gone(tmp_path, run_here):
    status, _, folder = stopped_in_the_middle(tmp_path, signal.SIGKILL)
    assert status == -signal.SIGKILL
    _, out, _ = run_here("--output", tmp_path, "--steps", 3, "--pause", 60, "--target", -1)
    assert f"note: {folder} is an interrupted run of this configuration; --resume {folder} finishes it" in out
    status, _, err = run_here("--resume", folder, "--steps", 4)
    assert (status, err) == (1, f"error: --resume {folder}: that run has --steps 3, not 4; leave the option out")
    assert run_here("--resume", folder)[0] == 0


def test_a_live_run_is_neither_announced_nor_entered_by_another_process(tmp_path, run_here):
    options = ("--output", tmp_path, "--pause", 60)
    process = start(*options)
    try:
        wait_for_a_part(process, tmp_path)
        (folder,) = (tmp_path / "slow_walk").iterdir()
        status, _, err = run_here("--resume", folder)
        assert status == 1
        assert f"is being written by process {process.pid} on " in err
        status, out, _ = run_here(*options)
        assert status == 0
        assert out.startswith("slow_walk: A walk goes nowhere.")
    finally:
        process.kill()
        process.communicate()


def test_a_full_disk_leaves_no_half_file_and_says_what_to_do(tmp_path, run_here):
    status, _, err = finish("--output", tmp_path, largest_file=20)  # what a part takes needs a little more
    (folder,) = (tmp_path / "slow_walk").iterdir()
    assert status == 1
    assert "cannot write " in err
    assert err.strip().splitlines()[-1].endswith(f"python -m experiments slow_walk --resume {folder} goes on from there")
    assert "Traceback" not in err
    assert not list(folder.rglob("*.partial"))
    assert run_here("--resume", folder)[0] == 0


def test_old_runs_that_cannot_be_read_are_named_and_skipped(tmp_path, run_here):
    for name, text in (("a", "{"), ("b", "[1]"), ("c", "\x00")):
        folder = tmp_path / "slow_walk" / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(text)
    status, out, err = run_here("--output", tmp_path)
    assert status == 0, err
    for name in "abc":
        assert f"{tmp_path / 'slow_walk' / name / 'config.json'}" in out


def test_a_missed_criterion_is_the_last_word_and_with_check_the_exit_status_and_equal_runs_write_equal_files(
    tmp_path, run_here
):
    for name, run, options, expected in (("a", run_here, (), 0), ("b", finish, ("--check",), 1)):
        status, out, _ = run("--output", tmp_path / name, "--target", 5, *options)
        assert status == expected
        assert out.strip().endswith("verdict: the claim is NOT met by this run, which misses 1 of 1 criteria")
        assert "FAIL  mean: " in out
    (one,), (two,) = (list((tmp_path / name / "slow_walk").iterdir()) for name in "ab")
    for name in ("figure.png", "figure.svg", "curves.npz", "metrics.csv", "config.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--target", "nan"), "--target must be finite; got nan"),
        (("--weights", "1", "inf"), "--weights must be finite; got inf"),
        (("--output", ""), "--output must name a folder"),
        (("--resume", "nowhere"), "--resume nowhere: there is no config.json"),
        (("--resume",), "--resume"),
    ],
)
def test_a_bad_option_is_named_and_nothing_is_written(options, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(slow_walk.EXPERIMENT, options)
    assert stopped.value.code
    assert message in " ".join(f"{stopped.value.code} {capsys.readouterr().err}".replace("│", " ").split())
    assert not list(tmp_path.iterdir())


def test_a_process_with_a_bad_option_fails_in_one_line(tmp_path):
    status, out, err = finish("--target", "nan", cwd=tmp_path)
    assert (status, out, err.strip()) == (1, "", "error: --target must be finite; got nan: give a number")
    assert not list(tmp_path.iterdir())
