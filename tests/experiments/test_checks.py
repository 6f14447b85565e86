"""Criteria: bounds decide, NaN fails, and the verdict counts."""

import pytest

from experiments.common.checks import above, at_least, at_most, verdict
from experiments.common.intervals import Interval


@pytest.mark.parametrize(("found", "passed"), [(1.0, True), (0.9, False), (float("nan"), False)])
def test_a_number_is_compared_itself(found, passed):
    assert at_least("gain", found, 1.0).passed is passed
    assert at_most("loss", -found, -1.0).passed is passed


@pytest.mark.parametrize(
    ("low", "high", "least", "most"),
    [(1.0, 3.0, True, False), (0.9, 1.0, False, True), (float("nan"), float("nan"), False, False)],
)
def test_of_an_interval_the_unfavourable_bound_decides(low, high, least, most):
    found = Interval(low, (low + high) / 2, high)
    assert at_least("gain", found, 1.0).passed is least
    assert at_most("loss", found, 1.0).passed is most


@pytest.mark.parametrize(("low", "passed"), [(1e-9, True), (0.0, False), (-0.1, False), (float("nan"), False)])
def test_what_is_exactly_equal_is_not_above(low, passed):
    assert above("gain", Interval(low, low, low)).passed is passed
    assert above("gain", Interval(low + 2, low + 2, low + 3), 2.0).passed is (low + 2 > 2)


def test_a_check_prints_its_verdict_its_interval_and_its_criterion():
    assert str(at_least("gain", Interval(0.5, 0.75, 1.0), 0.6)) == "FAIL  gain: 0.75 [0.5, 1] (lower bound at least 0.6)"
    assert str(above("gain", Interval(0.0, 0.5, 1.0))) == "FAIL  gain: 0.5 [0, 1] (lower bound above 0)"
    assert str(at_most("loss", 0.25, 0.5)) == "pass  loss: 0.25 (at most 0.5)"


def test_the_verdict_counts_what_is_missed():
    met, missed = at_least("a", 1.0, 0.0), at_least("b", 1.0, 2.0)
    assert verdict([met, met]) == "verdict: the claim holds, all 2 criteria are met"
    assert verdict([met, missed]) == "verdict: the claim is NOT met by this run, which misses 1 of 2 criteria"
    assert verdict([]).startswith("verdict: none")
