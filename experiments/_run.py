"""What every experiment shares: the command line, the run folder, tables, checks. The science stays in the scripts."""

import contextlib
import csv
import dataclasses
import datetime
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import matplotlib.pyplot as plt
import numpy as np
import tyro

SINGLE_THREADED = "--xla_cpu_multi_thread_eigen=false"
"""On few cores XLA's CPU thread pool can wait for itself: all threads asleep, the computation unfinished (the symptom of
jax-ml/jax issue 25861). One thread per matrix product makes that rarer, and is no slower where matrices are small."""


class Part:
    """`part(name, compute)` returns `compute()`, or what an earlier, interrupted run saved of it."""

    def __init__(self, folder: Path | None = None):
        """Saves parts in a run folder; nothing if it is None."""
        self.folder = folder

    def __call__(self, name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Computes a part, or loads it."""
        if self.folder is None:
            return compute()
        file = self.folder / "parts" / f"{name}.npz"
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            arrays = {key: np.asarray(value) for key, value in compute().items()}
            _write(file, lambda path: _save_arrays(path, arrays))
        with np.load(file) as saved:
            return {key: saved[key] for key in saved.files}


class Check(NamedTuple):
    """One acceptance criterion and what was measured."""

    name: str
    measured: float
    criterion: str
    passed: bool

    def __str__(self) -> str:
        """One line with the verdict first."""
        return f"{'pass' if self.passed else 'FAIL'}  {self.name}: {self.measured:.6g} ({self.criterion})"


class Results(NamedTuple):
    """What an experiment found.

    Attributes:
      rows: the table, printed and written to metrics.csv.
      summary: single numbers with their names, for summary.json.
      curves: arrays for the figure, kept in curves.npz.
    """

    rows: list[dict[str, Any]]
    summary: dict[str, Any]
    curves: dict[str, np.ndarray]


class Experiment(NamedTuple):
    """One published claim with everything needed to test it.

    Attributes:
      name: of the module.
      claim: in one sentence.
      source: authors (year), place.
      duration: on two CPU cores, in words.
      config: a frozen dataclass whose fields are the command's options.
      run: `(config, part) -> Results`.
      plot: `Results -> matplotlib figure`.
      check: `(config, results) -> list[Check]`, only called for `--check`.
      single_threaded: start XLA with `SINGLE_THREADED`, unless the user has set XLA_FLAGS.
    """

    name: str
    claim: str
    source: str
    duration: str
    config: type
    run: Callable[[Any, Part], Results]
    plot: Callable[[Results], Any]
    check: Callable[[Any, Results], list[Check]]
    single_threaded: bool = True


@dataclasses.dataclass(frozen=True)
class Options:
    """Options that every experiment has."""

    output: Path = Path("results")
    """Folder for runs; this one goes to OUTPUT/NAME/STAMP."""
    resume: Path | None = None
    """Folder of an interrupted run to finish, with the configuration it was started with."""
    check: bool = False
    """Test the published claim, and exit with status 1 if it fails."""


def check_counts(config: Any, *names: str) -> None:
    """Raises ValueError if one of these options of a configuration is below 1."""
    for name in names:
        if getattr(config, name) < 1:
            raise ValueError(f"{name} must be at least 1; got {getattr(config, name)}: give a larger number")


compute_now = Part()
"""The `Part` that saves nothing."""


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
        _remove_if_empty(folder)
        sys.exit(f"error: {error}")
    print(table(results.rows))
    checks = experiment.check(config, results) if options.check else []
    figure = experiment.plot(results)
    for suffix in ("png", "svg"):
        _write(folder / f"figure.{suffix}", lambda path, kind=suffix: figure.savefig(path, format=kind, dpi=150))
    plt.close(figure)
    _write(folder / "curves.npz", lambda path: _save_arrays(path, results.curves))
    _write(folder / "metrics.csv", lambda path: _save_csv(path, results.rows))
    summary = {**results.summary, "checks": [c._asdict() for c in checks], "environment": _environment()}
    _write(folder / "summary.json", lambda path: path.write_text(json.dumps(summary, indent=2, default=_plain)))
    for name, value in results.summary.items():
        print(f"{name}: {value:.6g}" if isinstance(value, float) else f"{name}: {value}")
    print(f"figure: {folder / 'figure.png'}", *checks, sep="\n")
    if not all(check.passed for check in checks):
        sys.exit(1)


def _remove_if_empty(folder: Path) -> None:
    """Leaves nothing behind of a run that found its input wrong before it computed anything."""
    if [path.name for path in folder.iterdir()] == ["config.json"]:
        (folder / "config.json").unlink()
        for path in (folder, folder.parent):
            with contextlib.suppress(OSError):  # other runs are in it
                path.rmdir()


def table(rows: list[dict[str, Any]], limit: int = 80) -> str:
    """Lays rows out in columns; the first `limit` of them."""
    if not rows:
        return "(no rows)"
    names = _columns(rows)
    cells = [names, *([_short(row.get(name, "")) for name in names] for row in rows[:limit])]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    more = [f"... {len(rows) - limit} more rows in metrics.csv"] if len(rows) > limit else []
    return "\n".join(lines + more)


def sweep(function: Callable[[Any], Any], stacked: Any) -> Any:
    """Maps a function over the first axis of a tree: one by one on CPU, where small products batch badly, else vmapped."""
    if jax.default_backend() == "cpu":
        return jax.lax.map(function, stacked)
    return jax.vmap(function)(stacked)


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
    """Makes a new run folder, or opens an interrupted one; never one that is finished."""
    written = json.dumps(dataclasses.asdict(config), indent=2, default=_plain)
    if options.resume is not None:
        file = options.resume / "config.json"
        if not file.exists():
            raise ValueError(f"--resume {options.resume}: there is no config.json; give the folder of an interrupted run")
        if (options.resume / "summary.json").exists():
            raise ValueError(f"--resume {options.resume}: that run is finished; leave --resume out to start a new one")
        if json.loads(file.read_text()) != json.loads(written):
            raise ValueError(
                f"--resume {options.resume}: that run has another configuration, see {file}; give the same options"
            )
        return options.resume
    parent = options.output / experiment.name
    for old in sorted(parent.glob("*/config.json")):
        if not (old.parent / "summary.json").exists() and json.loads(old.read_text()) == json.loads(written):
            print(f"note: {old.parent} is an interrupted run of this configuration; --resume {old.parent} finishes it")
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    for attempt in range(1000):
        folder = parent / (stamp if attempt == 0 else f"{stamp}-{attempt}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise ValueError(f"--output {options.output}: cannot create {folder}: {error.strerror}") from error
        _write(folder / "config.json", lambda path: path.write_text(written))
        return folder
    raise ValueError(f"--output {options.output}: no free folder name for {stamp}")


def _write(path: Path, save: Callable[[Path], Any]) -> None:
    """Writes under a temporary name and renames, so that no reader ever sees half a file."""
    temporary = path.with_name(path.name + ".partial")
    save(temporary)
    os.replace(temporary, path)


def _save_arrays(path: Path, arrays: dict[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _save_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, _columns(rows))
        writer.writeheader()
        writer.writerows(rows)


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    """The names of all columns, in order of appearance; a row may lack some."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _environment() -> dict[str, str]:
    device = jax.devices()[0]
    return {"jax": jax.__version__, "device": f"{device.platform} {device.device_kind}", "python": platform.python_version()}


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)
