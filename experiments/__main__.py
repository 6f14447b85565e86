"""Lists the experiments: `python -m experiments`."""

import importlib
import pkgutil

import experiments
from experiments.common.experiment import Experiment


def all_experiments() -> list[Experiment]:
    """Imports every experiment of the package, in alphabetical order."""
    names = sorted(m.name for m in pkgutil.iter_modules(experiments.__path__) if not m.name.startswith("_"))
    modules = [importlib.import_module(f"experiments.{name}") for name in names]
    return [module.EXPERIMENT for module in modules if hasattr(module, "EXPERIMENT")]


def main() -> None:
    """Prints claim, source and duration of every experiment."""
    for experiment in all_experiments():
        print(f"python -m experiments.{experiment.name}   ({experiment.duration})")
        print(f"    {experiment.claim}\n    {experiment.source}\n")
    print("--help shows an experiment's options, --check tests its claim.")


if __name__ == "__main__":
    main()
