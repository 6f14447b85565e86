"""The adding problem: two markers in their places, and the sum or mean of what they mark."""

import numpy as np
import pytest
from samples import assert_uniform, drawn

from recurrent import tasks

MANY = 3000
PLACES = {
    ("one per half", 2): (range(1), range(1, 2)),
    ("one per half", 7): (range(3), range(3, 7)),
    ("one per half", 40): (range(20), range(20, 40)),
    ("leading part", 10): (range(1), range(1, 5)),
    ("leading part", 38): (range(3), range(3, 18)),
    ("leading part", 100): (range(10), range(10, 50)),
}


@pytest.mark.parametrize(("form", "length"), PLACES)
def test_markers_and_targets(form, length):
    batch = drawn(tasks.adding(form), MANY, length)
    numbers, markers = np.moveaxis(batch.xs.astype(np.float64), -1, 0)
    assert np.all((markers == 0) | (markers == 1))
    marked = [np.nonzero(column)[0] for column in markers.T]
    assert {len(found) for found in marked} == {2}
    for found, places in zip(np.transpose(marked), PLACES[form, length], strict=True):
        assert_uniform(found, places)
    pairs = [[column[t] for t in found] for column, found in zip(numbers.T, marked, strict=True)]
    expected = np.sum(pairs, axis=1) if form == "one per half" else np.mean(pairs, axis=1)
    np.testing.assert_allclose(batch.targets[-1, :, 0], expected, atol=1e-6)
    assert not batch.targets[:-1].any()
    assert not batch.mask[:-1].any()
    assert batch.mask[-1].all()


def test_numbers_are_uniform_from_0_to_1():
    numbers = drawn(tasks.adding(), MANY, 40).xs[..., 0]
    assert 0 <= numbers.min() < 1e-3
    assert 1 - 1e-3 < numbers.max() < 1
    assert_uniform(np.floor(8 * numbers).ravel(), range(8))


def test_levels():
    assert tasks.adding().chance(100) == pytest.approx(1 / 6)
    assert tasks.adding().memoryless(101) == pytest.approx(1 / 6 - 1 / 12 / 51)
    assert tasks.adding("leading part").chance(100) == tasks.adding("leading part").memoryless(100) == pytest.approx(1 / 24)
