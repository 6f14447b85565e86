"""The command line of every experiment: options, run folder, table, figure, verdict."""

import argparse
import dataclasses
import os
import platform
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any, NoReturn

import jax
import matplotlib.pyplot as plt
import tyro
from threadpoolctl import threadpool_limits

from experiments.common import devices, processes
from experiments.common import options as checked
from experiments.common.checks import Check, verdict
from experiments.common.devices import Devices
from experiments.common.experiment import Experiment, Results
from experiments.common.figures import STYLE
from experiments.common.files import save_arrays, save_csv, save_figure, to_json, write
from experiments.common.folders import SUMMARY, new_folder, remove_if_empty, saved_config
from experiments.common.locks import locked
from experiments.common.parts import Part
from experiments.common.records import duration
from experiments.common.tables import short, table

SINGLE_THREADED = "--xla_cpu_multi_thread_eigen=false"
"""On few cores XLA's CPU thread pool can wait for itself: all threads asleep, the computation unfinished (the symptom of
jax-ml/jax issue 25861). One thread per matrix product makes that rarer, and is no slower where matrices are small. The same
holds for LAPACK, whose threads wait by spinning: with another program at work, a 64 x 64 exponential took 40 times as long."""


@dataclasses.dataclass(frozen=True)
class Options:
    """Options that every experiment has."""

    output: str = "results"
    """Folder for runs; this one goes to OUTPUT/NAME/STAMP."""
    resume: Path | None = None
    """Folder of an interrupted run to finish, with the options it was started with; no others are needed."""
    check: bool = False
    """Exit with status 1 if a criterion of the claim is missed."""

    def __post_init__(self):
        """Refuses an output without a name."""
        if not self.output:
            raise ValueError("--output must name a folder; got an empty string: leave it out for results")


def main(experiment: Experiment, argv: Sequence[str] | None = None) -> None:
    """Runs an experiment from the command line."""
    if experiment.single_threaded:  # read when jax first computes
        os.environ.setdefault("XLA_FLAGS", SINGLE_THREADED)
    try:
        argv = sys.argv[1:] if argv is None else argv
        early = _early(argv)
        resume = early.pop("resume", None)
        devices.start(Devices(**early))
        config, options, asked = _parse(experiment, argv, resume)
        devices.check_division(experiment.name, experiment.spreads, config, asked)
        with ExitStack() as stack:
            folder = processes.agreed(lambda: _entered(stack, experiment, config, options))
            stack.enter_context(_lapack_threads(experiment))
            checks = _run(experiment, config, folder, resumed=options.resume is not None)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    if options.check and not all(check.passed for check in checks):
        sys.exit(1)


def _entered(stack: ExitStack, experiment: Experiment, config: Any, options: Options) -> Path:
    """The folder of the run, locked until the stack is left."""
    folder = options.resume or new_folder(Path(options.output), experiment.name, to_json(dataclasses.asdict(config)))
    stack.enter_context(locked(folder))
    return folder


def _lapack_threads(experiment: Experiment) -> AbstractContextManager[Any]:
    return threadpool_limits(1) if experiment.single_threaded else nullcontext()


def _run(experiment: Experiment, config: Any, folder: Path, resumed: bool) -> list[Check]:
    """Computes, draws and judges; prints what was found."""
    started = time.monotonic()
    try:
        with processes.quiet():
            print(f"{experiment.name}: {experiment.claim}\n({experiment.source})\nwriting to {folder}")
            results = experiment.run(config, Part(folder))
            print(table(results.rows))
        checks = experiment.check(config, results)
        seconds = round(time.monotonic() - started)
        about = {"options": dataclasses.asdict(config), "seconds": seconds, "resumed": resumed}
        if processes.is_first():
            _save(folder, experiment, results, {"checks": [check._asdict() for check in checks], **about})
    except KeyboardInterrupt:
        _stop(f"interrupted; {_how_to_resume(experiment, folder)}", status=130)
    except (ValueError, FloatingPointError, ImportError) as error:
        if processes.is_first():
            remove_if_empty(folder)
        _stop(f"error: {error}")
    except OSError as error:
        _stop(f"error: {error}; make room, then {_how_to_resume(experiment, folder)}")
    with processes.quiet():
        for name, value in results.summary.items():
            print(f"{name}: {short(value, 6)}")
        print(f"figure: {folder / 'figure.png'}", *checks, verdict(checks), sep="\n")
    return checks


