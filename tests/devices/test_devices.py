"""Several devices and several processes: they find what one finds, exchange what they must, and go on after one is killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import noisy_training
import numpy as np
import pytest
from helpers import drawn, relative_error
from jax.sharding import AbstractMesh

from experiments import char_lm, cliff
from experiments.common import devices
from experiments.common.command import main
from experiments.common.devices import Devices
from recurrent import lru, lstm
from recurrent.parallel import unroll_over_devices

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
pytestmark = pytest.mark.xdist_group("devices")
LIMIT = 120
"""Seconds after which a process hangs."""
ROUNDING = 2e-6
"""Of sums over a batch in float32, in another order, relative to the largest number."""


def environment():
    path = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), str(ROOT), str(HERE)])
    return os.environ | {"PYTHONPATH": path, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1", "PYTHONUNBUFFERED": "1"}


def start(*arguments):
    """Starts a program in Python."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(*processes):
    """Exit statuses and outputs; no process outlives the test."""
    try:
        outputs = [process.communicate(timeout=LIMIT)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], outputs


def run_eight(folder, *parts):
    (status,), (output,) = ended(start(HERE / "eight.py", folder, *parts))
    assert status == 0, output
    return {part: dict(np.load(folder / f"{part}.npz")) for part in parts}


def largest_difference(found):
    """Of eight devices from one, over all leaves."""
    pairs = [(found[name], found[f"1{name[1:]}"]) for name in found if name.startswith("8/")]
    assert len(pairs) == len(found) // 2 > 0
    return relative_error(*(list(leaves) for leaves in zip(*pairs, strict=True)))


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    return run_eight(tmp_path_factory.mktemp("eight"), "fit", "parts", "time_axis", "traffic")


def test_a_batch_that_is_spread_gives_the_losses_and_parameters_of_one_device(eight):
    assert 0 < largest_difference(eight["fit"]) < ROUNDING


def test_networks_that_are_spread_are_those_of_one_device_bit_for_bit(eight):
    assert eight["parts"].pop("devices") == 3
    assert largest_difference(eight["parts"]) == 0


def test_time_that_is_spread_gives_the_values_and_gradients_of_the_loop(eight):
    assert largest_difference(eight["time_axis"]) < 1e-12


def test_no_more_is_communicated_than_totals_and_gradients(eight):
    """A total is a and b, each of the size of the state: eight come in, and the gradient of one's own comes back."""
    found = {name: int(size) for name, size in eight["traffic"].items()}
    assert found["gradient 16"] == found["gradient 128"] == (8 + 1) * 2 * found["state"] + found["params"]
    assert found["step"] == found["trained"] + 4  # the loss


@pytest.mark.slow
def test_all_linear_cells_over_time_that_is_spread(tmp_path):
    found = run_eight(tmp_path, "time_axis_whole")
    assert largest_difference(found["time_axis_whole"]) < 1e-12


def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def together(folder, *options):
    """Two processes with two devices each."""
    port = free_port()
    return [start(HERE / "together.py", folder, port, process, *options) for process in (0, 1)]


def test_two_processes_find_what_one_finds_and_agree(eight, tmp_path):
    statuses, outputs = ended(*together(tmp_path))
    assert statuses == [0, 0], outputs
    assert ["says" in output for output in outputs] == [True, False]
    losses, parameters = noisy_training.found_in(tmp_path)
    one = [eight["fit"][f"1/{i}"] for i in range(1 + len(parameters))]
    assert relative_error([losses, *parameters], one) < ROUNDING


@pytest.mark.slow
def test_a_run_of_which_one_process_was_killed_goes_on_to_the_end_of_an_uninterrupted_one(tmp_path):
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    assert ended(*together(tmp_path / "whole"))[0] == [0, 0]
    statuses, _ = ended(*together(tmp_path / "killed", "7"))
    assert statuses[1] == -signal.SIGKILL
    assert statuses[0] not in (0, None)  # it ends, too
    assert not (tmp_path / "killed" / "parameters.npz").exists()
    assert (tmp_path / "killed" / "checkpoints" / "6").exists()  # from which both go on
    assert ended(*together(tmp_path / "killed"))[0] == [0, 0]
    whole, resumed = (noisy_training.found_in(tmp_path / name) for name in ("whole", "killed"))
    assert relative_error(resumed, whole) == 0


TINY = ["--hidden-size", "8", "--embed-size", "4", "--batch-size", "8", "--window", "8", "--updates", "40", "--max-order", "2"]


