"""What the networks score, and how far back their gradients reach."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.common import studies
from experiments.common.handwritten import read
from experiments.common.networks import Network, draw, logits_of
from experiments.common.splits import Run, Split
from experiments.common.studies import CLASSES, STEPS, Digits
from experiments.skips.networks import Kind, make_cell, newest, width
from recurrent import Cell, pytrees
from recurrent.flow import state_gradients
from recurrent.losses import cross_entropy

SAMPLE = 50
"""Digits whose gradients are measured."""


def study(config: Any, kind: Kind, blanks: int, digits: Digits, runs: Sequence[Run]) -> dict[str, np.ndarray]:
    """Chooses a learning rate on validation digits of the first runs, trains every run with it, and measures the networks.

    Returns:
      trials: validation accuracies `[rate, trial]`.
      rate: the one chosen.
      training, validation, test: accuracies `[run]` with that rate.
      decay: log10 of the gradient's norm at every lag over that at lag 0, the median of validation digits,
        `[run, lag]`; only with the most blank steps.
    """
    units = width(kind, config.hidden_size)
    cell = make_cell(kind, units)
    label = f"{kind.name}, {blanks} blank steps"
    compiled = studies.functions(cell, STEPS, blanks, newest)
    found = studies.study(config, drawing(cell, units), compiled, digits, runs, label)
    right = [np.asarray(compiled.right(network, digits)) for network in found.networks]
    scores = {
        part: np.array([each[getattr(run.split, part)].mean() for each, run in zip(right, runs, strict=True)])
        for part in Split._fields
    }
    made = {"trials": found.validation, "rate": np.array(found.rate), **scores}
    if blanks == config.blanks[-1]:
        decays = [decay(cell, blanks, network, digits, run) for network, run in zip(found.networks, runs, strict=True)]
        made["decay"] = np.stack(decays)
    return made


@functools.cache
def drawing(cell: Cell, units: int) -> Callable[[Array], Network]:
    """Draws a network from a key, compiled once for all delays."""
    return jax.jit(lambda key: draw(cell, key, CLASSES, units))


def decay(cell: Cell, blanks: int, network: Network, digits: Digits, run: Run) -> np.ndarray:
    """How the gradient with respect to h_t changes with the lag, on some validation digits of the network's run."""
    chosen = jax.tree.map(lambda leaf: leaf[run.split.validation[:SAMPLE]], digits)
    norms = np.asarray(_norms(cell, blanks)(network, chosen))
    return norms - norms[0]


@functools.cache
def _norms(cell: Cell, blanks: int) -> Callable[[Network, Digits], Array]:
    """log10 of the norm of dL/dh_t at every lag, `[lag]`: the median over digits, L being the loss of each of them."""

    def norms(network, digits):
        def loss(made):
            return cross_entropy(logits_of(network, newest(made.final_state)), digits.labels).sum()

        # h_t is written to the first place of the past, from where it is moved on, so that dL/dh_t is the gradient there
        gradients = newest(state_gradients(cell, network.cell, read(digits.images, STEPS, blanks), loss))
        return jnp.median(pytrees.log10_norm(gradients, 2), axis=1)[::-1]

    return jax.jit(norms)
