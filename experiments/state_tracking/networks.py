"""The word problems, the networks, and what the state of each can keep for ever."""

from collections.abc import Callable
from typing import Any

from experiments.common.solving import Descent, Setting
from experiments.state_tracking.levels import Kept, Word
from recurrent import Cell, elman, gru, lstm, min_gru, tasks
from recurrent.cells import delta_rule
from recurrent.tasks import Task

PARITY, TRANSPOSITIONS, ALL = "parity", "S3, transpositions", "S3, all permutations"
TASKS: dict[str, Task] = {
    PARITY: tasks.parity(),
    TRANSPOSITIONS: tasks.permutations(factors="transpositions"),
    ALL: tasks.permutations(),
}
WORDS = {PARITY: Word(2, "all"), TRANSPOSITIONS: Word(3, "transpositions"), ALL: Word(3, "all")}

TANH, LSTM, GRU = "tanh", "LSTM", "GRU"
POSITIVE, NEGATIVE = "minGRU (0, 1)", "minGRU (-1, 1)"
SHRINKS, REFLECTS = "delta rule β < 1", "delta rule β < 2"
NETWORKS: dict[str, Callable[[int, int, int], Cell]] = {
    TANH: lambda features, units, keys: elman(features, units),
    LSTM: lambda features, units, keys: lstm(features, units),
    GRU: lambda features, units, keys: gru(features, units),
    POSITIVE: lambda features, units, keys: min_gru(features, units),
    NEGATIVE: lambda features, units, keys: min_gru(features, units, negative_eigenvalues=True),
    SHRINKS: lambda features, units, keys: delta_rule(features, units, key_size=keys, max_beta=1.0),
    REFLECTS: lambda features, units, keys: delta_rule(features, units, key_size=keys, max_beta=2.0),
}
"""Functions from features, units and entries of a key to a cell."""
PAIRS = [
    *((PARITY, network) for network in NETWORKS),
    *((s3, n) for s3 in (TRANSPOSITIONS, ALL) for n in (GRU, SHRINKS, REFLECTS)),
]
"""What is trained on what."""

EVERY, TESTED = 100, 200
"""Updates per stretch of one length, and sequences of the validation behind it."""


def kept(task: str, network: str) -> Kept:
    """What a network of one layer can carry through any number of steps, by the theory in the docstring of the experiment."""
    if network in (TANH, LSTM, GRU):
        return "product"
    if network in (POSITIVE, SHRINKS):
        return "nothing"
    return "product" if (task, network) == (TRANSPOSITIONS, REFLECTS) else "parity"


def make_setting(config: Any, task: str, network: str) -> Setting:
    """What is trained of one pair."""
    return Setting(
        NETWORKS[network](TASKS[task].features, config.hidden_size, config.key_size),
        TASKS[task],
        config.lengths,
        Descent("adam", clip=1.0, falls_over=config.updates),
        config.hidden_size,
        batch=config.batch_size,
        every=EVERY,
        tested=TESTED,
    )
