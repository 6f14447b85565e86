"""The command line of every experiment: options, run folder, table, figure, checks."""

import dataclasses
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import matplotlib.pyplot as plt
import tyro

from experiments.common.experiment import Check, Experiment, Results
from experiments.common.files import save_arrays, save_csv, to_json, write
from experiments.common.folders import interrupted_folder, new_folder, remove_if_empty
from experiments.common.parts import Part
from experiments.common.tables import table

SINGLE_THREADED = "--xla_cpu_multi_thread_eigen=false"
"""On few cores XLA's CPU thread pool can wait for itself: all threads asleep, the computation unfinished (the symptom of
jax-ml/jax issue 25861). One thread per matrix product makes that rarer, and is no slower where matrices are small."""


@dataclasses.dataclass(frozen=True)
class Options:
    """Options that every experiment has."""

    output: Path = Path("results")
    """Folder for runs; this one goes to OUTPUT/NAME/STAMP."""
    resume: Path | None = None
    """Folder of an interrupted run to finish, with the configuration it was started with."""
    check: bool = False
    """Test the published claim, and exit with status 1 if it fails."""


def main(experiment: Experiment, argv: Sequence[str] | None = None) -> None:
    """Runs an experiment from the command line."""
    if experiment.single_threaded:  # read when jax first computes
        os.environ.setdefault("XLA_FLAGS", SINGLE_THREADED)
    try:
        config, options = _parse(experiment, argv)
        folder = _open_folder(experiment, config, options)
    except ValueError as error:
        sys.exit(f"error: {error}")
    print(f"{experiment.name}: {experiment.claim}\n({experiment.source})\nwriting to {folder}")
    try:
        results = experiment.run(config, Part(folder))
    except (ValueError, OSError, FloatingPointError, ImportError) as error:
        remove_if_empty(folder)
        sys.exit(f"error: {error}")
    print(table(results.rows))
    checks = experiment.check(config, results) if options.check else []
    _save(folder, experiment, results, checks)
    for name, value in results.summary.items():
        print(f"{name}: {value:.6g}" if isinstance(value, float) else f"{name}: {value}")
    print(f"figure: {folder / 'figure.png'}", *checks, sep="\n")
    if not all(check.passed for check in checks):
        sys.exit(1)


def _parse(experiment: Experiment, argv: Sequence[str] | None) -> tuple[Any, Options]:
    arguments = dataclasses.make_dataclass(
        "Arguments",
        [
            ("experiment", tyro.conf.OmitArgPrefixes[experiment.config], dataclasses.field(default_factory=experiment.config)),
            ("run", tyro.conf.OmitArgPrefixes[Options], dataclasses.field(default_factory=Options)),
        ],
    )
    description = f"{experiment.claim}\n\nSource: {experiment.source}. Takes {experiment.duration} on two CPU cores."
    parsed = tyro.cli(arguments, prog=f"python -m experiments.{experiment.name}", description=description, args=argv)
    return parsed.experiment, parsed.run


def _open_folder(experiment: Experiment, config: Any, options: Options) -> Path:
    written = to_json(dataclasses.asdict(config))
    if options.resume is not None:
        return interrupted_folder(options.resume, written)
    return new_folder(options.output, experiment.name, written)


def _save(folder: Path, experiment: Experiment, results: Results, checks: list[Check]) -> None:
    """Writes figure, arrays, table and summary; the summary last, for it says that the run is finished."""
    figure = experiment.plot(results)
    for suffix in ("png", "svg"):
        write(folder / f"figure.{suffix}", lambda path, kind=suffix: figure.savefig(path, format=kind, dpi=150))
    plt.close(figure)
    write(folder / "curves.npz", lambda path: save_arrays(path, results.curves))
    write(folder / "metrics.csv", lambda path: save_csv(path, results.rows))
    summary = {**results.summary, "checks": [check._asdict() for check in checks], "environment": _environment()}
    write(folder / "summary.json", lambda path: path.write_text(to_json(summary)))


def _environment() -> dict[str, str]:
    device = jax.devices()[0]
    return {"jax": jax.__version__, "device": f"{device.platform} {device.device_kind}", "python": platform.python_version()}
