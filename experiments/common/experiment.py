"""What an experiment is: a claim with its source, its options, and functions to run, draw and check it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from experiments.common.checks import Check
from experiments.common.parts import Part


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
      config: a frozen dataclass whose fields are the command's options.
      run: `(config, part) -> Results`.
      plot: `Results -> matplotlib figure`.
      check: `(config, results) -> list[Check]`, from what the run found alone; empty if its criteria are stated for other
        options.
      single_threaded: start XLA with `SINGLE_THREADED`, unless the user has set XLA_FLAGS.
      spreads: over several devices, `PARTS`, or the option that says how many sequences an update takes; None: nothing.
    """

    name: str
    claim: str
    source: str
    config: type
    run: Callable[[Any, Part], Results]
    plot: Callable[[Results], Any]
    check: Callable[[Any, Results], list[Check]]
    single_threaded: bool = True
    spreads: str | None = None
