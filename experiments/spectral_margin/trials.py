"""What the networks score, and what became of their W and of their gradients."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.common import studies
from experiments.common.handwritten import read
from experiments.common.networks import Network, logits_of
from experiments.common.splits import Run
from experiments.common.studies import STEPS, Digits
from experiments.spectral_margin.networks import Kind, draw_network, make_cell, plain
from recurrent import elman
from recurrent.flow import gradient_decay
from recurrent.losses import cross_entropy


def study(config: Any, kind: Kind, digits: Digits, runs: Sequence[Run]) -> dict[str, np.ndarray]:
    """Chooses a learning rate on validation digits of the first runs, trains every run with it, and measures the networks.

    Returns:
      trials: validation accuracies `[rate, trial]`.
      rate: the one chosen.
      training, validation, test: accuracies `[run]` with that rate.
      singular: values of W, the largest first, `[run, unit]`.
      unitarity: max |W'W - I|, `[run]`.
      decay: log10 of the gradient's norm at every lag over that at lag 0, the median of validation digits, `[run, lag]`.
    """
    made = jax.jit(functools.partial(plain, kind))
    reader = studies.functions(elman(1, config.hidden_size), STEPS, config.blanks)
    # all kinds are scored by one program, which reads W and not what it is made of
    compiled = studies.functions(make_cell(kind, config.hidden_size), STEPS, config.blanks)
    compiled = compiled._replace(accuracy=lambda network, digits: reader.accuracy(made(network), digits))
    init = jax.jit(lambda key: draw_network(kind, key, config.hidden_size))
    found = studies.study(config, init, compiled, digits, runs, kind.name)
    networks = list(map(made, found.networks))
    kernels = np.stack([np.asarray(network.cell.recurrent_kernel, np.float64) for network in networks])
    pairs = list(zip(networks, runs, strict=True))
    return {
        "trials": found.validation,
        "rate": np.array(found.rate),
        "training": np.array([reader.score(network, digits, run.split.training) for network, run in pairs]),
        "validation": np.array([reader.score(network, digits, run.split.validation) for network, run in pairs]),
        "test": np.array([reader.score(network, digits, run.split.test) for network, run in pairs]),
        "singular": np.linalg.svd(kernels, compute_uv=False),
        "unitarity": distance_from_orthogonal(kernels),
        "decay": np.stack([decay(config, network, digits, run) for network, run in pairs]),
    }


def distance_from_orthogonal(kernels: np.ndarray) -> np.ndarray:
    """max |W'W - I| of each `[..., n, n]`."""
    return np.abs(kernels.swapaxes(-1, -2) @ kernels - np.eye(kernels.shape[-1])).max(axis=(-1, -2))


def decay(config: Any, network: Network, digits: Digits, run: Run) -> np.ndarray:
    """How the gradient of a network with W among its parameters changes with the lag, on the validation digits of its run."""
    chosen = jax.tree.map(lambda leaf: leaf[run.split.validation], digits)
    norms = np.asarray(_norms(config.hidden_size, config.blanks)(network, chosen))
    return norms - norms[0]


@functools.cache
def _norms(units: int, blanks: int) -> Callable[[Network, Digits], Array]:
    """log10 of the norm of dL/dh at every lag, `[lag]`: the median over digits, L being the loss of each of them."""
    cell = elman(1, units)

    def norms(network, digits):
        def loss(h):
            return cross_entropy(logits_of(network, h), digits.labels).sum()

        found = gradient_decay(cell, network.cell, read(digits.images, STEPS, blanks), loss)
        return jnp.median(found.total, axis=1)[::-1]

    return jax.jit(norms)
