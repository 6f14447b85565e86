"""Samples of the tasks, drawn once for all tests of a process, and what can be read off them."""

import functools

import jax
import numpy as np


@functools.cache
def drawn(task, batch: int, length: int, seed: int = 0):
    """A sample as numpy arrays."""
    return jax.tree.map(np.asarray, task.sample(jax.random.key(seed), batch, length))


def words(batch, alphabet: str, sequences: int | None = None) -> list[str]:
    """One-hot inputs as texts; a step without any symbol is a space."""
    xs = batch.xs[:, :sequences]
    assert np.all((xs == 0) | (xs == 1))
    assert np.all(xs.sum(axis=-1) <= 1)
    symbols = np.where(xs.any(axis=-1), xs.argmax(axis=-1), len(alphabet))
    return ["".join((alphabet + " ")[s] for s in column) for column in symbols.T]


def assert_uniform(found, expected):
    """All that is expected occurs, nothing else, and each of it equally often, within 5 standard deviations."""
    values, counts = np.unique(np.asarray(found), return_counts=True)
    assert values.tolist() == sorted(expected)
    share = 1 / len(values)
    assert np.all(np.abs(counts - len(found) * share) <= 5 * np.sqrt(len(found) * share * (1 - share)))
