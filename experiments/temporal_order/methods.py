"""The three methods, the authors' initial weights, and what is measured of a network."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from experiments.common.networks import Network
from experiments.common.omega import WithOmega, omega
from experiments.common.solving import Descent, Setting, task_loss
from experiments.temporal_order.options import Config
from recurrent import Cell, elman, pytrees, tasks
from recurrent.flow import spectral_radius
from recurrent.initializers import Initializer, normal, with_spectral_radius

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
