"""The character language model against n-grams."""

from tests.mutants.mutant import Mutant

_FILE = "test_char_lm.py"
_RECURSION = (f"{_FILE}::test_ngrams_equal_the_published_recursion",)
_CHOICE = (f"{_FILE}::test_the_validation_part_chooses_and_never_the_test_part",)
_CHECKS = (f"{_FILE}::test_each_criterion_alone_can_be_missed",)
_CACHE = (f"{_FILE}::test_a_cache_counts_the_recent_text_and_nothing_that_is_to_come",)
_LEAK = (
    f"{_FILE}::test_only_the_cache_learns_what_the_test_part_alone_has",
    f"{_FILE}::test_an_ngram_may_not_read_behind_the_training_part",
)

MUTANTS = (
    Mutant(
        "the LSTM is trained on the test part",
        "experiments/char_lm/training.py",
        "windows(corpus.training,",
        "windows(corpus.test,",
        (f"{_FILE}::test_a_network_that_learns_its_training_part_is_at_chance_where_only_a_leak_would_help",),
    ),
    Mutant(
        "the LSTM is scored on its training part",
        "experiments/char_lm/__init__.py",
        "for codes in (corpus.test, corpus.validation))",
        "for codes in (corpus.training[: len(corpus.test)], corpus.validation))",
        (f"{_FILE}::test_a_network_that_learns_its_training_part_is_at_chance_where_only_a_leak_would_help",),
    ),
    Mutant(
        "Witten-Bell counts what is to come",
        "experiments/char_lm/witten_bell.py",
        "np.unique(pairs[:split], return_index=True, return_counts=True)",
        "np.unique(pairs, return_index=True, return_counts=True)",
        _LEAK,
    ),
    Mutant(
        "the test part chooses the n-gram",
        "experiments/char_lm/comparison.py",
        '    names, means = [str(one) for one in ngrams["names"]], ngrams["validation"]\n',
        '    names, means = [str(one) for one in ngrams["names"]], ngrams["test"].mean(axis=1)\n',
        _CHOICE,
    ),
    Mutant(
        "the difference of n-gram and LSTM is turned round",
        "experiments/char_lm/comparison.py",
        "FIXED: more[fixed],",
        "FIXED: Interval(*(-bound for bound in reversed(more[fixed]))),",
        _CHOICE,
    ),
    Mutant(
        "lower orders of Kneser-Ney count places instead of kinds",
        "experiments/char_lm/kneser_ney.py",
        "lower = _interpolate(these, kinds, split, lower)",
        "lower = _interpolate(these, np.arange(split), split, lower)",
        _RECURSION,
    ),
    Mutant(
        "one discount for all counts",
        "experiments/char_lm/kneser_ney.py",
        "[np.minimum(counts, 3)]",
        "[np.minimum(counts, 1)]",
        _RECURSION,
    ),
    Mutant(
        "a cache that sees the symbol to come",
        "experiments/char_lm/cache.py",
        "for since in (places, np.maximum",
        "for since in (places + 1, np.maximum",
        _CACHE,
    ),
    Mutant(
        "a cache that forgets one symbol too early",
        "experiments/char_lm/cache.py",
        "np.maximum(places - window, 0)",
        "np.maximum(places - window + 1, 0)",
        _CACHE,
    ),
    Mutant(
        "a model that ignores its input fades, too",
        "experiments/char_lm/__init__.py",
        "at_least(FIRST, found[FIRST], 0.3)",
        "at_least(FIRST, found[FIRST], 0.0)",
        _CHECKS,
    ),
    Mutant(
        "the end of a spread is its beginning",
        "experiments/char_lm/comparison.py",
        'spread["forced"][-LAST:]',
        'spread["forced"][:LAST]',
        (f"{_FILE}::test_the_end_of_a_spread_is_its_last_ten_steps",),
    ),
)
