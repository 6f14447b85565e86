"""How long paths are, counted on the graph, and what of a gradient arrives at their ends."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.common.networks import Network, logits_of
from experiments.trees.compositions import BALANCED, GIVEN, Inputs, inputs, root, vectors
from experiments.trees.examples import NOTHING, Examples
from experiments.trees.operations import DIGITS
from recurrent import pytrees
from recurrent.losses import cross_entropy
from recurrent.trees import TreeElmanParams, Trees, balanced_trees, depths, recursive, tree_elman


def measured_depths(trees: Trees) -> np.ndarray:
    """The longest way from a leaf to the root, for every tree: by what is left of a gradient of 1.

    Nodes are linear, h = x + (h_1 + h_2) / 2, so that the gradient is halved by every composition on its way.
    """
    one = jnp.ones((1, 1))
    params = TreeElmanParams(one, jnp.stack([one / 2] * 2), jnp.zeros(1))
    cell = tree_elman(1, 1, activation="identity")

    @jax.jit
    def gradient(xs):
        return jax.grad(lambda xs: recursive(cell, params, trees, xs)[0].sum())(xs)

    left = np.asarray(gradient(jnp.zeros((*trees.mask.shape, 1))))[..., 0]
    return -np.log2(np.where(trees.mask, left, 1)).min(axis=0)


def distances(name: str, examples: Examples) -> np.ndarray:
    """How many compositions lie between every token and the answer, `[T, example]`; of a given tree, those of its node."""
    if name == GIVEN:
        return np.take_along_axis(depths(examples.trees), np.maximum(examples.owners, 0), axis=0)
    if name == BALANCED:
        return depths(balanced_trees(examples.lengths, len(examples.tokens)))[: len(examples.tokens)]
    return examples.lengths - 1 - np.arange(len(examples.tokens))[:, None]


def digits(examples: Examples) -> np.ndarray:
    """Which tokens are digits, `[T, example]`."""
    return (examples.tokens != NOTHING) & (examples.tokens < DIGITS)


def norms(name: str, cell: Any, network: Network, examples: Examples, symbols: int) -> np.ndarray:
    """log10 of the norm of dL/dx at every token, `[T, example]`, L being the loss of its own example; NaN but at digits."""
    found = np.asarray(_gradient_norms(name, cell, symbols)(network, inputs(name, examples)))
    if name == GIVEN:
        found = np.take_along_axis(found, np.maximum(examples.owners, 0), axis=0)
    return np.where(digits(examples), found[: len(examples.tokens)], np.nan)


@functools.cache
def _gradient_norms(name: str, cell: Any, symbols: int) -> Callable[[Network, Inputs], Array]:
    def gradient_norms(network, read):
        def loss(embedded):
            return cross_entropy(logits_of(network, root(name, cell, network.cell, read, embedded)), read.answers).sum()

        return pytrees.log10_norm(jax.grad(loss)(vectors(read, symbols)), 2)

    return jax.jit(gradient_norms)


def by_distance(found: np.ndarray, away: np.ndarray, farthest: int, fewest: int = 10) -> np.ndarray:
    """Mean log10 of norms at every distance from 0 on, `[distance]`; NaN where there are fewer than so many digits."""
    there = ~np.isnan(found) & (away <= farthest)
    sums = np.bincount(away[there], found[there], farthest + 1)
    counts = np.bincount(away[there], minlength=farthest + 1)
    return np.where(counts >= fewest, sums / np.maximum(counts, 1), np.nan)


def first_over_last(found: np.ndarray) -> float:
    """log10 of norms at the first third of the digits minus that at the last third: its mean over examples."""
    differences = []
    for column in found.T:
        norms_of_digits = column[~np.isnan(column)]
        third = max(1, len(norms_of_digits) // 3)
        differences.append(norms_of_digits[:third].mean() - norms_of_digits[-third:].mean())
    return float(np.mean(differences))
