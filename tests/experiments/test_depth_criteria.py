"""The criteria of `depth` on synthetic results: all met, and each of them missed alone."""

import numpy as np
import pytest

from experiments import depth
from experiments.common.experiment import Results
from experiments.depth import findings
from experiments.depth.figure import finding

NOISE = np.linspace(-0.002, 0.002, 5)
ACCURACIES = {
    "plain": {2: 0.90, 8: 0.92, 16: 0.80, 32: 0.50},
    "residual": {2: 0.93, 8: 0.96, 16: 0.95, 32: 0.95},
    "dense": {2: 0.93, 8: 0.96, 16: 0.96, 32: 0.96},
}


def results(changes=None):
    """Results that meet every criterion, but for the changes."""
    curves = {
        f"{name}/{kind}/{layers}": value + NOISE
        for name in ("accuracy", "validation")
        for kind, by_depth in ACCURACIES.items()
        for layers, value in by_depth.items()
    }
    plain, residual = np.full((5, 15), 0.8), np.full((5, 31), 0.02)
    plain[:, 3], residual[:, 0] = 0.3, 0.6  # its cheapest layer, and its dearest
    curves |= {"lost/plain/16": plain + NOISE[:, None], "lost/residual/32": residual + NOISE[:, None]}
    return Results([], {}, curves | (changes or {}))


def cheap_layer():
    lost = results().curves["lost/plain/16"].copy()
    lost[:, 3] = 0.05
    return lost


MISSED = {
    "16 layers: residual minus plain": {"accuracy/residual/16": 0.85 + NOISE},
    "16 layers: dense minus plain": {"accuracy/dense/16": 0.96 + 70 * NOISE},  # on average enough, not for sure
    "32 layers: residual minus plain": {"accuracy/residual/32": 0.55 + NOISE, "validation/residual/32": 1 + NOISE},
    "32 layers: dense minus plain": {"accuracy/dense/32": 0.55 + NOISE, "validation/dense/32": 1 + NOISE},
    "plain: best depth minus 32 layers": {"validation/plain/32": 1 + NOISE},
    "residual: best depth minus 32 layers": {"accuracy/residual/32": 0.90 + NOISE},
    "dense: best depth minus 32 layers": {"accuracy/dense/32": 0.90 + NOISE},
    "residual 32: lost with the median layer": {"lost/residual/32": np.full((5, 31), 0.2)},
    "plain 16: lost with the median layer": {"lost/plain/16": np.full((5, 15), 0.3)},
    "plain 16: lost with the cheapest layer": {"lost/plain/16": cheap_layer()},
}


def test_results_as_claimed_meet_every_criterion():
    checks = depth.check(depth.Config(), results())
    assert [check.name for check in checks] == list(MISSED)
    assert all(check.passed for check in checks)


@pytest.mark.parametrize("name", MISSED)
def test_a_result_that_breaks_one_criterion_misses_it_alone(name):
    checks = depth.check(depth.Config(), results(MISSED[name]))
    assert [check.name for check in checks if not check.passed] == [name]


def test_the_criteria_are_stated_for_16_and_32_layers():
    assert depth.check(depth.Config(depths=(2, 8, 32)), results()) == []
    assert depth.check(depth.Config(depths=(2, 16)), results()) == []


def test_the_best_depth_is_that_of_the_validation_digits():
    better = {"accuracy/residual/2": 0.99 + NOISE}
    assert findings.fall(results(better), "residual").middle == pytest.approx(0.96 - 0.95)


def test_seeds_are_paired():
    apart = {"accuracy/plain/16": 0.80 + 50 * NOISE, "accuracy/residual/16": 0.95 + 50 * NOISE}
    low, middle, high = findings.gain(results(apart), "residual", 16)
    assert (low, middle, high) == pytest.approx((0.15, 0.15, 0.15))


def test_the_title_is_computed():
    assert "a plain stack falls behind a residual one" in finding(results())
    assert "costs the residual stack less than a plain one of 16 layers (2 against 80 points" in finding(results())
    even = {"accuracy/plain/32": 0.95 + NOISE[::-1], "lost/plain/16": np.full((5, 15), 0.01)}
    assert "is not told apart from a residual one" in finding(results(even))
    assert "more than a plain one" in finding(results(even))
