"""Intervals of means, against closed forms and by their coverage."""

import numpy as np
import pytest
from scipy import stats

from experiments.common import intervals


def test_the_interval_of_a_mean_is_students():
    values = np.random.default_rng(0).normal(2, 3, 7)
    found = intervals.of_mean(values)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose((found.low, found.middle, found.high), (expected.low, values.mean(), expected.high))


def test_a_single_value_says_nothing():
    assert intervals.of_mean(np.array([0.5])) == (-np.inf, 0.5, np.inf)


@pytest.mark.parametrize("size", [1, 8])
def test_nineteen_of_twenty_bootstrap_intervals_hold_the_truth(size):
    """Items of a group are equal, so that only the number of groups counts."""
    rng, held = np.random.default_rng(1), 0
    for _ in range(200):
        values = np.repeat(rng.normal(1.0, 2.0, 60), size)
        found = intervals.of_items(values, groups=np.repeat(np.arange(60), size), draws=400)
        assert found.middle == pytest.approx(values.mean())
        held += found.low <= 1.0 <= found.high
    assert 180 <= held <= 199


def test_groups_may_have_different_sizes():
    groups = np.array(["a", "b", "b", "c"])
    found = intervals.of_items(np.array([1.0, 0.0, 0.0, 1.0]), groups)
    assert found.middle == 0.5
    assert found.low == 0  # "b" drawn three times
    assert found.high == 1


@pytest.mark.parametrize(("successes", "trials"), [(0, 8), (3, 8), (8, 8), (1, 10_000)])
def test_the_interval_of_a_share_is_wilsons(successes, trials):
    expected = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    found = intervals.of_share(successes, trials)
    np.testing.assert_allclose(found, (expected.low, successes / trials, expected.high), atol=1e-12)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"), [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090)]
)
def test_the_interval_of_a_difference_of_shares_is_that_of_newcombes_table(first, second, low, high):
    found = intervals.of_difference(intervals.of_share(*first), intervals.of_share(*second))
    np.testing.assert_allclose((found.low, found.high), (low, high), atol=5e-5)
    assert found.middle == pytest.approx(first[0] / first[1] - second[0] / second[1])
