"""The three networks of `warp`: no leak, constant leaks, and gates."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from experiments.common.solving import Descent, Setting
from recurrent import Cell, elman
from recurrent.cells import leaky, lstm_variant
from recurrent.initializers import chrono
from recurrent.tasks import warped

Form = Literal["uniform warping", "variable warping"]
FORMS: tuple[Form, Form] = ("uniform warping", "variable warping")
UNIFORM, VARIABLE = FORMS
PLAIN, LEAKY, GATED = "tanh", "leaky", "gated"
FEATURES = warped(1).features
EVERY, TESTED = 50, 1000
"""Updates between two tests, and their fresh sequences."""


def make_plain(hidden_size: int, warp: int) -> Cell:
    """h_t = tanh(x_t U + h_{t-1} W + b)."""
    del warp
    return elman(FEATURES, hidden_size)


def make_leaky(hidden_size: int, warp: int) -> Cell:
    """h_t = (1 - α) ⊙ h_{t-1} + α ⊙ tanh(x_t U + h_{t-1} W + b) with learned α, from 1/2 to 1 / (warp + 2) at the start."""
    return leaky(FEATURES, hidden_size, leak=tuple(1 / np.linspace(2, warp + 2, hidden_size)), learned=True)


def make_gated(hidden_size: int, warp: int) -> Cell:
    """The same, but that α = σ(x_t U_i + h_{t-1} W_i + b_i), whose bias gives it the same range at the start."""
    gates = {"forget_gate": "coupled", "output_gate": False, "output_activation": False}
    return lstm_variant(FEATURES, hidden_size, **gates, **chrono("lstm", warp + 2))


NETWORKS: dict[str, Callable[[int, int], Cell]] = {PLAIN: make_plain, LEAKY: make_leaky, GATED: make_gated}


def make_setting(config: Any, name: str, form: Form, warp: int) -> Setting:
    """What is trained on sequences that are warped so much."""
    return Setting(
        NETWORKS[name](config.hidden_size, warp),
        warped(warp, form),
        (config.length,),
        Descent("rmsprop", falls_over=config.updates),
        config.hidden_size,
        batch=config.batch_size,
        every=min(EVERY, config.updates),
        tested=TESTED,
    )
