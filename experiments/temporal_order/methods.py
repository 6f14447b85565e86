"""The three methods, the authors' initial weights, and what is measured of a network."""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from experiments.common.networks import Network, logits_of
from experiments.common.solving import Descent, Setting, task_loss
from experiments.temporal_order.options import Config
from recurrent import Cell, elman, pytrees, tasks
from recurrent.flow import flow_regularizer, spectral_radius
from recurrent.initializers import Initializer, normal, with_spectral_radius
from recurrent.tasks import Batch, Task

TASK = tasks.temporal_order()
SGD, CLIPPED, REGULARIZED = METHODS = ("SGD", "SGD-C", "SGD-CR")
"""Plain, with clipping, with clipping and Ω."""
GUESSING = 0.75
"""Share of errors of an answer that sees nothing."""
CLIP = 1.0
"""Global norm that gradients are clipped to."""
TESTED, CONFIRMED = 250, 10_000
"""Fresh sequences of a test during training, and of the one that decides."""
MEASURED = 100
"""Sequences on which gradient and Ω of a network are measured."""
CONNECTIONS = 15
"""Of each unit in a "smart_tanh" network."""


def omega(cell: Cell, task: Task, network: Network, batch: Batch, *, squared: bool = True, exact: bool = False) -> Array:
    """Ω for the loss of the task: 0 if its backpropagated gradient keeps its norm from step to step."""

    def loss(run):
        # of the states: dE/dh_T would be 0 if the loss read outputs, which are functions of h_{T-1} to the regulariser
        return task.loss(logits_of(network, run.states), batch)

    return flow_regularizer(cell, network.cell, batch.xs, loss, squared=squared, exact=exact)


@dataclasses.dataclass(frozen=True)
class WithOmega:
    """The loss of the task plus weight · Ω; an `Objective` that compares by its options.

    Reference: Pascanu, Mikolov & Bengio (2013), section 3.3.
    """

    weight: float
    squared: bool
    exact: bool

    def __call__(self, cell: Cell, task: Task, network: Network, batch: Batch) -> Array:
        """What is minimised."""
        found = omega(cell, task, network, batch, squared=self.squared, exact=self.exact)
        return task_loss(cell, task, network, batch) + self.weight * found


class Init(NamedTuple):
    """Units, the standard deviation of weights from inputs and to the readout, and the recurrent kernel's initialiser."""

    activation: str
    deviation: float
    recurrent: Initializer


def few_connections(key: Array, shape: tuple[int, ...], dtype=jnp.float32) -> Array:
    """N(0, 1) for 15 entries of each row, and 0 for the others."""
    k_weights, k_places = jax.random.split(key)
    rank = jnp.argsort(jnp.argsort(jax.random.uniform(k_places, shape), axis=1), axis=1)
    return jnp.where(rank < CONNECTIONS, jax.random.normal(k_weights, shape, dtype), 0)


INITS = {
    "sigmoid": Init("sigmoid", 0.01, normal(0.01)),
    "basic_tanh": Init("tanh", 0.1, normal(0.1)),
    "smart_tanh": Init("tanh", 0.01, with_spectral_radius(0.95, few_connections)),
}


def make_setting(config: Config, method: str, length: int, every: int) -> Setting:
    """What is trained with a method on sequences of a length, with a test after every so many updates."""
    init = INITS[config.init]
    weights = normal(init.deviation)
    cell = elman(
        TASK.features, config.hidden_size, activation=init.activation, kernel_init=weights, recurrent_init=init.recurrent
    )
    return Setting(
        cell,
        TASK,
        (length,),
        Descent("sgd", clip=None if method == SGD else CLIP),
        config.hidden_size,
        batch=config.batch_size,
        every=every,
        tested=TESTED,
        objective=WithOmega(config.weight, config.form == "squared", config.exact) if method == REGULARIZED else task_loss,
        confirmed=CONFIRMED,
        readout_init=weights,
    )


class Measured(NamedTuple):
    """Of a network: the spectral radius of W, the norm of the loss's gradient before clipping, and Ω in its squared form."""

    radius: Array
    gradient: Array
    omega: Array


@functools.partial(jax.jit, static_argnames=("cell", "length"))
def measure(cell: Cell, length: int, network: Network, key: Array) -> Measured:
    """Measures a network on fresh sequences."""
    batch = TASK.sample(key, MEASURED, length)
    gradient = jax.grad(task_loss, 2)(cell, TASK, network, batch)
    found = omega(cell, TASK, network, batch)
    return Measured(spectral_radius(network.cell.recurrent_kernel), pytrees.norm(gradient), found)
