"""Leaks, choices on the wrong digits, and wrong costs in `depth`."""

from tests.mutants.mutant import Mutant

_RUNS, _CRITERIA = "test_depth.py::", ("test_depth_criteria.py",)
_LEAK = (f"{_RUNS}test_labels_that_only_a_leak_could_learn_are_not_learned",)

MUTANTS = (
    Mutant(
        "stacks tested on the digits they learned",
        "experiments/depth/__init__.py",
        '"accuracy": digits.test}',
        '"accuracy": digits.training}',
        _LEAK,
    ),
    Mutant(
        "validation digits among those that stacks learn",
        "experiments/depth/data.py",
        "    images, validation_images, labels, validation_labels = map(np.asarray, parted)",
        "    _, validation_images, _, validation_labels = map(np.asarray, parted)",
        _LEAK,
    ),
    Mutant(
        "learning rates chosen on test digits",
        "experiments/depth/__init__.py",
        "accuracies(layer, found, digits.validation)",
        "accuracies(layer, found, digits.test)",
        (f"{_RUNS}test_the_learning_rate_is_chosen_on_validation_digits_alone",),
    ),
    Mutant(
        "the worst learning rate is taken",
        "experiments/depth/__init__.py",
        "np.argmax(validation",
        "np.argmin(validation",
        (f"{_RUNS}test_the_best_trial_has_the_best_mean",),
    ),
    Mutant(
        "every trial at the same learning rate",
        "experiments/depth/training.py",
        "network, batches, rate, f",
        "network, batches, 1e-3, f",
        (f"{_RUNS}test_one_program_trains_at_every_rate_as_the_common_one_does",),
    ),
    Mutant(
        "the plain stack to cut chosen by its test accuracy",
        "experiments/depth/__init__.py",
        'curves[f"validation/plain/{depth}"].mean() >= LEARNED',
        'curves[f"accuracy/plain/{depth}"].mean() >= LEARNED',
        (f"{_RUNS}test_the_plain_stack_that_is_cut_is_the_deepest_that_learned_by_validation",),
    ),
    Mutant(
        "one block kept instead of deleted",
        "experiments/depth/lesions.py",
        "np.delete(np.arange(blocks), i)",
        "np.array([i] * (blocks - 1))",
        (f"{_RUNS}test_the_orders_are_what_they_say",),
    ),
    Mutant(
        "plain minus residual",
        "experiments/depth/findings.py",
        'results.curves[f"accuracy/{kind}/{depth}"] - results.curves[f"accuracy/plain/{depth}"]',
        'results.curves[f"accuracy/plain/{depth}"] - results.curves[f"accuracy/{kind}/{depth}"]',
        _CRITERIA,
    ),
    Mutant(
        "the best depth by test accuracy",
        "experiments/depth/findings.py",
        'results.curves[f"validation/{kind}/{depth}"].mean()',
        'results.curves[f"accuracy/{kind}/{depth}"].mean()',
        _CRITERIA,
    ),
    Mutant(
        "the cost of the dearest layer for that of the median one",
        "experiments/depth/findings.py",
        "np.ndarray] = np.median",
        "np.ndarray] = np.max",
        _CRITERIA,
    ),
)
