"""Training on tasks that are drawn without end, until fresh sequences are answered right."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from tqdm import tqdm

from experiments.common.networks import Network, draw, logits_of
from experiments.common.training import descend, start
from recurrent import Cell, clip_by_global_norm, unroll
from recurrent.initializers import Initializer
from recurrent.tasks import Batch, Task

CHOICE = 1_000_000
"""What is added to the seed of a run where learning rates are chosen."""


@dataclasses.dataclass(frozen=True)
class Descent:
    """How networks are trained; the learning rate is data, so that one program serves all rates.

    Attributes:
      kind: "sgd", "rmsprop" (with decay 0.9) or "adam".
      clip: gradients are clipped to this global norm, if it is given.
      falls_over: updates over which the rate falls to 0 along a cosine; it stays constant if None.
      free: what the rate of a reparametrized kernel's free parameters is multiplied with.
    """

    kind: Literal["sgd", "rmsprop", "adam"]
    clip: float | None = None
    falls_over: int | None = None
    free: float = 1.0

    def optimizer(self, rate: Any) -> optax.GradientTransformation:
        """The transformation of gradients."""
        kernel, rest = self._by_kind(self.free * rate), self._by_kind(rate)
        chosen = rest if self.free == 1 else optax.partition({True: kernel, False: rest}, _is_free)
        return chosen if self.clip is None else optax.chain(clip_by_global_norm(self.clip), chosen)

    def _by_kind(self, rate: Any) -> optax.GradientTransformation:
        rate = rate if self.falls_over is None else optax.cosine_decay_schedule(rate, self.falls_over)
        return {"sgd": optax.sgd, "rmsprop": optax.rmsprop, "adam": optax.adam}[self.kind](rate)


def _is_free(params: Any) -> Any:
    return jax.tree_util.tree_map_with_path(lambda path, _: any(getattr(k, "name", None) == "free" for k in path), params)


def outputs_of(cell: Cell, network: Network, batch: Batch) -> Array:
    """The readout of what the cell emits, at every step."""
    return logits_of(network, unroll(cell, network.cell, batch.xs, backprop="explicit")[1])


def task_loss(cell: Cell, task: Task, network: Network, batch: Batch) -> Array:
    """The loss of the task alone."""
    return task.loss(outputs_of(cell, network, batch), batch)


Objective = Callable[[Cell, Task, Network, Batch], Array]


class Setting(NamedTuple):
    """What is trained on what.

    Attributes:
      cell, task: compared by the calls that made them.
      lengths: of the sequences; of several, each stretch of updates draws one.
      descent: see there.
      hidden_size: features of what the cell emits.
      batch: sequences per update.
      every: updates between two tests.
      tested: fresh sequences per test.
      objective: what is minimised; a function at the top of a module, or an object that compares by value.
      confirmed: fresh sequences of a second test, which counts in the place of every one that is passed; none if 0.
      readout_init: draws the kernel of the readout; N(0, 1 / hidden) if None.
    """

    cell: Cell
    task: Task
    lengths: tuple[int, ...]
    descent: Descent
    hidden_size: int
    batch: int = 32
    every: int = 100
    tested: int = 500
    objective: Objective = task_loss
    confirmed: int = 0
    readout_init: Initializer | None = None


class Course(NamedTuple):
    """How a training went, with one entry per test.

    Attributes:
      updates: made before the test.
      losses: of the task, on the tested sequences.
      errors: share of them that were answered wrong.
      solved: whether the test was passed by the task's own rule.
      network: at the end.
    """

    updates: np.ndarray
    losses: np.ndarray
    errors: np.ndarray
    solved: np.ndarray
    network: Network

    @property
    def solved_after(self) -> float:
        """Updates before the first test that was passed; infinite without one."""
        return float(self.updates[self.solved.argmax()]) if self.solved.any() else np.inf


def solve(
    setting: Setting,
    seed: int,
    rate: float,
    updates: int,
    label: str,
    *,
    stop: bool = True,
    done: Callable[[np.ndarray], bool] = lambda losses: False,
) -> Course:
    """Trains one network from a seed on; a loss of NaN ends nothing, it is an answer like another one, and wrong.

    Args:
      setting: what is trained on what.
      seed: of the network, the sequences and the tests; settings share them.
      rate: learning rate.
      updates: at most, rounded up to whole stretches between tests.
      label: for the progress bar.
      stop: end at the first test that is passed.
      done: end where this is true of all losses so far.
    """
    _, k_updates, k_tests, k_lengths = _keys(seed)
    network = untrained(setting, seed)
    state, found = start(network, setting.descent.optimizer(rate)), []
    count = -(-updates // setting.every)
    chosen = np.asarray(jax.random.randint(k_lengths, (count,), 0, len(setting.lengths)))
    with tqdm(total=count * setting.every, desc=f"{label}: compiling", unit="update", leave=False) as progress:
        for i in range(count):
            keys = jax.random.split(jax.random.fold_in(k_updates, i), setting.every)
            # a program is compiled for one length, and serves all settings that differ in their other lengths
            state = _advance(setting._replace(lengths=(setting.lengths[chosen[i]],)), state, jnp.float32(rate), keys)
            found.append(_tested(setting, state.params, jax.random.fold_in(k_tests, i)))
            progress.set_description(label, refresh=False)
            progress.set_postfix(loss=f"{found[-1][0]:.4g}", wrong=f"{found[-1][1]:.3g}")
            progress.update(setting.every)
            if (stop and found[-1][2]) or done(np.array(found)[:, 0]):
                break
    losses, errors, passed = (np.array(column) for column in zip(*found, strict=True))
    return Course(setting.every * np.arange(1, 1 + len(found)), losses, errors, passed, state.params)


def _keys(seed: int) -> Array:
    """Of the network, the updates, the tests and the lengths."""
    return jax.random.split(jax.random.key(seed), 4)


def untrained(setting: Setting, seed: int) -> Network:
    """The network that `solve` trains from this seed."""
    return first_network(setting, _keys(seed)[0])


def own_key(seed: int) -> Array:
    """A key for what is measured after training; `solve` takes the first four that a seed gives for itself."""
    return jax.random.fold_in(jax.random.key(seed), 4)


def first_network(setting: Setting, key: Array) -> Network:
    """The network before the first update."""
    network = draw(setting.cell, key, setting.task.outputs, setting.hidden_size)
    if setting.readout_init is None:
        return network
    return network._replace(kernel=setting.readout_init(jax.random.fold_in(key, 0), network.kernel.shape))


def test(setting: Setting, length: int, network: Network, key: Array) -> tuple[Array, Array, Array]:
    """Loss, share of wrong answers, and whether the task counts as solved, on fresh sequences."""
    return _test(setting.cell, setting.task, setting.tested, length, network, key)


@functools.partial(jax.jit, static_argnames=("cell", "task", "count", "length"))
def _test(cell: Cell, task: Task, count: int, length: int, network: Network, key: Array) -> tuple[Array, Array, Array]:
    batch = task.sample(key, count, length)
    outputs = outputs_of(cell, network, batch)
    return task.loss(outputs, batch), task.errors(outputs, batch).mean(), task.solved(outputs, batch)


def _tested(setting: Setting, network: Network, key: Array) -> tuple[float, float, bool]:
    """One test at the last length, and a second one if that is passed."""
    found = test(setting, setting.lengths[-1], network, key)
    if setting.confirmed and found[2]:
        again = setting._replace(tested=setting.confirmed)
        found = test(again, setting.lengths[-1], network, jax.random.fold_in(key, 0))
    loss, wrong, solved = found
    return float(loss), float(wrong), bool(solved)


@functools.partial(jax.jit, static_argnames=("setting",))
def _advance(setting: Setting, state: Any, rate: Array, keys: Array) -> Any:
    (length,) = setting.lengths

    def loss(network, given, key):
        del given
        return setting.objective(setting.cell, setting.task, network, setting.task.sample(key, setting.batch, length))

    return descend(loss, setting.descent.optimizer(rate), state, (), keys)[0]
