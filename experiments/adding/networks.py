"""The networks of `adding`, all of about as many parameters."""

import bisect
import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from experiments.common.networks import count
from experiments.common.solving import Descent, Setting
from recurrent import Cell, elman, gru, lstm, tasks
from recurrent.cells import leaky, min_gru, modrelu
from recurrent.initializers import chrono, irnn
from recurrent.parametrizations import exponential
from recurrent.wrappers import reparametrized

TASK = tasks.adding()
EVERY = 100
"""Updates between two tests."""
LSTM, CHRONO, TANH, IRNN = "LSTM, bias 1", "LSTM, chrono", "tanh", "IRNN"
ORTHOGONAL, LEAKY = "orthogonal, modReLU", "leaky, 2 to T steps"


class Kind(NamedTuple):
    """One kind of network.

    Attributes:
      make: a function from units and T to a cell.
      judged: whether a criterion is stated for it, which asks for more seeds.
      reach: the sequences that it is trained on: all, those up to `--other-length`, or the first of `--lengths`.
      free: share of the learning rate for the parameters of an orthogonal kernel.
      step: units come in multiples of this.
    """

    make: Callable[[int, int], Cell]
    judged: bool = False
    reach: Literal["all", "other", "first"] = "other"
    free: float = 1.0
    step: int = 1


def _leaks(units: int, length: int) -> tuple[float, ...]:
    """Shares that are new in every step: time constants from 2 to T steps, evenly spread on a logarithmic scale."""
    return tuple(np.geomspace(1 / length, 0.5, units).tolist())


NETWORKS = {
    TANH: Kind(lambda units, length: elman(TASK.features, units), judged=True, reach="all"),
    LSTM: Kind(lambda units, length: lstm(TASK.features, units), judged=True, reach="all"),
    CHRONO: Kind(lambda units, length: lstm(TASK.features, units, **chrono("lstm", length)), reach="all"),
    "GRU": Kind(lambda units, length: gru(TASK.features, units)),
    "minGRU": Kind(lambda units, length: min_gru(TASK.features, units), reach="first"),
    IRNN: Kind(lambda units, length: elman(TASK.features, units, **irnn())),
    ORTHOGONAL: Kind(
        lambda units, length: reparametrized(modrelu(TASK.features, units), exponential()), reach="first", free=0.1, step=2
    ),
    LEAKY: Kind(lambda units, length: leaky(TASK.features, units, leak=_leaks(units, length), learned=True), reach="first"),
}


def lengths_of(config: Any, name: str) -> tuple[int, ...]:
    """The T at which a network is trained."""
    longest = {"all": config.lengths[-1], "other": config.other_length, "first": config.lengths[0]}[NETWORKS[name].reach]
    return tuple(length for length in config.lengths if length <= longest)


@functools.cache
def units_within(name: str, parameters: int) -> int:
    """The most units whose network, with its readout, has at most so many parameters; the least there are if none has."""
    kind = NETWORKS[name]
    candidates = range(kind.step, parameters, kind.step)
    within = bisect.bisect_right(candidates, parameters, key=lambda units: count(kind.make(units, 10), TASK.outputs, units))
    return candidates[max(within - 1, 0)]


def make_setting(config: Any, name: str, length: int) -> Setting:
    """What is trained of one kind on sequences of one length."""
    kind, units = NETWORKS[name], units_within(name, config.parameters)
    return Setting(
        kind.make(units, length),
        TASK,
        (length,),
        Descent("adam", clip=1.0, free=kind.free),
        units,
        batch=config.batch_size,
        every=EVERY,
    )