@pytest.mark.slow
def test_an_experiment_of_which_one_process_was_killed_is_resumed_by_both(tmp_path):
    """The language model: its training is the part that is cut off; what was computed before is read back by process 0."""
    text = tmp_path / "text.txt"
    text.write_text("".join(np.random.default_rng(0).choice(list("abcdefgh (){}"), 12_000)))
    options = ["-m", "experiments", "char_lm", "--text", text, *TINY]
    (status,), (output,) = ended(start(*options, "--output", tmp_path / "one"))
    assert status == 0, output
    running = both(*options, "--output", tmp_path / "two")
    (folder,) = killed_after(running, tmp_path / "two", "char_lm/*/checkpoints/*/notes").glob("char_lm/*")
    assert not (folder / "summary.json").exists()
    statuses, outputs = ended(*both(*options[:3], "--resume", folder))
    assert statuses == [0, 0], outputs
    assert "verdict" in outputs[0]
    assert "char_lm" not in outputs[1]
    (whole,) = tmp_path.glob("one/char_lm/*")
    assert (folder / "config.json").read_text() == (whole / "config.json").read_text()
    logs = [np.genfromtxt(run / "training.csv", delimiter=",", names=True) for run in (folder, whole)]
    assert len(logs[0]) == len(logs[1]) == 20
    for name in ("loss", "gradient_norm", "validation_loss"):
        np.testing.assert_allclose(logs[0][name], logs[1][name], rtol=1e-5)


@pytest.mark.slow
def test_parts_that_a_killed_process_has_saved_are_not_computed_again(tmp_path):
    options = [ROOT / "tests" / "experiments" / "slow_walk.py", "--steps", 8, "--pause", 1, "--target", -1]
    assert ended(start(*options, "--output", tmp_path / "one"))[0] == [0]
    running = both(*options, "--output", tmp_path / "two")
    (folder,) = killed_after(running, tmp_path / "two", "slow_walk/*/parts/part_[1357].npz").glob("slow_walk/*")
    saved = {file.name: file.stat().st_mtime_ns for file in (folder / "parts").glob("*.npz")}  # not what the kill cut off
    assert 0 < len(saved) < 8
    statuses, outputs = ended(*both(options[0], "--resume", folder))
    assert statuses == [0, 0], outputs
    assert "verdict" in outputs[0]
    assert "slow_walk" not in outputs[1]
    assert saved.items() <= {file.name: file.stat().st_mtime_ns for file in (folder / "parts").iterdir()}.items()
    (whole,) = tmp_path.glob("one/slow_walk/*")
    with np.load(folder / "curves.npz") as found, np.load(whole / "curves.npz") as expected:
        np.testing.assert_array_equal(found["x"], expected["x"])


def killed_after(running, output, pattern):
    """The output of two processes, the second of which is killed as soon as there is such a file; both end."""
    deadline = time.monotonic() + LIMIT
    while not list(output.glob(pattern)) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(running[1].pid, signal.SIGKILL)
    assert 0 not in ended(*running)[0]
    return output


def both(*options):
    """A command in two processes with two devices each."""
    shared = ["--devices", 2, "--coordinator", f"localhost:{free_port()}", "--num-processes", 2]
    return [start(*options, *shared, "--process-id", process) for process in (0, 1)]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"devices": 0}, "--devices must be at least 1; got 0"),
        ({"coordinator": "localhost:1", "num_processes": 2, "process_id": 2}, "got 2 of 2 processes"),
        ({"num_processes": 2}, "--coordinator and --num-processes belong together; got None and 2"),
        ({"coordinator": "localhost:1"}, "belong together; got localhost:1 and 1"),
        ({"coordinator": "localhost", "num_processes": 2}, "--coordinator must be HOST:PORT, such as localhost:12345"),
    ],
)
def test_processes_that_could_not_meet_are_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        Devices(**options)


@pytest.mark.parametrize(
    ("experiment", "options", "reason"),
    [
        (cliff, ["--devices", "2"], "cliff runs on one device"),
        (char_lm, ["--devices", "3"], "3 devices do not divide --batch-size 32: give a multiple of 3"),
        (char_lm, ["--devices=2", "--num_processes=24", "--coordinator=a:1"], "48 devices do not divide --batch-size 32"),
    ],
)
def test_devices_that_do_not_divide_an_experiment_are_refused_before_anything_is_written(
    experiment, options, reason, tmp_path, monkeypatch
):
    asked = []
    monkeypatch.setattr(devices, "start", asked.append)
    with pytest.raises(SystemExit, match=reason):
        main(experiment.EXPERIMENT, [*options, "--output", str(tmp_path / "runs")])
    assert asked[0].total > 1  # known before the other options are read
    assert not (tmp_path / "runs").exists()


def test_time_that_cannot_be_spread_is_refused():
    mesh, xs = AbstractMesh((8,), ("time",)), np.ones((12, 2, 3), np.float32)
    for cell, axis, reason in (
        (lru(3, 4), "time", "8 devices do not divide 12 steps"),
        (lru(3, 4), "rows", "the mesh has the axes time; got axis='rows'"),
        (lstm(3, 4), "time", "lstm\\(3, 4\\) has no linear form"),
    ):
        params, _ = drawn(cell)
        with pytest.raises(ValueError, match=reason):
            unroll_over_devices(cell, params, xs, mesh=mesh, axis=axis)
