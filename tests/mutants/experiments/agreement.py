"""Agreement past competing pronouns: sentences, splits, choices, bounds."""

from tests.mutants.mutant import Mutant

_TESTS = "test_agreement.py"
_CRITERIA = (f"{_TESTS}::test_every_criterion_can_be_missed_alone_and_by_its_unfavourable_bound",)
_CHOICE = (f"{_TESTS}::test_a_setting_is_chosen_on_validation_sentences_of_seeds_that_are_not_tested",)
_BEYOND = (f"{_TESTS}::test_beyond_means_distances_longer_than_any_in_training",)

MUTANTS = (
    Mutant(
        "agreement: scored on validation sentences",
        "experiments/agreement/scores.py",
        "cells_of(_right(guess, test_sentences(config, seed)), config.test_sentences))",
        "np.full((3, 1, 2), _right(guess, validation_sentences(config, seed)).mean()))",
        (f"{_TESTS}::test_a_leak_from_test_sentences_would_show",),
    ),
    Mutant(
        "agreement: setting chosen on test sentences",
        "experiments/agreement/scores.py",
        "found = _right(learner.fit(setting, seed), validation_sentences(config, seed)).mean()",
        "found = _right(learner.fit(setting, seed), test_sentences(config, seed)).mean()",
        _CHOICE,
    ),
    Mutant(
        "agreement: setting chosen on seeds that are tested",
        "experiments/agreement/scores.py",
        "range(config.seeds, config.seeds + config.tuning_seeds)",
        "range(config.tuning_seeds)",
        _CHOICE,
    ),
    Mutant(
        "agreement: all seeds draw the same sentences",
        "experiments/agreement/splits.py",
        "jax.random.fold_in(jax.random.key(config.seed), seed)",
        "jax.random.key(config.seed)",
        (f"{_TESTS}::test_seeds_and_purposes_draw_different_sentences",),
    ),
    Mutant(
        "agreement: short sentences are tested, too",
        "experiments/agreement/sentences.py",
        "SHORTEST = CLAUSE * MOST + 1",
        "SHORTEST = 3",
        (f"{_TESTS}::test_no_test_sentence_is_met_in_training_or_validation",),
    ),
    Mutant(
        "agreement: competing pronouns follow the subject",
        "experiments/agreement/sentences.py",
        "return sentences(k_words, distances, genders, clauses, others, longest)",
        "return sentences(k_words, distances, genders, clauses, others | genders[:, None], longest)",
        (f"{_TESTS}::test_competing_pronouns_of_training_say_nothing_about_the_subject",),
    ),
    Mutant(
        "agreement: no sentence is opposed",
        "experiments/agreement/sentences.py",
        "(genders ^ opposed)[:, None]",
        "genders[:, None]",
        (f"{_TESTS}::test_the_test_is_balanced_and_its_rules_of_thumb_are_at_chance",),
    ),
    Mutant(
        "agreement: first pronoun for the last",
        "experiments/agreement/heuristics.py",
        "np.where(_is_pronoun(codes), steps, -1).max(axis=0)",
        "np.where(_is_pronoun(codes), steps, len(codes)).min(axis=0)",
        (f"{_TESTS}::test_rules_of_thumb_go_by_pronouns",),
    ),
    Mutant(
        "agreement: longest trained distance counts as beyond",
        "experiments/agreement/scores.py",
        "longest + 1 - SHORTEST :",
        "longest - SHORTEST :",
        _BEYOND,
    ),
    Mutant(
        "agreement: agreeing sentences for opposed ones",
        "experiments/agreement/scores.py",
        "1 if opposed else",
        "0 if opposed else",
        _BEYOND,
    ),
    Mutant(
        "agreement: difference inverted",
        "experiments/agreement/scores.py",
        "of_mean(beyond(ours, longest) - beyond(theirs, longest))",
        "of_mean(beyond(theirs, longest) - beyond(ours, longest))",
        _CRITERIA,
    ),
    Mutant(
        "agreement: n-gram at chance by its mean",
        "experiments/agreement/__init__.py",
        "of_mean(beyond(accuracy[NGRAM], longest)), 0.55",
        "of_mean(beyond(accuracy[NGRAM], longest)).middle, 0.55",
        _CRITERIA,
    ),
)
