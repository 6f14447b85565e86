"""What is measured of a network: how its gradient decays, its Lyapunov exponent and singular values, the cost of a step."""

import functools
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from tqdm import tqdm

from experiments.common.networks import Network, logits_of
from experiments.common.solving import Setting
from recurrent import pytrees
from recurrent.flow import lyapunov_spectrum, state_gradients, transport
from recurrent.tasks import Batch

LOST = -2.0
"""log10 of the share of a gradient, or of a perturbation, below which it counts as lost."""
SEQUENCES, FEW = 50, 4
"""On which gradients are measured, and Lyapunov exponents and singular values."""
ROUNDS = 10
"""In which costs are measured, each network once per round."""


class Flow(NamedTuple):
    """How a network carries gradients through a sequence.

    Attributes:
      decay: log10 of the norm of dL/ds_{T-k} over that at k = 1, for k = 1 ... T, L being the loss at the last step: the median
        of the sequences that have a gradient at all: the loss of an answer that is certain has none in float32.
      exponent: the largest Lyapunov exponent, nats per step, the mean of sequences.
      kept: directions of the state, of which the last state keeps a hundredth of a perturbation of the first one: the mean
        number over sequences.
      size: of the state.
    """

    decay: Array
    exponent: Array
    kept: Array
    size: Array


@functools.partial(jax.jit, static_argnames=("setting", "length"))
def flow(setting: Setting, length: int, network: Network, key: Array) -> Flow:
    """Measures a network on fresh sequences."""
    cell, batch = setting.cell, setting.task.sample(key, SEQUENCES, length)

    def loss(made):
        return batch.mask.shape[1] * setting.task.loss(logits_of(network, made.ys), batch)

    gradients = state_gradients(cell, network.cell, batch.xs, loss)
    norms = pytrees.log10_norm(gradients, 2)[:-1][::-1]  # the state after the last step is read by nobody
    few = batch.xs[:, :FEW]
    values = transport(cell, network.cell, few).log10_singular_values[0]
    exponents = lyapunov_spectrum(cell, network.cell, few, num_exponents=1)
    kept = jnp.sum(jnp.nan_to_num(values, nan=-jnp.inf) > LOST, axis=-1).mean()
    return Flow(jnp.nanmedian(norms - norms[:1], axis=1), exponents.mean(), kept, jnp.asarray(values.shape[-1]))


def horizon(decay: np.ndarray) -> int:
    """Up to which lag a gradient `[lag]`, log10, keeps a hundredth of its norm at lag 1; the last one if it always does."""
    below = ~(np.asarray(decay) >= decay[0] + LOST)
    return int(below.argmax()) if below.any() else len(decay)


def costs(settings: dict[str, Setting], length: int, networks: dict[str, Network]) -> dict[str, np.ndarray]:
    """Microseconds per step and sequence of a gradient of the loss, `[round]`, networks in turns."""
    programs = {}
    for name, setting in tqdm(settings.items(), desc="compiling for time", unit="network", leave=False):
        batch = setting.task.sample(jax.random.key(0), setting.batch, length)
        programs[name] = jax.jit(functools.partial(_gradient, setting)).lower(networks[name], batch).compile(), batch
    found: dict[str, list[float]] = {name: [] for name in settings}
    for _ in tqdm(range(ROUNDS + 1), desc="time", unit="round", leave=False):
        for name, (program, batch) in programs.items():
            started = time.perf_counter()
            jax.block_until_ready(program(networks[name], batch))
            found[name].append(1e6 * (time.perf_counter() - started) / (length * settings[name].batch))
    return {name: np.array(times[1:]) for name, times in found.items()}  # the first round warms up


def _gradient(setting: Setting, network: Network, batch: Batch) -> Any:
    return jax.grad(lambda n: setting.objective(setting.cell, setting.task, n, batch))(network)
