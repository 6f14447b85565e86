"""Parity, delayed exclusive or and permutations against integers, slices and matrices."""

import itertools

import numpy as np
import pytest
from samples import assert_uniform, drawn

from recurrent import tasks

MANY, LENGTH = 800, 9


def bits_of(batch):
    assert batch.xs.shape[-1] == 1
    drawn_bits = batch.xs[..., 0].astype(int)
    assert np.array_equal(drawn_bits, batch.xs[..., 0])
    assert_uniform(["".join(map(str, column[:4])) for column in drawn_bits.T], [f"{n:04b}" for n in range(16)])
    return drawn_bits


def test_parity():
    batch = drawn(tasks.parity(), MANY, LENGTH)
    for column, targets in zip(bits_of(batch).T, batch.targets.T, strict=True):
        assert targets.tolist() == [sum(column[: t + 1].tolist()) % 2 for t in range(LENGTH)]
    assert batch.mask.all()


@pytest.mark.parametrize("delay", [1, 2, 4])
def test_delayed_xor(delay):
    batch = drawn(tasks.delayed_xor(delay), MANY, LENGTH)
    bits = bits_of(batch)
    for t in range(LENGTH):
        counts = t >= 2 * delay
        assert np.all(batch.mask[t] == counts)
        if counts:
            assert np.array_equal(batch.targets[t], bits[t - delay] != bits[t - 2 * delay])


def matrix(p):
    """Sends the i-th unit vector, a row, to the p(i)-th."""
    return np.eye(len(p), dtype=int)[list(p)]


@pytest.mark.parametrize("factors", ["all", "transpositions"])
@pytest.mark.parametrize("elements", [3, 4, 5])
def test_permutations(elements, factors):
    task = tasks.permutations(elements, factors=factors)
    batch = drawn(task, MANY, LENGTH)
    group = list(itertools.permutations(range(elements)))
    known = group
    if factors == "transpositions":
        known = []
        for i in range(elements):
            for j in range(i + 1, elements):
                swapped = list(range(elements))
                swapped[i], swapped[j] = j, i
                known.append(swapped)
    assert (task.features, task.outputs) == (len(known), len(group))
    products = np.broadcast_to(np.eye(elements, dtype=int), (MANY, elements, elements))
    for xs, targets in zip(batch.xs, batch.targets, strict=True):
        assert np.all(np.sort(xs, axis=-1)[:, :-1] == 0)
        products = products @ np.array(list(map(matrix, known)))[xs.argmax(axis=-1)]
        assert np.array_equal(products, np.array(list(map(matrix, group)))[targets])
    assert_uniform(batch.xs.argmax(axis=-1).ravel(), range(len(known)))
    assert batch.mask.all()
