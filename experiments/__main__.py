"""Lists the experiments, or runs one: `python -m experiments [NAME [options]]`."""

import difflib
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

import experiments
from experiments.common import command, records
from experiments.common.experiment import Experiment


def all_names() -> list[str]:
    """Names of all experiments, in alphabetical order; imports none."""
    return sorted(
        module.name for module in pkgutil.iter_modules(experiments.__path__) if module.ispkg and module.name != "common"
    )


def load(name: str) -> Experiment:
    """Imports one experiment."""
    return importlib.import_module(f"experiments.{name}").EXPERIMENT


def print_list() -> None:
    """Prints claim, source, duration and verdict of every experiment."""
    for experiment in map(load, all_names()):
        print(f"python -m experiments {experiment.name}   ({records.duration(experiment.name)})")
        print(f"    {experiment.claim}\n    {experiment.source}")
        summary = records.recorded(experiment.name)
        for check in records.checks_of(summary) if summary else ():
            if not check.passed:
                print(f"    missed: {str(check).removeprefix('FAIL  ')}")
        print()
    print("Durations and misses are those of the runs in experiments/README.md, on two CPU cores.")
    print("--help after a name shows the experiment's options; --check makes its exit status tell whether the claim holds.")


def refuse(name: str) -> None:
    """Exits with the experiments whose names are nearest, and all of them."""
    near = difflib.get_close_matches(name, all_names())
    suggestion = f"; did you mean {' or '.join(near)}?" if near else ""
    sys.exit(f"error: there is no experiment {name!r}{suggestion}\nall: {', '.join(all_names())}")


def record(folders: Sequence[str]) -> None:
    """Makes finished runs those that the project quotes, and writes the table of experiments/README.md anew."""
    try:
        for folder in folders:
            print(f"recorded: {records.record(Path(folder))}")
    except ValueError as error:
        sys.exit(f"error: {error}")
    names = all_names()
    records.rewrite_readme(names, {name: load(name).claim for name in names})


def main(argv: Sequence[str]) -> None:
    """Runs the experiment that is named first with the options behind it; lists all if none is named."""
    if not argv or argv[0] in ("-h", "--help"):
        print_list()
    elif argv[0] == "record":
        record(argv[1:])
    elif argv[0] not in all_names():
        refuse(argv[0])
    else:
        command.main(load(argv[0]), argv[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
