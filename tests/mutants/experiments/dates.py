"""Dates: leaks, choices on the wrong data, and criteria turned round."""

from tests.mutants.mutant import Mutant

_FILE, _DATA, _TEST = "experiments/dates/__init__.py", "experiments/dates/data.py", "test_dates.py"

MUTANTS = (
    Mutant(
        "dates: tested on days of the training",
        _DATA,
        "order[held_out : 2 * held_out]",
        "order[2 * held_out :]",
        (f"{_TEST}::test_days_with_meanings_drawn_at_random_are_learned_and_not_told_of_held_out_days",),
    ),
    Mutant(
        "dates: validation days for testing",
        _DATA,
        "order[held_out : 2 * held_out]",
        "order[:held_out]",
        (f"{_TEST}::test_every_day_is_in_one_part_only",),
    ),
    Mutant(
        "dates: held-out combinations are trained",
        _DATA,
        "for j in range(len(FORMATS)) if (i, j) not in unseen]",
        "for j in range(len(FORMATS))]",
        (f"{_TEST}::test_a_seed_is_tested_on_days_combinations_and_lengths_it_has_not_trained",),
    ),
    Mutant(
        "dates: texts trained as long as those tested",
        _FILE,
        "usual = np.random.default_rng(seed), (0, config.other_text)",
        "usual = np.random.default_rng(seed), (0, config.tested_texts[-1])",
        (f"{_TEST}::test_a_seed_is_tested_on_days_combinations_and_lengths_it_has_not_trained",),
    ),
    Mutant(
        "dates: learning rate chosen on the test",
        _FILE,
        "mean_loss(of, params, data.validation)",
        "mean_loss(of, params, data.tests[0])",
        (f"{_TEST}::test_the_learning_rate_is_chosen_on_validation_days",),
    ),
    Mutant(
        "dates: the worst learning rate chosen",
        _FILE,
        "np.argmin(losses)",
        "np.argmax(losses)",
        (f"{_TEST}::test_the_learning_rate_is_chosen_on_validation_days",),
    ),
    Mutant(
        "dates: last state minus attention",
        _FILE,
        "ahead, (trained, unseen, longest_text) = attention - last,",
        "ahead, (trained, unseen, longest_text) = last - attention,",
        (f"{_TEST}::test_the_criteria_are_met_by_attention_that_is_ahead_and_faster",),
    ),
    Mutant(
        "dates: the mean decides instead of the bound",
        _FILE,
        "of_mean(attention[:, trained]), 0.99)",
        "of_mean(attention[:, trained]).middle, 0.99)",
        (f"{_TEST}::test_a_bound_decides_and_not_the_mean",),
    ),
    Mutant(
        "dates: a last state that never arrives is infinitely slow",
        _FILE,
        'np.minimum(curves["updates to low loss/last"], available)',
        'curves["updates to low loss/last"]',
        (f"{_TEST}::test_a_last_state_that_never_arrives_counts_with_all_its_updates",),
    ),
)
