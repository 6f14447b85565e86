"""Criteria that the wrong seed decides, losses in other units, and a favourite's rate in `copy_memory`."""

from tests.mutants.mutant import Mutant

_TESTS = "test_copy_memory.py::"

MUTANTS = (
    Mutant(
        "the best seed of the exponential map decides",
        "experiments/copy_memory/__init__.py",
        'at_most(f"({i}) {name}: worst seed\'s share", max(found[name]), SOLVED)',
        'at_most(f"({i}) {name}: worst seed\'s share", min(found[name]), SOLVED)',
        (f"{_TESTS}test_a_result_that_breaks_one_criterion_misses_it_alone",),
    ),
    Mutant(
        "the worst seed of the LSTM decides",
        "experiments/copy_memory/__init__.py",
        "min(found[LSTM]), STUCK",
        "max(found[LSTM]), STUCK",
        (f"{_TESTS}test_a_result_that_breaks_one_criterion_misses_it_alone",),
    ),
    Mutant(
        "losses in nats instead of shares",
        "experiments/copy_memory/__init__.py",
        'return {"shares": course.losses / level}',
        'return {"shares": course.losses}',
        (f"{_TESTS}test_losses_are_given_as_shares_of_the_level",),
    ),
    Mutant(
        "the least single test counts",
        "experiments/copy_memory/scores.py",
        "width = min(NEIGHBOURS, len(shares))",
        "width = 1",
        (f"{_TESTS}test_the_best_four_tests_in_a_row_count",),
    ),
    Mutant(
        "the skew matrix learns as fast as the rest",
        "experiments/copy_memory/networks.py",
        "free=0.1 if kind.orthogonal else 1.0",
        "free=1.0",
        (f"{_TESTS}test_maps_start_orthogonal_and_their_kernels_learn_at_a_tenth_of_the_rate",),
    ),
)
