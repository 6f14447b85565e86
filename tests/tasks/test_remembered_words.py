"""Temporal order, copying, memorisation and delayed recall: read back, and answered in plain Python."""

import numpy as np
import pytest
from samples import assert_uniform, drawn, words

from recurrent import tasks

MANY = 3000


@pytest.mark.parametrize("length", [10, 37, 100])
@pytest.mark.parametrize(
    ("relevant", "begins"),
    [(2, {10: (1, 5), 37: (3, 18), 100: (10, 50)}), (3, {10: (1, 3, 6), 37: (3, 12, 24), 100: (10, 33, 66)})],
)
def test_temporal_order(relevant, begins, length):
    batch = drawn(tasks.temporal_order(relevant), MANY, length)
    texts = words(batch, "XYabcd")
    places = [[t for t, symbol in enumerate(text) if symbol in "XY"] for text in texts]
    assert {len(found) for found in places} == {relevant}
    for begin, found in zip(begins[length], np.transpose(places), strict=True):
        assert_uniform(found, range(begin, begin + length // 10))
    said = ["".join(symbol for symbol in text if symbol in "XY") for text in texts]
    classes = {"".join("XY"[(n >> k) & 1] for k in reversed(range(relevant))): n for n in range(2**relevant)}
    assert [classes[word] for word in said] == batch.targets[-1].tolist()
    assert_uniform(said, classes)
    assert_uniform([symbol for text in texts for symbol in text if symbol not in "XY"], "abcd")
    assert np.array_equal(np.nonzero(batch.mask.any(axis=1))[0], [length - 1])
    assert batch.mask[-1].all()


def test_the_classes_of_temporal_order_are_those_of_the_papers():
    batch = drawn(tasks.temporal_order(), MANY, 10)
    said = {(text[1], text[5]): target for text, target in zip(words(batch, "XYabcd"), batch.targets[-1], strict=True)}
    assert said == {("X", "X"): 0, ("X", "Y"): 1, ("Y", "X"): 2, ("Y", "Y"): 3}


@pytest.mark.parametrize("length", [1, 2, 25])
def test_copying(length):
    """T = length + 2 copied: the word, length - 1 blanks, the delimiter, a blank for each symbol."""
    batch = drawn(tasks.copy_memory(3, copied=4), MANY, length)
    texts = words(batch, "abc_!")
    for text, targets in zip(texts, batch.targets.T, strict=True):
        word = text[:4]
        assert set(word) <= set("abc")
        assert text == word + "_" * (length - 1) + "!" + "____"
        assert "".join("abc_"[k] for k in targets) == "_" * (length + 4) + word
    for place in range(4):
        assert_uniform([text[place] for text in texts], "abc")
    assert_uniform([text[:4] for text in texts], [a + b + c + d for a in "abc" for b in "abc" for c in "abc" for d in "abc"])
    assert batch.mask.all()


def test_copying_by_default():
    task = tasks.copy_memory()
    assert (task.features, task.outputs) == (10, 9)
    assert len(drawn(task, 2, 100).xs) == 120
    np.testing.assert_allclose(task.memoryless(100), 0.1733, atol=5e-5)
    np.testing.assert_allclose([task.memoryless(n) for n in (300, 1000, 2000)], [0.0650, 0.0204, 0.0103], atol=5e-5)


@pytest.mark.parametrize("length", [1, 25])
def test_memorization(length):
    """T = length + 2 bits: the word, `length` blanks, and the trigger at the first step of the answer."""
    batch = drawn(tasks.memorization(5), MANY, length)
    texts = words(batch, "01_!")
    for text, targets in zip(texts, batch.targets.T, strict=True):
        assert text == text[:5] + "_" * length + "!____"
        assert "".join("01_"[k] for k in targets) == "_" * (length + 5) + text[:5]
    assert_uniform([text[:5] for text in texts], [f"{n:05b}" for n in range(32)])
    assert batch.mask.all()


def recalled(task, length):
    """Where the symbols and cues stand; the answers are looked at on the way."""
    batch = drawn(task, MANY, length)
    texts = words(batch, "abc_!")
    for text, targets, mask in zip(texts, batch.targets.T, batch.mask.T, strict=True):
        (shown,) = [symbol for symbol in text if symbol in "abc"]
        cue = text.index("!")
        assert sorted(text) == sorted(shown + "!" + "_" * (length - 2))
        assert np.nonzero(mask)[0].tolist() == [cue]
        assert targets[cue] == "abc".index(shown)
    assert_uniform([text.strip("_!")[0] for text in texts], "abc")
    return np.array([[text.index(text.strip("_!")[0]), text.index("!")] for text in texts]).T


@pytest.mark.parametrize("shortest_lag", [1, 4])
def test_delayed_recall(shortest_lag):
    shown, cues = recalled(tasks.delayed_recall(3, shortest_lag=shortest_lag), 12)
    assert not shown.any()
    assert_uniform(cues, range(shortest_lag, 12))


@pytest.mark.parametrize("shortest_lag", [1, 4])
def test_delayed_recall_of_a_symbol_anywhere(shortest_lag):
    shown, cues = recalled(tasks.delayed_recall(3, place="anywhere", shortest_lag=shortest_lag), 12)
    assert_uniform(shown, range(12 - shortest_lag))
    for place in range(12 - shortest_lag):
        assert_uniform(cues[shown == place], range(place + shortest_lag, 12))


@pytest.mark.parametrize("fewest", [None, 1, 2])
def test_vector_copy(fewest):
    length = 4
    batch = drawn(tasks.vector_copy(3, fewest=fewest), MANY, length)
    counts = batch.xs[..., 3].argmax(axis=0)
    assert_uniform(counts, [length] if fewest is None else range(fewest, length + 1))
    assert_uniform(batch.xs[0, :, :3] @ [1, 2, 4], range(8))
    for row, count in enumerate(counts):
        xs, targets = batch.xs[:, row], batch.targets[:, row]
        expected = np.zeros((2 * length + 1, 4))
        expected[:count, :3] = xs[:count, :3]
        expected[count, 3] = 1
        assert np.array_equal(xs, expected)
        assert np.array_equal(np.nonzero(batch.mask[:, row])[0], count + 1 + np.arange(count))
        assert np.array_equal(targets[count + 1 : 2 * count + 1], xs[:count, :3])
