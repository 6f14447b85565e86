"""Territory names: splits, choices, readouts, baselines, bounds."""

from tests.mutants.mutant import Mutant

_TESTS = "test_names.py"
_LEAK = (f"{_TESTS}::test_a_leak_between_territories_would_show",)
_CRITERIA = (f"{_TESTS}::test_every_criterion_can_be_missed_alone_and_by_its_unfavourable_bound",)
_CHOICE = (f"{_TESTS}::test_the_setting_is_chosen_by_validation_names_and_trained_again_on_all",)

MUTANTS = (
    Mutant(
        "names: split by name instead of territory",
        "experiments/names/__init__.py",
        "splits = split(names.territories,",
        "splits = split(np.arange(len(names.texts)),",
        _LEAK,
    ),
    Mutant(
        "names: test names in the final training",
        "experiments/names/splits.py",
        "return np.concatenate([self.fitting, self.validation])",
        "return np.concatenate([self.fitting, self.validation, self.test])",
        _LEAK,
    ),
    Mutant(
        "names: accuracy of training names reported as test",
        "experiments/names/folds.py",
        'accuracy(one["guesses"], languages, split.test)',
        'accuracy(one["guesses"], languages, split.training)',
        _LEAK,
    ),
    Mutant(
        "names: setting chosen on test names",
        "experiments/names/tuning.py",
        "accuracy(guesses, languages, split.validation) for",
        "accuracy(guesses, languages, split.test) for",
        _CHOICE,
    ),
    Mutant(
        "names: validation names in the part that settings are tried on",
        "experiments/names/tuning.py",
        "fit(setting, split.fitting)",
        "fit(setting, split.training)",
        _CHOICE,
    ),
    Mutant(
        "names: network of a fold chosen on test names",
        "experiments/names/folds.py",
        'key=lambda model: found[model]["validation"].max()',
        'key=lambda model: accuracy(found[model]["guesses"], languages, split.test)',
        (f"{_TESTS}::test_the_network_of_a_fold_is_the_best_on_validation_names",),
    ),
    Mutant(
        "names: readouts swapped",
        "experiments/names/networks.py",
        "jnp.where(mean, mean_over_time(hs, lengths_to_mask(lengths, len(tokens))), hidden(state))",
        "jnp.where(mean, hidden(state), mean_over_time(hs, lengths_to_mask(lengths, len(tokens))))",
        (f"{_TESTS}::test_the_readouts_are_last_state_and_mean_of_the_letters_of_a_name",),
    ),
    Mutant(
        "names: mean over the padding, too",
        "experiments/names/networks.py",
        "mean_over_time(hs, lengths_to_mask(lengths, len(tokens)))",
        "mean_over_time(hs)",
        (f"{_TESTS}::test_the_readouts_are_last_state_and_mean_of_the_letters_of_a_name",),
    ),
    Mutant(
        "names: fewer settings for the n-grams",
        "experiments/names/ngrams.py",
        "(1.0, 5.0, 25.0, 125.0)",
        "(1.0, 5.0)",
        (f"{_TESTS}::test_networks_and_ngrams_have_as_many_settings",),
    ),
    Mutant(
        "names: n-grams and network swapped",
        "experiments/names/scores.py",
        'curves[f"test/{NGRAMS}"] - curves[f"test/{CHOSEN}"]',
        'curves[f"test/{CHOSEN}"] - curves[f"test/{NGRAMS}"]',
        _CRITERIA,
    ),
    Mutant(
        "names: first criterion by the lower bound",
        "experiments/names/__init__.py",
        '(the first criterion)", ahead(curves), FIRST)',
        '(the first criterion)", ahead(curves).low, FIRST)',
        _CRITERIA,
    ),
    Mutant(
        "names: folds taken for independent",
        "experiments/names/scores.py",
        "(1 + len(values) / (len(values) - 1)) ** 0.5",
        "1.0",
        (f"{_TESTS}::test_an_interval_over_folds_is_wider_than_over_independent_splits",),
    ),
)
