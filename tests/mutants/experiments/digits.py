"""Bugs in `digits`."""

from tests.mutants.mutant import Mutant

_TRIALS, _CELLS = "experiments/digits/trials.py", "experiments/digits/cells.py"
_STUDIES = "experiments/common/studies.py"
_COMPARISONS, _INITIALIZERS = "experiments/digits/comparisons.py", "initializers.py"
_LEAK = ("test_digits.py::test_networks_learn_nothing_of_the_digits_they_are_tested_on",)
_CHOICE = ("test_digits.py::test_the_learning_rate_is_chosen_on_validation_digits_alone",)
_GATES = ("test_digits.py::test_only_update_gates_start_out_remembering",)
_CHECKS = ("test_digits.py::test_each_criterion_can_be_missed", "test_digits.py::test_all_criteria_can_be_met")

MUTANTS = (
    Mutant(
        "digits: test accuracy of training digits",
        _TRIALS,
        "score(network, digits, run.split.test)",
        "score(network, digits, run.split.training)",
        _LEAK,
    ),
    Mutant(
        "digits: batches of all digits",
        _STUDIES,
        "choice(run.split.training, ",
        "choice(np.concatenate(run.split), ",
        _LEAK,
    ),
    Mutant(
        "digits: learning rate chosen on test digits",
        _STUDIES,
        "digits, run.split.validation)",
        "digits, run.split.test)",
        _CHOICE,
    ),
    Mutant(
        "digits: validation on the fold that is tested",
        "experiments/common/splits.py",
        "Split(rest[training], validation, rest[test])",
        "Split(rest[training], rest[test], rest[test])",
        ("test_digits.py::test_every_digit_is_for_validation_or_tested_once",),
    ),
    Mutant(
        "digits: no delay",
        "experiments/common/handwritten.py",
        "((0, blanks), ",
        "((0, 0), ",
        ("test_digits.py::test_a_digit_is_read_in_order_and_then_nothing",),
    ),
    Mutant(
        "digits: the bias of another gate",
        _INITIALIZERS,
        "PerGate((zeros, renew, zeros))",
        "PerGate((renew, zeros, zeros))",
        _GATES,
    ),
    Mutant(
        "digits: gates that start out forgetting",
        _INITIALIZERS,
        "PerGate((zeros, renew, zeros))",
        "PerGate((zeros, keep, zeros))",
        _GATES,
    ),
    Mutant(
        "digits: a GRU with as many units as tanh",
        _CELLS,
        'if family == "tanh":',
        "if family:",
        ("test_digits.py::test_networks_have_equally_many_parameters",),
    ),
    Mutant(
        "digits: growth of a gain inverted",
        _COMPARISONS,
        "of_mean(late - early)",
        "of_mean(early - late)",
        _CHECKS,
    ),
    Mutant(
        "digits: the older criterion of another network",
        "experiments/digits/__init__.py",
        'gain(results, OLDER, "GRU orthogonal, no bias", "tanh Gaussian")',
        'gain(results, OLDER, "GRU orthogonal", "tanh Gaussian")',
        _CHECKS,
    ),
)