def _how_to_resume(experiment: Experiment, folder: Path) -> str:
    return f"python -m experiments {experiment.name} --resume {folder} goes on from there"


def _stop(message: str, status: int = 1) -> NoReturn:
    print(message, file=sys.stderr)
    devices.leave(status)


def _parse(experiment: Experiment, argv: Sequence[str], folder: Path | None) -> tuple[Any, Options, Devices]:
    """Reads the options; those of a run to resume come from its folder, and others that are given must agree."""
    saved = None
    if folder is not None:
        try:
            saved = checked.from_json(experiment.config, processes.agreed(lambda: saved_config(folder)))
        except ValueError as error:
            raise ValueError(f"--resume {folder}: {error}") from error
    default = experiment.config() if saved is None else saved
    arguments = dataclasses.make_dataclass(
        "Arguments",
        [
            ("experiment", tyro.conf.OmitArgPrefixes[experiment.config], dataclasses.field(default=default)),
            ("run", tyro.conf.OmitArgPrefixes[Options], dataclasses.field(default_factory=Options)),
            ("devices", tyro.conf.OmitArgPrefixes[Devices], dataclasses.field(default_factory=Devices)),
        ],
    )
    description = f"{experiment.claim}\n\nSource: {experiment.source}. Takes {duration(experiment.name)} on two CPU cores."
    parsed = tyro.cli(arguments, prog=f"python -m experiments {experiment.name}", description=description, args=argv)
    checked.check_numbers(parsed.experiment)
    if saved is not None and (difference := checked.first_difference(parsed.experiment, saved)):
        raise ValueError(f"--resume {folder}: that run has {difference}; leave the option out")
    return parsed.experiment, parsed.run, parsed.devices


def _early(argv: Sequence[str]) -> dict[str, Any]:
    """What has to be known before the other options are read; tyro reads it again, and says what is wrong with it."""
    kinds = {"resume": Path, "devices": int, "coordinator": str, "num_processes": int, "process_id": int}
    parser = argparse.ArgumentParser(
        add_help=False, allow_abbrev=False, exit_on_error=False, argument_default=argparse.SUPPRESS
    )
    for name, kind in kinds.items():
        parser.add_argument(*{checked.option(name), f"--{name}"}, type=kind)
    try:
        return vars(parser.parse_known_args(list(argv))[0])
    except argparse.ArgumentError:
        return {}


def _save(folder: Path, experiment: Experiment, results: Results, about: dict[str, Any]) -> None:
    """Writes figure, arrays, table and summary; the summary last, for it says that the run is finished."""
    with plt.rc_context(STYLE):
        figure = experiment.plot(results)
        for suffix in ("png", "svg"):
            write(folder / f"figure.{suffix}", lambda path, kind=suffix: save_figure(path, figure, kind))
            figure.set_layout_engine("none")  # the second file has the layout of the first
        plt.close(figure)
    write(folder / "curves.npz", lambda path: save_arrays(path, results.curves))
    write(folder / "metrics.csv", lambda path: save_csv(path, results.rows))
    summary = {**results.summary, **about, "environment": _environment()}
    write(folder / SUMMARY, lambda path: path.write_text(to_json(summary)))


def _environment() -> dict[str, str]:
    device = jax.devices()[0]
    return {"jax": jax.__version__, "device": f"{device.platform} {device.device_kind}", "python": platform.python_version()}
