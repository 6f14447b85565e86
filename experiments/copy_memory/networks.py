"""The networks of `copy_memory`."""

from collections.abc import Callable
from typing import Any, NamedTuple

from experiments.common.solving import Descent, Setting
from recurrent import Cell, elman, lstm, tasks
from recurrent.cells import modrelu
from recurrent.initializers import cayley_angles, chrono
from recurrent.parametrizations import cayley, exponential
from recurrent.wrappers import reparametrized

TASK = tasks.copy_memory()
EVERY = 250
"""Updates between two tests."""
LSTM = "LSTM, bias 1"


class Kind(NamedTuple):
    """One kind of network: a function from features, units and blanks to a cell, and whether its W stays orthogonal."""

    make: Callable[[int, int, int], Cell]
    gated: bool = False
    orthogonal: bool = False


def _linear(features: int, units: int) -> Cell:
    return elman(features, units, activation="identity")


NETWORKS = {
    LSTM: Kind(lambda features, units, length: lstm(features, units), gated=True),
    "LSTM, chrono": Kind(lambda features, units, length: lstm(features, units, **chrono("lstm", 1.5 * length)), gated=True),
    "tanh": Kind(lambda features, units, length: elman(features, units)),
    "exponential map, linear": Kind(
        lambda features, units, length: reparametrized(_linear(features, units), exponential()), orthogonal=True
    ),
    "exponential map, modReLU": Kind(
        lambda features, units, length: reparametrized(modrelu(features, units), exponential()), orthogonal=True
    ),
    "Cayley transform, linear": Kind(
        lambda features, units, length: reparametrized(_linear(features, units), cayley(cayley_angles, negative=units // 2)),
        orthogonal=True,
    ),
}


def make_setting(config: Any, name: str) -> Setting:
    """What is trained of one kind."""
    kind = NETWORKS[name]
    units = config.lstm_size if kind.gated else config.hidden_size
    return Setting(
        kind.make(TASK.features, units, config.length),
        TASK,
        (config.length,),
        Descent("rmsprop", free=0.1 if kind.orthogonal else 1.0),
        units,
        batch=config.batch_size,
        every=EVERY,
    )
