"""Ratios the wrong way round, errors of the wrong updates, and targets without waves in `clockwork`."""

from tests.mutants.mutant import Mutant

_TESTS = "test_clockwork_waves.py::"

MUTANTS = (
    Mutant(
        "the ratio of means instead of the mean of ratios",
        "experiments/clockwork/__init__.py",
        "np.log(ours) - np.log(theirs)",
        "np.log(ours) - np.log(theirs).mean()",
        (f"{_TESTS}test_the_ratio_is_taken_target_by_target",),
    ),
    Mutant(
        "the second criterion looks at the published rate",
        "experiments/clockwork/__init__.py",
        'ratio(results, "chosen", "tanh"), HALF',
        'ratio(results, "published", "tanh"), HALF',
        (f"{_TESTS}test_a_result_that_breaks_one_criterion_misses_it_alone",),
    ),
    Mutant(
        "all waves in phase",
        "experiments/clockwork/networks.py",
        "np.sin(angles + phases)",
        "np.sin(angles + 0 * phases)",
        (f"{_TESTS}test_targets_hold_the_periods_and_nothing_else",),
    ),
    Mutant(
        "targets of another size",
        "experiments/clockwork/networks.py",
        "np.sqrt(np.mean(waves**2, axis=1, keepdims=True))",
        "len(config.periods)",
        (f"{_TESTS}test_targets_hold_the_periods_and_nothing_else",),
    ),
)
