"""What the networks of `digits` score on digits that chose nothing."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.common import studies
from experiments.common.networks import draw
from experiments.common.splits import Run
from experiments.common.studies import Digits, Functions
from experiments.digits.cells import CLASSES, Kind, make_cell, width
from recurrent import elman, gru


class Setting(NamedTuple):
    """How a digit is read: so many steps of equally many pixels, then blank ones."""

    reading: str
    steps: int
    delay: int

    @property
    def features(self) -> int:
        """Pixels per step."""
        return 64 // self.steps

    @property
    def name(self) -> str:
        """The reading with its delay."""
        return f"{self.reading}, delay {self.delay}"


def functions(family: str, units: int, setting: Setting) -> Functions:
    """Training and scoring, compiled once for all networks of one shape and setting."""
    cell = elman(setting.features, units) if family == "tanh" else gru(setting.features, units)
    return studies.functions(cell, setting.steps, setting.delay)


def study(
    config: Any, kind: Kind, setting: Setting, digits: Digits, runs: Sequence[Run], label: str = ""
) -> dict[str, np.ndarray]:
    """Chooses a learning rate on validation digits of the first runs, then trains every run with it and tests it.

    Returns:
      validation: accuracies of the trials `[rate, trial]`.
      rate: the one chosen.
      training, test: accuracies `[run]` with that rate.
    """
    units = width(kind.family, setting.features, config.hidden_size)
    cell = make_cell(kind, setting.features, units, setting.steps + setting.delay)
    compiled = functions(kind.family, units, setting)
    init = jax.jit(lambda key: draw(cell, key, CLASSES, units))
    found = studies.study(config, init, compiled, digits, runs, label)
    pairs = list(zip(found.networks, runs, strict=True))
    return {
        "validation": found.validation,
        "rate": np.array(found.rate),
        "training": np.array([compiled.score(network, digits, run.split.training) for network, run in pairs]),
        "test": np.array([compiled.score(network, digits, run.split.test) for network, run in pairs]),
    }
