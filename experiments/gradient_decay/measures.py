"""What is measured on stacks of networks: gradients against the lag, an LSTM's two paths, and singular values."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common.networks import Network, hidden
from experiments.common.sweeping import sweep
from experiments.gradient_decay.networks import INITIALISERS, loss_of, train
from recurrent import Cell, elman, gradient_decay
from recurrent.flow import path_shares, transport
from recurrent.initializers import with_spectral_radius

Theory = Callable[[Any, jax.Array], dict[str, jax.Array]]
"""`(cell's parameters, inputs) -> rates`."""


def measure(
    cell: Cell, networks: Network, xs: jax.Array, labels: jax.Array, theory: Theory, updates: int | None = None
) -> dict[str, np.ndarray]:
    """Log10 norms of dL/ds_t relative to lag 0, `[network, lag, sequence]`, and the rates that theory predicts.

    Args:
      cell: of all networks.
      networks: stacked; the seeds follow each other within every setting.
      xs: inputs per seed, `[seed, T, sequence, features]`.
      labels: per seed, `[seed, sequence]`.
      theory: what predicts.
      updates: of training before measuring; none if None.
    """

    def one(given):
        network, seed = given
        if updates is not None:
            network = train(cell, network, xs[seed], labels[seed], updates)
        decay = gradient_decay(cell, network.cell, xs[seed], lambda s: loss_of(network, hidden(s), labels[seed]))
        curve = decay.total[::-1]
        found = {"curve": curve - curve[:1], **theory(network.cell, xs[seed])}
        return found | (_paths(cell, network, xs[seed], labels[seed]) if hasattr(decay.leaves, "c") else {})

    seeds = jnp.arange(len(networks.bias)) % len(xs)
    return {name: np.asarray(value) for name, value in jax.jit(functools.partial(sweep, one))((networks, seeds)).items()}


def _paths(cell: Cell, network: Network, xs: jax.Array, labels: jax.Array) -> dict[str, jax.Array]:
    """The additive path alone, log10 norm relative to the whole at lag 0, and its share of dL/ds_t, `[lag, sequence]`."""
    found = path_shares(cell, network.cell, xs, lambda s: loss_of(network, s.h, labels), through="c")
    direct = found.direct[::-1]
    return {"additive": direct - direct[:1], "share": found.share[::-1]}


def singular_values(hidden_size: int, xs: jax.Array, keys: jax.Array) -> dict[str, np.ndarray]:
    """Log10 singular values of dh_T/dh_t, `[seed, lag, n]`: untrained tanh networks, ρ = 1, one sequence each, float64."""
    found = {}
    with jax.enable_x64(True):
        first = xs[:, :, 0].astype(jnp.float64)
        for name in ("orthogonal", "gaussian"):
            init = with_spectral_radius(1.0, INITIALISERS[name])
            cell = elman(xs.shape[-1], hidden_size, recurrent_init=init, param_dtype=jnp.float64)
            spectrum = lambda given, cell=cell: transport(cell, cell.init(given[0]), given[1])  # noqa: E731
            values = jax.jit(functools.partial(sweep, spectrum))((keys, first)).log10_singular_values
            found[name] = np.asarray(values[:, ::-1])
    return found
