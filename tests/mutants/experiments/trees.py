"""Wrong operations, examples that leak, paths of other tokens, and bounds that cannot fail in `trees`."""

from tests.mutants.mutant import Mutant

_TESTS = "test_trees.py::"
_VALUES = (f"{_TESTS}test_list_operations_have_their_values_depths_and_lengths",)
_ROWS = (f"{_TESTS}test_losses_and_gradients_of_a_batch_are_those_of_its_rows",)
_SYNTAX = (f"{_TESTS}test_syntax_is_split_by_file_and_only_training_files_name_kinds",)
_AVERAGES = (f"{_TESTS}test_gradients_are_averaged_by_distance_and_compared_between_ends",)
_CRITERIA = (f"{_TESTS}test_a_result_that_breaks_one_criterion_misses_it_alone",)

MUTANTS = (
    Mutant(
        "the upper one of two medians",
        "experiments/trees/operations.py",
        '"MED": median_low',
        '"MED": lambda digits: sorted(digits)[len(digits) // 2]',
        _VALUES,
    ),
    Mutant(
        "list operations that are shallower than asked for",
        "experiments/trees/operations.py",
        "    below[rng.randrange(len(below))] = depth - 1\n",
        "",
        _VALUES,
    ),
    Mutant(
        "list operations that are learned and tested",
        "experiments/trees/problems.py",
        "if not (fresh and _key(example) in seen):",
        "if not fresh or example:",
        (f"{_TESTS}test_no_list_operation_is_learned_and_tested",),
    ),
    Mutant(
        "closing tokens of the root alone",
        "experiments/trees/examples.py",
        "        close_until(parent)\n",
        "",
        (f"{_TESTS}test_tokens_close_what_they_open",),
    ),
    Mutant(
        "kinds of tested files in the vocabulary",
        "experiments/trees/problems.py",
        "words = syntax.vocabulary(parts[0])",
        "words = syntax.vocabulary([one for part in parts for one in part])",
        _SYNTAX,
    ),
    Mutant(
        "a hidden node that shows its kind",
        "experiments/trees/syntax.py",
        "        symbols[statement.hidden] = self.hidden\n",
        "        symbols[0] = self.hidden\n",
        _SYNTAX,
    ),
    Mutant(
        "whether a name is read or written is a node",
        "experiments/trees/syntax.py",
        "if not isinstance(child, ast.expr_context):",
        "if child:",
        (f"{_TESTS}test_statements_are_trees_of_kinds",),
    ),
    Mutant(
        "a batch with the trees of other examples",
        "experiments/trees/compositions.py",
        "some_trees(self.trees, rows)",
        "some_trees(self.trees, 0 * rows)",
        _ROWS,
    ),
    Mutant(
        "sequences read on through their padding",
        "experiments/trees/compositions.py",
        "mask=read.symbols != NOTHING, ",
        "",
        _ROWS,
    ),
    Mutant(
        "gradients of a given tree at the places of tokens",
        "experiments/trees/gradients.py",
        "        found = np.take_along_axis(found, np.maximum(examples.owners, 0), axis=0)\n",
        "        found = np.resize(found, examples.owners.shape)\n",
        _ROWS,
    ),
    Mutant(
        "distances from the first token",
        "experiments/trees/gradients.py",
        "return examples.lengths - 1 - np.arange(len(examples.tokens))[:, None]",
        "return 0 * examples.lengths + np.arange(len(examples.tokens))[:, None]",
        _ROWS,
    ),
    Mutant(
        "the last digits over the first ones",
        "experiments/trees/gradients.py",
        "norms_of_digits[:third].mean() - norms_of_digits[-third:].mean()",
        "norms_of_digits[-third:].mean() - norms_of_digits[:third].mean()",
        _AVERAGES,
    ),
    Mutant(
        "the least validation accuracy chooses the rate",
        "experiments/trees/trials.py",
        "validation.mean(axis=1).argmax()",
        "validation.mean(axis=1).argmin()",
        (f"{_TESTS}test_the_rate_is_chosen_by_accuracy_on_validation_examples",),
    ),
    Mutant(
        "gradients of untrained networks meet the criteria",
        "experiments/trees/__init__.py",
        'arrival(results, "trained", name, SEQUENTIAL))',
        'arrival(results, "untrained", name, SEQUENTIAL))',
        _CRITERIA,
    ),
    Mutant(
        "deeper examples are those as trained",
        "experiments/trees/__init__.py",
        "ahead(2, LISTS, DEEPER, GIVEN, SEQUENTIAL)",
        "ahead(2, LISTS, TESTED, GIVEN, SEQUENTIAL)",
        _CRITERIA,
    ),
)
