"""Bugs in experiments, a module each: leaks, swapped baselines, inverted ratios, thresholds that cannot fail."""

import importlib
import pkgutil

MUTANTS = tuple(
    mutant
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name)
    for mutant in importlib.import_module(f"{__name__}.{module.name}").MUTANTS
)
