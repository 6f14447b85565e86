"""What an experiment is: a claim with its source, its options, and functions to run, draw and check it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from experiments.common.parts import Part


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


def check_counts(config: Any, *names: str) -> None:
    """Raises ValueError if one of these options of a configuration is below 1."""
    for name in names:
        if getattr(config, name) < 1:
            raise ValueError(f"{name} must be at least 1; got {getattr(config, name)}: give a larger number")
