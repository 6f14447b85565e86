"""What the experiments share."""

from tests.mutants.mutant import Mutant

_INTERVALS, _CHECKS = ("test_intervals.py",), ("test_checks.py",)

MUTANTS = (
    Mutant(
        "an interval that passes by its upper bound",
        "experiments/common/checks.py",
        "passed = bool(found.low >= target)",
        "passed = bool(found.high >= target)",
        _CHECKS,
    ),
    Mutant(
        "a criterion that NaN meets",
        "experiments/common/checks.py",
        "bool(found <= target))",
        "bool(not found > target))",
        _CHECKS,
    ),
    Mutant(
        "an interval of the sample instead of its mean",
        "experiments/common/intervals.py",
        " / len(values) ** 0.5)",
        ")",
        _INTERVALS,
    ),
    Mutant(
        "an interval with the population's standard deviation",
        "experiments/common/intervals.py",
        "values.std(ddof=1)",
        "values.std()",
        _INTERVALS,
    ),
    Mutant(
        "items of one group drawn one by one",
        "experiments/common/intervals.py",
        "np.arange(len(values)) if groups is None else groups",
        "np.arange(len(values))",
        _INTERVALS,
    ),
)
