"""The variants of the LSTM, and how each is trained on either task."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from tqdm import tqdm

from experiments.common.networks import Network, count, draw, logits_of
from experiments.common.solving import Descent
from experiments.common.streaming import BIASES, TASK, Reader, Stream, begin, draw_stream, learn, per_network, piece, read
from experiments.common.training import descend, start
from recurrent import Cell, unroll
from recurrent.cells import lstm_variant
from recurrent.tasks import adding, outer_accuracy

VANILLA, BIAS_0 = "V", "V, bias 0"
VARIANTS: dict[str, dict[str, Any]] = {
    VANILLA: {"peepholes": True},
    "NIG": {"peepholes": True, "input_gate": False},
    "NFG": {"peepholes": True, "forget_gate": None},
    "NOG": {"peepholes": True, "output_gate": False},
    "NIAF": {"peepholes": True, "input_activation": False},
    "NOAF": {"peepholes": True, "output_activation": False},
    "NP": {},
    "CIFG": {"peepholes": True, "forget_gate": "coupled"},
    "FGR": {"peepholes": True, "gate_recurrence": True},
    BIAS_0: {"peepholes": True, "forget_bias": 0.0},
}
"""Options of `lstm_variant`; the names are those of the paper, but for the last."""
REBER, ADDING = "continual Reber", "adding"
SUMS, LENGTH = adding(), 50
"""The second task, and its steps."""
RERUN = {
    "CIFG": 0.0010,
    "NIAF": 0.0021,
    VANILLA: 0.0033,
    "NP": 0.0034,
    "NFG": 0.0036,
    "NOAF": 0.0050,
    "NOG": 0.0069,
    "NIG": 0.0115,
}
"""Median squared errors of three seeds in a published re-run on adding."""
STREAM_CLIP, SUMS_CLIP = 5.0, 1.0
"""Norms to which gradients are clipped, of the sum over a window, and of the mean over sequences."""
SIDE_BY_SIDE = 2
"""Networks that are trained in one loop on adding."""


def make_cell(variant: str, features: int, hidden_size: int) -> Cell:
    """A variant; the biases of the gates that it has are the same for all."""
    return lstm_variant(features, hidden_size, bias_init=BIASES, **VARIANTS[variant])


def size(variant: str, task: str, hidden_size: int) -> int:
    """Parameters, with the readout."""
    drawn_from = TASK if task == REBER else SUMS
    return count(make_cell(variant, drawn_from.features, hidden_size), drawn_from.outputs, hidden_size)


def study(config: Any, variant: str, task: str, key: Array, label: str) -> dict[str, np.ndarray]:
    """Chooses a learning rate with networks of its own, then trains the others with it.

    Returns:
      validation: scores `[rate, trial]`.
      rate: the best one.
      score: `[network]`, higher is better: outer accuracy, or -log10 of the squared error.
    """
    train = {REBER: on_stream, ADDING: on_sums}[task]
    trials = {REBER: config.networks, ADDING: config.trials}[task]
    rates = config.learning_rates
    k_trials, k_networks = jax.random.split(key)
    with tqdm(total=len(rates) + 1, desc=f"{label}: compiling", unit="training", leave=False) as progress:

        def trained(key, networks, rate):
            found = train(config, variant, key, networks, rate)
            progress.set_description(label, refresh=False)
            progress.update()
            return found

        tried = np.array([trained(k_trials, trials, rate) for rate in rates] if len(rates) > 1 else [np.zeros(trials)])
        best = rates[int(tried.mean(axis=1).argmax())]
        return {"validation": tried, "rate": np.array(best), "score": trained(k_networks, config.networks, best)}


def on_stream(config: Any, variant: str, key: Array, networks: int, rate: float) -> np.ndarray:
    """Outer accuracies after training on streams, on the steps that come next."""
    reader = Reader(
        make_cell(variant, TASK.features, config.hidden_size), config.hidden_size, Descent("adam", clip=STREAM_CLIP)
    )
    k_stream, k_start = jax.random.split(key)
    steps = config.windows * config.window
    stream = Stream(draw_stream(k_stream, networks, steps + config.test_steps).batch)
    states, _ = learn(reader, begin(reader, k_start, networks), rate, piece(stream, 0, steps), config.window)
    coming = piece(stream, steps, config.test_steps)
    return per_network(outer_accuracy, read(reader, states, coming)[0], coming.batch)


def on_sums(config: Any, variant: str, key: Array, networks: int, rate: float) -> np.ndarray:
    """-log10 of the squared errors after training on sums of two numbers, on fresh ones."""
    cell, keys, found = make_cell(variant, SUMS.features, config.hidden_size), jax.random.split(key, networks), []
    for first in range(0, networks, SIDE_BY_SIDE):
        found.append(_summed(cell, config.hidden_size, config.updates, keys[first : first + SIDE_BY_SIDE], jnp.float32(rate)))
    return -np.log10(np.concatenate(found))


@functools.partial(jax.jit, static_argnames=("cell", "hidden_size", "updates"))
def _summed(cell: Cell, hidden_size: int, updates: int, keys: Array, rate: Array) -> Array:
    """Squared errors of networks that are trained side by side, each on sequences of its own."""
    optimizer = Descent("adam", clip=SUMS_CLIP).optimizer(rate)

    def loss(network: Network, given: Any, key: Array) -> Array:
        del given
        batch = SUMS.sample(key, 32, LENGTH)
        return SUMS.loss(logits_of(network, unroll(cell, network.cell, batch.xs)[1]), batch)

    def one(key):
        k_network, k_updates, k_test = jax.random.split(key, 3)
        state = start(draw(cell, k_network, SUMS.outputs, hidden_size), optimizer)
        state, _ = descend(loss, optimizer, state, (), jax.random.split(k_updates, updates))
        batch = SUMS.sample(k_test, 2000, LENGTH)
        return SUMS.loss(logits_of(state.params, unroll(cell, state.params.cell, batch.xs)[1]), batch)

    return jax.vmap(one)(keys)
