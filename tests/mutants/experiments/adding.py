"""Criteria that the wrong seed decides, losses in other units, and rates chosen where they are judged, in `adding`."""

from tests.mutants.mutant import Mutant

_MAIN, _SCORES, _NETWORKS = (f"experiments/adding/{name}.py" for name in ("__init__", "scores", "networks"))
_TESTS = "test_adding_problem.py::"
_MISSES = (f"{_TESTS}test_one_seed_that_breaks_a_criterion_misses_it_alone",)

MUTANTS = (
    Mutant("the best seed of the LSTM decides", _MAIN, "max(shares(LSTM, 200))", "min(shares(LSTM, 200))", _MISSES),
    Mutant("the worst seed of the tanh network decides", _MAIN, "min(shares(TANH, 200))", "max(shares(TANH, 200))", _MISSES),
    Mutant(
        "squared errors instead of shares",
        _MAIN,
        'return {"shares": course.losses / level}',
        'return {"shares": course.losses}',
        (f"{_TESTS}test_adding_runs",),
    ),
    Mutant(
        "rates are chosen on a seed that is reported",
        _MAIN,
        "config.seed + CHOICE, rate",
        "config.seed, rate",
        (f"{_TESTS}test_a_rate_is_chosen_by_updates_and_then_by_loss",),
    ),
    Mutant(
        "rates are chosen by the loss alone",
        _MAIN,
        "keys = [(updates_to(shares, EVERY), best_share(shares)) for shares in courses]",
        "keys = [(0, best_share(shares)) for shares in courses]",
        (f"{_TESTS}test_a_rate_is_chosen_by_updates_and_then_by_loss",),
    ),
    Mutant(
        "chrono is divided by bias 1",
        _MAIN,
        "float(medians[0] / medians[1])",
        "float(medians[1] / medians[0])",
        (f"{_TESTS}test_the_summary_counts_irnns_and_compares_chrono_with_bias_1",),
    ),
    Mutant("one lucky test is enough", _SCORES, "IN_A_ROW = 2", "IN_A_ROW = 1", (f"{_TESTS}test_two_tests_in_a_row_count",)),
    Mutant(
        "chrono does not know T",
        _NETWORKS,
        'chrono("lstm", length)',
        'chrono("lstm", 50)',
        (f"{_TESTS}test_time_constants_follow_the_length",),
    ),
    Mutant(
        "sizes grow past the limit",
        _NETWORKS,
        "candidates[max(within - 1, 0)]",
        "candidates[max(within, 0)]",
        (f"{_TESTS}test_networks_have_the_units_that_the_docstring_says_and_about_equal_sizes",),
    ),
)
