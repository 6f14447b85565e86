"""Warped time: the runs of each character, and the character before."""

import itertools
from collections import Counter

import numpy as np
import pytest
from samples import assert_uniform, drawn, words

from recurrent import tasks

MANY, LENGTH, WARP = 1500, 20, 4


def runs(text):
    """Characters and how long each lasts; dummies belong to the character before them."""
    found = []
    for symbol, group in itertools.groupby(text):
        size = len(list(group))
        if symbol == "_":
            found[-1][1] += size
        else:
            found.append([symbol, size])
    return found


@pytest.mark.parametrize("form", ["uniform warping", "variable warping", "uniform padding", "variable padding"])
def test_the_character_before(form):
    batch = drawn(tasks.warped(WARP, form, characters=5), MANY, LENGTH)
    texts = words(batch, "abcde_")
    durations, successions = [], []
    for text, targets, mask in zip(texts, batch.targets.T, batch.mask.T, strict=True):
        found = runs(text)
        assert ("_" in text) == form.endswith("padding")
        t, before = 0, None
        for character, size in found:
            assert character != before
            successions += [(before, character)] if before else []
            counted = range(t, t + size) if form.endswith("warping") else [t]
            for step in range(t, t + size):
                assert mask[step] == (before is not None and step in counted)
                assert targets[step] == ("abcde".index(before) if mask[step] else 0)
                assert text[step] == (character if step in counted else "_")
            t, before = t + size, character
        assert t == LENGTH
        # the last one may be cut off
        assert found[-1][1] <= WARP
        durations += [size for _, size in found[:2]]
    assert_uniform(durations, [WARP] if form.startswith("uniform") else range(1, WARP + 1))
    assert_uniform([text[0] for text in texts], "abcde")
    # variable runs that were never cut off: pairs of neighbours, each equally often
    counts = Counter(successions)
    assert len(counts) == 20
    assert max(abs(n - len(successions) / 20) for n in counts.values()) < 5 * np.sqrt(len(successions) / 20)


def test_by_default_the_alphabet_is_that_of_the_paper():
    task = tasks.warped(100)
    assert (task.features, task.outputs) == (10, 9)
    assert task.memoryless(500) == pytest.approx(np.log(8))


def test_no_warp_is_a_shift():
    for form in ("uniform warping", "variable padding"):
        batch = drawn(tasks.warped(1, form), 50, 8)
        symbols = batch.xs.argmax(axis=-1)
        assert np.array_equal(batch.targets[1:], symbols[:-1])
        assert np.array_equal(batch.mask, np.broadcast_to(np.arange(8)[:, None] > 0, (8, 50)))
