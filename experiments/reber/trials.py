"""The three networks, how their learning rate is chosen, and what they know of a stream that goes on."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from tqdm import tqdm

from experiments.common.solving import Descent
from experiments.common.streaming import BIASES, TASK, Reader, Stream, begin, draw_stream, learn, per_network, piece, read
from recurrent.cells import lstm_variant
from recurrent.flow import growth, saturation
from recurrent.tasks import outer_accuracy
from recurrent.train import TrainState

CLIP = 5.0
"""The global norm to which gradients are clipped."""
SHUT = 1e9
"""A bias that keeps a gate shut, or with its sign turned open."""


class Kind(NamedTuple):
    """What is varied: whether an LSTM has a forget gate, and whether its state is set to 0 where a string begins."""

    forgets: bool
    told: bool = False


FORGET, NONE, TOLD = "forget gate", "none", "none, reset at strings"
NETWORKS = {FORGET: Kind(True), NONE: Kind(False), TOLD: Kind(False, told=True)}


def make_reader(kind: Kind, hidden_size: int) -> Reader:
    """The reader of one kind; without a forget gate it is the cell of 1997."""
    forget_gate = "own" if kind.forgets else None
    cell = lstm_variant(TASK.features, hidden_size, forget_gate=forget_gate, bias_init=BIASES)
    return Reader(cell, hidden_size, Descent("adam", clip=CLIP))


def held(states: TrainState, kind: Kind, hidden_size: int) -> TrainState:
    """The same networks, whose c stays what it is: i = 0, f = 1."""
    params = states.params.cell
    bias = params.bias.at[:, :hidden_size].set(-SHUT)
    if kind.forgets:
        bias = bias.at[:, hidden_size : 2 * hidden_size].set(SHUT)
    return states._replace(params=states.params._replace(cell=params._replace(bias=bias)))


def at_rest(states: TrainState) -> TrainState:
    """The same networks, whose state is 0."""
    return states._replace(carry=jax.tree.map(jnp.zeros_like, states.carry))


def study(config: Any, kind: Kind, key: Array, label: str) -> dict[str, np.ndarray]:
    """Chooses a learning rate on streams of its own, then trains with it, and tests after every round of updates.

    Returns:
      validation: outer accuracies after the first round `[rate, network]`.
      rate: the best one.
      accuracy, rest, held: outer accuracies on steps to come `[round, network]`: going on, from a state of 0, and with c held.
      loss, wrong: on the same steps, going on; whether any symbol was told wrong.
      size, saturated: root mean square of c and share of saturated units there, means over steps `[round, network]`.
      growth, saturation: the same at the end of every window `[window, network]`.
      right, due: outer symbols told right before they were learned, and how many there were, `[window, network]`.
    """
    reader, steps = make_reader(kind, config.hidden_size), config.windows * config.window
    progress = tqdm(total=len(config.learning_rates) + config.rounds, desc=f"{label}: compiling", unit="round", leave=False)

    def followed(states, rate, stream):
        found = learn(reader, states, rate, stream, config.window)
        progress.set_description(label, refresh=False)
        progress.update()
        return found

    def stream(number, length):
        drawn = draw_stream(jax.random.fold_in(key, number), config.networks, length)
        return drawn if kind.told else Stream(drawn.batch)

    with progress:
        k_trial, k_start = (jax.random.fold_in(key, number) for number in (2, 3))
        trial, tried = stream(0, steps + config.test_steps), []
        for rate in config.learning_rates:
            states, _ = followed(begin(reader, k_trial, config.networks), rate, piece(trial, 0, steps))
            outputs, _ = read(reader, states, coming := piece(trial, steps, config.test_steps))
            tried.append(per_network(outer_accuracy, outputs, coming.batch))
        best = config.learning_rates[int(np.mean(tried, axis=1).argmax())]
        whole = stream(1, config.rounds * steps + config.test_steps)
        states, tests, courses = begin(reader, k_start, config.networks), [], []
        for i in range(config.rounds):
            states, course = followed(states, best, piece(whole, i * steps, steps))
            courses.append(course)
            tests.append(tested(reader, kind, states, piece(whole, (i + 1) * steps, config.test_steps)))
    memories, right, due = (np.concatenate(parts) for parts in zip(*courses, strict=True))
    measured = {"growth": growth(jnp.asarray(memories)), "saturation": saturation(jnp.asarray(memories))}
    return {
        "validation": np.array(tried),
        "rate": np.array(best),
        **{name: np.stack([test[name] for test in tests]) for name in tests[0]},
        **{name: np.asarray(values) for name, values in measured.items()},
        "right": right,
        "due": due,
    }


def tested(reader: Reader, kind: Kind, states: TrainState, stream: Stream) -> dict[str, np.ndarray]:
    """What networks say that learn no more, and what they remember."""
    outputs, memories = read(reader, states, stream)
    measure = functools.partial(per_network, batch=stream.batch)
    others = {"rest": at_rest(states), "held": held(states, kind, reader.hidden_size)}
    return {
        "accuracy": measure(outer_accuracy, outputs),
        **{name: measure(outer_accuracy, read(reader, other, stream)[0]) for name, other in others.items()},
        "loss": measure(TASK.loss, outputs),
        "wrong": measure(TASK.errors, outputs),
        "size": np.asarray(growth(memories).mean(axis=0)),
        "saturated": np.asarray(saturation(memories).mean(axis=0)),
    }
