"""The benchmark: ratios, intervals, and who is compared with whom."""

from tests.mutants.mutant import Mutant

_FILE = "experiments/benchmark/__init__.py"
_GOOD = ("test_benchmark.py::test_good_times_meet_every_criterion",)
_BOUNDS = ("test_benchmark.py::test_bounds_decide_row_by_row",)
_FASTEST = ("test_benchmark.py::test_only_the_fastest_library_of_a_row_counts",)

MUTANTS = (
    Mutant(
        "ratios of the table are turned over",
        _FILE,
        "of_mean(np.log(seconds / base))",
        "of_mean(np.log(base / seconds))",
        _FASTEST,
    ),
    Mutant(
        "ratios of the summary are turned over",
        _FILE,
        'curves[f"{network}/{size}/training step/{peer}"] / curves[f"{network}/{size}/training step/{base}"]',
        'curves[f"{network}/{size}/training step/{base}"] / curves[f"{network}/{size}/training step/{peer}"]',
        _GOOD,
    ),
    Mutant(
        "the slowest library of a row is the one to beat",
        "experiments/benchmark/rows.py",
        "return min(known, key",
        "return max(known, key",
        _FASTEST,
    ),
    Mutant(
        "the worst row is the best one",
        _FILE,
        "worst = min((_geometric_mean([ratio]) for ratio in found)",
        "worst = max((_geometric_mean([ratio]) for ratio in found)",
        _BOUNDS,
    ),
    Mutant(
        "own cells are compared with themselves",
        _FILE,
        'gains = [_over("explicit", setting, "autodiff", curves)',
        'gains = [_over("explicit", setting, "explicit", curves)',
        _GOOD,
    ),
    Mutant(
        "haiku's gru is timed beside another form",
        "experiments/benchmark/peers.py",
        'return (network.reset == "before") == (peer == "haiku")',
        "return True",
        ("test_benchmark.py::test_a_gru_is_timed_beside_its_own_form_alone",),
    ),
    Mutant(
        "a library that computes something else is timed",
        _FILE,
        "if not error <= TOLERANCE:",
        "if error > 1000 * TOLERANCE:",
        ("test_benchmark.py::test_a_library_that_computes_something_else_is_not_timed",),
    ),
    Mutant(
        "rows that cannot be told apart count as won",
        "experiments/benchmark/figure.py",
        'lambda row: row["low"] > 1,',
        'lambda row: row["explicit is faster by"] > 1,',
        ("test_benchmark.py::test_the_title_counts_by_intervals",),
    ),
)
