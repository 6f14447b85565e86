"""Tagging with and without the right-hand context."""

from tests.mutants.mutant import Mutant

_FILE = "test_tagging.py"
_LEAK = (f"{_FILE}::test_a_network_that_learns_its_training_files_is_at_chance_where_only_a_leak_would_help",)
_DELAY = (
    f"{_FILE}::test_networks_see_what_they_should",
    f"{_FILE}::test_a_delayed_network_answers_about_the_character_it_has_left_behind",
)
_CHECKS = (f"{_FILE}::test_each_criterion_alone_can_be_missed",)

MUTANTS = (
    Mutant(
        "taggers choose their learning rate on the test files",
        "experiments/tagging/__init__.py",
        "late_accuracy(data.validation.labels, predict(functions, params, data.validation.codes))",
        "late_accuracy(data.test.labels, predict(functions, params, data.test.codes))",
        _LEAK,
    ),
    Mutant(
        "taggers are tested on the validation files",
        "experiments/tagging/__init__.py",
        '"said": predict(functions, params, data.test.codes)',
        '"said": predict(functions, params, data.validation.codes)',
        _LEAK,
    ),
    Mutant(
        "test files are among those to choose on",
        "experiments/tagging/data.py",
        "((split.validation, validation_characters), (split.test, test_characters),",
        "((split.test, test_characters), (split.validation, validation_characters * 0),",
        (f"{_FILE}::test_no_file_of_the_library_is_in_two_parts",),
    ),
    Mutant(
        "the lowest accuracy is chosen",
        "experiments/tagging/__init__.py",
        "max(of[kind], key=lambda choice:",
        "min(of[kind], key=lambda choice:",
        (f"{_FILE}::test_the_highest_accuracy_is_chosen_and_all_kinds_have_as_many_trials",),
    ),
    Mutant(
        "the delayed tagger is not delayed",
        "experiments/tagging/networks.py",
        "return state, ys[delay:]",
        "return state, ys[: len(ys) - delay]",
        _DELAY,
    ),
    Mutant(
        "the first half of windows is scored",
        "experiments/tagging/scores.py",
        "return values[..., values.shape[-2] // 2 :, :]",
        "return values[..., : values.shape[-2] // 2, :]",
        (f"{_FILE}::test_scores_agree_with_scikit_learn_in_the_second_half",),
    ),
    Mutant(
        "the gain of both directions is turned round",
        "experiments/tagging/__init__.py",
        'of_mean(found["bidirectional"] - found[other])',
        'of_mean(found[other] - found["bidirectional"])',
        (f"{_FILE}::test_differences_are_what_the_bidirectional_layer_has_more",),
    ),
    Mutant(
        "the delayed tagger need not be beaten",
        "experiments/tagging/__init__.py",
        'AGAINST = {"delayed": 0.0,',
        'AGAINST = {"delayed": -1.0,',
        _CHECKS,
    ),
    Mutant(
        "a trial is one of the networks that are tested",
        "experiments/tagging/__init__.py",
        "config.seed + config.seeds, label)",
        "config.seed, label)",
        (f"{_FILE}::test_a_trial_takes_another_seed_than_the_networks_that_are_tested",),
    ),
)
