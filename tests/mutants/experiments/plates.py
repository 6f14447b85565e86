"""Bugs in `plates`."""

from tests.mutants.mutant import Mutant

_TRIALS, _DATA, _COMPARISONS = (f"experiments/plates/{name}.py" for name in ("trials", "data", "comparisons"))
_LEAK = ("test_plates.py::test_models_learn_nothing_of_the_digits_they_are_tested_on[mlp]",)
_BATCHES = ("test_plates.py::test_batches_hold_training_digits_at_trained_places_and_are_the_same_for_all_models",)
_CHECKS = ("test_plates.py::test_each_criterion_can_be_missed", "test_plates.py::test_all_criteria_can_be_met")

MUTANTS = (
    Mutant(
        "plates: test accuracy of training digits",
        _TRIALS,
        "score(chosen.with_margin, n, run, run.split.test)",
        "score(chosen.with_margin, n, run, run.split.training)",
        _LEAK,
    ),
    Mutant(
        "plates: batches of all digits",
        _DATA,
        "rng.choice(run.split.training, ",
        "rng.choice(np.concatenate(run.split), ",
        _BATCHES,
    ),
    Mutant(
        "plates: training at all places",
        _DATA,
        "np.arange(0, slots, 2)",
        "np.arange(slots)",
        _BATCHES,
    ),
    Mutant(
        "plates: settings chosen on test digits",
        _TRIALS,
        "network, run, run.split.validation)",
        "network, run, run.split.test)",
        ("test_plates.py::test_variant_and_rate_are_chosen_on_validation_digits_alone",),
    ),
    Mutant(
        "plates: settings chosen at places never trained, too",
        _TRIALS,
        "run.split.validation)[trained_places].mean()",
        "run.split.validation).mean()",
        ("test_plates.py::test_places_never_trained_choose_nothing",),
    ),
    Mutant(
        "plates: without the margin it is still there",
        _TRIALS,
        "columns[: len(columns) - columns_cut]",
        "columns",
        ("test_plates.py::test_without_the_margin_a_plate_ends_with_its_last_place",),
    ),
    Mutant(
        "plates: trained and other places swapped",
        _COMPARISONS,
        "return np.delete(places, trained_slots(places.shape[1]), axis=1).mean(axis=1)",
        "return places[:, trained_slots(places.shape[1])].mean(axis=1)",
        _CHECKS,
    ),
    Mutant(
        "plates: a loss counted as a gain",
        "experiments/plates/__init__.py",
        "of_mean(at_trained(results, name) - at_never_trained(results, name))",
        "of_mean(at_never_trained(results, name) - at_trained(results, name))",
        _CHECKS,
    ),
    Mutant(
        "plates: windows of the convolution shifted by a column",
        "experiments/plates/models.py",
        "(((WIDTH - 1) // 2, WIDTH // 2), ",
        "((WIDTH // 2, WIDTH // 2), ",
        ("test_plates.py::test_a_convolution_is_one_over_windows_of_one_digit",),
    ),
)
