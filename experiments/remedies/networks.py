"""The remedies, and networks of them with equally many parameters."""

import bisect
import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jax import Array

from experiments.common.networks import Network, count
from experiments.common.omega import WithOmega
from experiments.common.solving import Objective, task_loss
from recurrent import Cell, elman, gru, lstm, min_gru, residual, stack
from recurrent.cells import clockwork, echo_state, leaky, lru, lstm_variant, modrelu, neural_turing, slstm, time_skip
from recurrent.initializers import chrono, gaussian, henaff, irnn, orthogonal, torch_like
from recurrent.parametrizations import exponential
from recurrent.tasks import Batch, Task
from recurrent.wrappers import reparametrized


def readout_alone(cell: Cell, task: Task, network: Network, batch: Batch) -> Array:
    """The loss of the task, of which a reservoir learns nothing."""
    return task_loss(cell, task, network._replace(cell=jax.lax.stop_gradient(network.cell)), batch)


class Remedy(NamedTuple):
    """One way to let gradients through time.

    Attributes:
      family: of remedies, for colours.
      make: `(features, units, steps) -> Cell` for dependencies of so many steps.
      every: units come in multiples of this.
      objective: what is minimised.
      emitted: `units -> features` of what the cell emits.
    """

    family: str
    make: Callable[[int, int, int], Cell]
    every: int = 1
    objective: Objective = task_loss
    emitted: Callable[[int], int] = lambda units: units


PERIODS = (1, 2, 4, 8, 16)
"""Of the clockwork's groups."""
SLOTS, WIDTH = 8, 8
"""Of the memory beside a Turing machine's controller."""
LAYERS = 3
"""Of the residual stack."""


def _leaks(features: int, units: int, steps: int) -> Cell:
    """Time constants from 1 to the number of steps."""
    return leaky(features, units, leak=tuple((1 / np.geomspace(1, steps, units)).tolist()))


def _stack(features: int, units: int, steps: int) -> Cell:
    layers = [
        residual(elman(features if i == 0 else units, units), *((features, units) if i == 0 else ())) for i in range(LAYERS)
    ]
    return stack(*layers)


def _turing(features: int, units: int, steps: int) -> Cell:
    return neural_turing(features, units, SLOTS, WIDTH)


MATRIX, TIME, GATES, LINEAR, OTHER = FAMILIES = ("matrix and loss", "several time scales", "gates", "linear state", "other")
VANILLA = "tanh, uniform"
OMEGA = WithOmega(weight=1.0, squared=True, exact=False)

REMEDIES = {
    VANILLA: Remedy("none", lambda d, n, steps: elman(d, n, **torch_like("elman"))),
    "tanh, Gaussian": Remedy(MATRIX, lambda d, n, steps: elman(d, n, recurrent_init=gaussian())),
    "tanh, orthogonal": Remedy(MATRIX, lambda d, n, steps: elman(d, n)),
    "IRNN": Remedy(MATRIX, lambda d, n, steps: elman(d, n, **irnn())),
    "exponential map": Remedy(
        MATRIX, lambda d, n, steps: reparametrized(modrelu(d, n, recurrent_init=henaff), exponential()), every=2
    ),
    "tanh, uniform, Ω": Remedy(MATRIX, lambda d, n, steps: elman(d, n, **torch_like("elman")), objective=OMEGA),
    "leaks": Remedy(TIME, _leaks),
    "delays": Remedy(TIME, lambda d, n, steps: time_skip(d, n, (1, max(steps // 8, 2)), recurrent_init=orthogonal(0.5**0.5))),
    "clockwork": Remedy(TIME, lambda d, n, steps: clockwork(d, n, PERIODS), every=len(PERIODS)),
    "LSTM of 1997": Remedy(GATES, lambda d, n, steps: lstm_variant(d, n, forget_gate=None)),
    "LSTM, bias 0": Remedy(GATES, lambda d, n, steps: lstm(d, n, forget_bias=0.0)),
    "LSTM, bias 1": Remedy(GATES, lambda d, n, steps: lstm(d, n, forget_bias=1.0)),
    "LSTM, chrono": Remedy(GATES, lambda d, n, steps: lstm(d, n, **chrono("lstm", steps))),
    "GRU": Remedy(GATES, lambda d, n, steps: gru(d, n)),
    "sLSTM": Remedy(GATES, lambda d, n, steps: slstm(d, n)),
    "LRU": Remedy(
        LINEAR,
        lambda d, n, steps: lru(d, n, output_size=n, skip="dense", r_min=0.9, r_max=0.999),
    ),
    "minGRU": Remedy(LINEAR, lambda d, n, steps: min_gru(d, n)),
    "echo state": Remedy(OTHER, lambda d, n, steps: echo_state(d, n, spectral_radius=1.0), objective=readout_alone),
    "Turing machine": Remedy(OTHER, _turing, emitted=lambda units: units + WIDTH),
    "residual stack": Remedy(OTHER, _stack),
}
"""By the name that tables and figures give them; the first is none: tanh as torch draws it."""


@functools.cache
def sized(name: str, features: int, classes: int, steps: int, budget: int) -> tuple[Cell, int]:
    """The cell of a remedy with as many units as the parameters allow, its readout's included, and what it emits.

    Raises:
      ValueError: the parameters do not suffice for the smallest network.
    """
    remedy = REMEDIES[name]

    def size(groups: int) -> int:
        units = groups * remedy.every
        return count(remedy.make(features, units, steps), classes, remedy.emitted(units))

    # each group of units needs a readout, so that there are at most so many
    groups = bisect.bisect_right(range(1, budget // (classes * remedy.every) + 2), budget, key=size)
    if not groups:
        raise ValueError(f"--parameters must suffice for the smallest {name}; got {budget}: try 4000")
    units = groups * remedy.every
    return remedy.make(features, units, steps), remedy.emitted(units)
