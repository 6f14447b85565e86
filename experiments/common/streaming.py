"""Streams of Reber's embedded grammar that go on, and LSTMs that read and learn them window by window, states being carried."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.common.networks import draw, logits_of
from experiments.common.solving import Descent
from recurrent import Cell, init_train_state, make_train_step, unroll
from recurrent.initializers import PerGate, zeros
from recurrent.tasks import Batch, outer_accuracy, outer_steps, reber
from recurrent.train import TrainState
from recurrent.wrappers import emit_both

TASK = reber(continual=True)
SHY = jax.nn.initializers.constant(-1.0)
BIASES = PerGate((SHY, zeros, zeros, SHY))
"""Input and output gates start out nearly closed; in the order i, f, g, o."""


class Reader(NamedTuple):
    """What reads a stream, and how it is trained; compared by value.

    Attributes:
      cell: an LSTM of any kind; its state has a leaf c.
      hidden_size: features of what it emits.
      descent: see there; the gradient is that of the sum over the steps of a window.
    """

    cell: Cell
    hidden_size: int
    descent: Descent


class Stream(NamedTuple):
    """One stream per network, steps by networks.

    Attributes:
      batch: symbols and what may follow.
      resets: where a network starts anew; nowhere if None.
    """

    batch: Batch
    resets: Array | None = None


class Course(NamedTuple):
    """How a training went, `[window, network, ...]`.

    Attributes:
      memories: c at the end of each window, `[window, network, units]`.
      right: how many outer symbols were told right in a window, before it was learned.
      due: how many there were.
    """

    memories: Any
    right: Any
    due: Any


def draw_stream(key: Array, networks: int, steps: int) -> Stream:
    """Streams that begin with a string; `resets` is where strings begin."""
    batch = TASK.sample(key, networks, steps)
    begins, ends = (batch.xs[..., i] > 0 for i in (0, -1))  # B and E are inner symbols, too, but E before B is not
    return Stream(batch, begins & jnp.concatenate([jnp.ones_like(ends[:1]), ends[:-1]]))


def piece(stream: Stream, first: int, steps: int) -> Stream:
    """So many steps of a stream."""
    return jax.tree.map(lambda leaf: leaf[first : first + steps], stream)


@functools.partial(jax.jit, static_argnames=("reader", "networks"))
def begin(reader: Reader, key: Array, networks: int) -> TrainState:
    """A stack of networks before the first step."""

    def one(key):
        network = draw(reader.cell, key, TASK.outputs, reader.hidden_size)
        state = reader.cell.initial_state(network.cell, (1,))
        return init_train_state(network, reader.descent.optimizer(1.0), key, state)

    return jax.vmap(one)(jax.random.split(key, networks))


def learn(reader: Reader, states: TrainState, rate: float, stream: Stream, window: int) -> tuple[TrainState, Course]:
    """Makes one update per window; windows cut strings wherever they end, and no gradient crosses from one to the next.

    All networks take part in one loop: with few units its overhead is most of the time, on a CPU, too. On two cores a window
    of 75 steps took 0.19 ms per network of 12 units one by one, 0.08 ms for 10 networks together, 0.06 ms for 30.
    """
    count, networks = len(stream.batch.mask) // window, stream.batch.mask.shape[1]
    windows = jax.tree.map(lambda leaf: leaf[: count * window].reshape(count, window, networks, 1, *leaf.shape[2:]), stream)
    states, course = _learned(reader, states, jnp.float32(rate), windows)
    return states, Course(*map(np.asarray, course))


@functools.partial(jax.jit, static_argnames="reader")
def _learned(reader: Reader, states: TrainState, rate: Array, windows: Stream) -> tuple[TrainState, Course]:
    def loss_fn(network, state, window, key):
        del key  # nothing is random
        state, hs = unroll(reader.cell, network.cell, window.batch.xs, state, resets=window.resets)
        outputs, due = logits_of(network, hs), outer_steps(window.batch).sum()
        counts = {"right": outer_accuracy(outputs, window.batch) * due, "due": due}
        return TASK.loss(outputs, window.batch) * len(hs), (state, counts)

    step = make_train_step(loss_fn, reader.descent.optimizer(rate))

    def update(train_state, window):
        train_state, metrics = step(train_state, window)
        return train_state, Course(train_state.carry.c[0], **metrics.aux)

    return jax.vmap(lambda *one: jax.lax.scan(update, *one), (0, 2), (0, 1))(states, windows)


@functools.partial(jax.jit, static_argnames="reader")
def read(reader: Reader, states: TrainState, stream: Stream) -> tuple[Array, Array]:
    """Outputs `[T, network, outputs]` and c `[T, network, units]` of networks that read on and learn nothing."""

    def one(train_state, stream):
        state = jax.tree.map(lambda leaf: leaf[0], train_state.carry)
        cell = emit_both(reader.cell)
        _, (hs, read) = unroll(cell, train_state.params.cell, stream.batch.xs, state, resets=stream.resets)
        return logits_of(train_state.params, hs), read.c

    return jax.vmap(one, (0, 1), 1)(states, stream)


def per_network(measure: Callable[[Array, Batch], Any], outputs: Any, batch: Batch) -> np.ndarray:
    """What `measure(outputs, batch)` says of each network, `[network]`; a function at the top of a module."""
    return np.asarray(_measured(measure, outputs, batch)).reshape(-1)


@functools.partial(jax.jit, static_argnames="measure")
def _measured(measure: Callable[[Array, Batch], Any], outputs: Array, batch: Batch) -> Array:
    return jax.vmap(lambda *one: measure(*jax.tree.map(lambda leaf: leaf[:, None], one)), (1, 1))(outputs, batch)
