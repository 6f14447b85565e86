"""The networks of `neural_turing`."""

from typing import Any

from experiments.common.solving import Descent, Setting
from recurrent import lstm, stack, tasks
from recurrent.cells import neural_turing

MACHINE, LSTM = "neural Turing machine", "LSTM"
NETWORKS = (MACHINE, LSTM)
EVERY = 250
"""Updates between two tests."""


def updates(config: Any, name: str) -> int:
    """How long a network is trained."""
    return config.updates if name == MACHINE else config.lstm_updates


def make_setting(config: Any, name: str) -> Setting:
    """What is trained of one kind."""
    task = tasks.vector_copy(config.bits)
    if name == MACHINE:
        cell = neural_turing(task.features, config.hidden_size, config.slots, config.width)
        emitted = config.hidden_size + config.width
    else:
        widths = [task.features, *[config.lstm_size] * config.lstm_layers]
        cell = stack(*(lstm(below, size) for below, size in zip(widths, widths[1:], strict=False)))
        emitted = config.lstm_size
    descent = Descent("adam", clip=10.0, falls_over=updates(config, name))
    return Setting(cell, task, (config.longest,), descent, emitted, batch=config.batch_size, every=EVERY)
