"""Captions: leaks, choices on the wrong data, baselines swapped, and criteria turned round."""

from tests.mutants.mutant import Mutant

_FILE, _DATA, _TEST = "experiments/captions/__init__.py", "experiments/captions/data.py", "test_captions.py"

MUTANTS = (
    Mutant(
        "captions: tested on pictures of the training",
        _DATA,
        "(training, validation, test)",
        "(training, validation, training)",
        (f"{_TEST}::test_labels_dealt_at_random_are_learned_and_not_told_of_test_pictures",),
    ),
    Mutant(
        "captions: validation pictures are trained",
        _FILE,
        "config.test_numbers, pictures.validation)",
        "config.test_numbers, pictures.training)",
        (f"{_TEST}::test_a_seed_is_tested_on_pictures_it_has_not_trained_and_on_names_held_out",),
    ),
    Mutant(
        "captions: held-out names are trained",
        _FILE,
        "np.setdiff1d(np.arange(len(NAMES)), held_out)",
        "np.arange(len(NAMES))",
        (f"{_TEST}::test_a_seed_is_tested_on_pictures_it_has_not_trained_and_on_names_held_out",),
    ),
    Mutant(
        "captions: learning rate chosen on the test",
        _FILE,
        "pixels(data.validation, images)), data.validation) for network, _ in trials]",
        "pixels(data.tests[1], images)), data.tests[1]) for network, _ in trials]",
        (f"{_TEST}::test_the_learning_rate_is_chosen_on_validation_pictures",),
    ),
    Mutant(
        "captions: the feed chosen on the test",
        _FILE,
        'np.argmax([curves[f"validation/{feed}"] for feed in FEEDS], axis=0)',
        'np.argmax([curves[f"exact/{feed}"][:, 0] for feed in FEEDS], axis=0)',
        (f"{_TEST}::test_the_feed_that_validation_prefers_is_judged_even_where_the_test_prefers_the_other",),
    ),
    Mutant(
        "captions: first step minus every step",
        _FILE,
        "return every - first",
        "return first - every",
        (f"{_TEST}::test_a_criterion_is_missed_alone",),
    ),
    Mutant(
        "captions: the loss on trained numbers from the wrong test",
        _FILE,
        "gap = exact[:, trained] - exact[:, held_out]",
        "gap = exact[:, digit] - exact[:, held_out]",
        (f"{_TEST}::test_a_criterion_is_missed_alone",),
    ),
    Mutant(
        "captions: the most frequent name for the classifier's",
        _FILE,
        "return np.where(numbers.left < 0, 0, 10 * left) + right",
        "return np.full(len(right), np.bincount(right).argmax())",
        (f"{_TEST}::test_the_classifier_reads_a_number_digit_by_digit",),
    ),
    Mutant(
        "captions: letters after the end count in training",
        _DATA,
        "np.arange(STEPS)[:, None] <= np.array([len(text) for text in NAMES])",
        "np.arange(STEPS)[:, None] <= np.full(len(NAMES), STEPS)",
        (f"{_TEST}::test_names_are_all_different_and_spelled_with_one_end_symbol_that_counts",),
    ),
)
