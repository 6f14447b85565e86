"""Bugs in `spectral_margin`."""

from tests.mutants.mutant import Mutant

_TRIALS, _NETWORKS, _COMPARISONS = (f"experiments/spectral_margin/{name}.py" for name in ("trials", "networks", "comparisons"))
_TESTS = "test_spectral_margin.py::"
_PARTS = (f"{_TESTS}test_each_accuracy_is_of_its_own_digits",)
_STARTS = (f"{_TESTS}test_networks_of_a_run_start_alike_but_for_glorots_matrix",)
_CRITERIA = (f"{_TESTS}test_each_criterion_can_be_missed", f"{_TESTS}test_all_criteria_can_be_met")
_CHOICE = (f"{_TESTS}test_the_margin_is_chosen_on_validation_digits_and_between_the_ends",)

MUTANTS = (
    Mutant(
        "spectral_margin: test accuracy of training digits",
        _TRIALS,
        '"test": np.array([reader.score(network, digits, run.split.test)',
        '"test": np.array([reader.score(network, digits, run.split.training)',
        _PARTS,
    ),
    Mutant(
        "spectral_margin: the margin is chosen on test digits",
        _TRIALS,
        '"validation": np.array([reader.score(network, digits, run.split.validation)',
        '"validation": np.array([reader.score(network, digits, run.split.test)',
        _PARTS,
    ),
    Mutant(
        "spectral_margin: scored with singular values of 1",
        _NETWORKS,
        "with_kernel(network.cell, svd(kind.margin))",
        "with_kernel(network.cell, svd(0.0))",
        (f"{_TESTS}test_what_is_scored_is_what_was_trained",),
    ),
    Mutant(
        "spectral_margin: gradients by time, not by lag",
        _TRIALS,
        "axis=1)[::-1]",
        "axis=1)",
        (f"{_TESTS}test_gradients_by_lag_are_those_of_autodiff",),
    ),
    Mutant(
        "spectral_margin: gradients on test digits",
        _TRIALS,
        "leaf[run.split.validation], digits",
        "leaf[run.split.test], digits",
        (f"{_TESTS}test_gradients_by_lag_are_those_of_autodiff",),
    ),
    Mutant(
        "spectral_margin: the free W starts as Glorot's, too",
        _NETWORKS,
        "    if kind.orthogonal:\n        return network",
        "    if kind.margin is not None:\n        return network",
        _STARTS,
    ),
    Mutant(
        "spectral_margin: Glorot's W is orthogonal",
        _NETWORKS,
        "w = glorot_uniform(jax.random.fold_in(key, 0), (units, units))",
        "w = network.cell.recurrent_kernel",
        _STARTS,
    ),
    Mutant(
        "spectral_margin: the distance from orthogonal of W itself",
        _TRIALS,
        "kernels.swapaxes(-1, -2) @ kernels",
        "kernels",
        (f"{_TESTS}test_the_distance_from_orthogonal_is_the_largest_entry",),
    ),
    Mutant(
        "spectral_margin: the worst margin is chosen",
        _COMPARISONS,
        "return max(INTERIOR",
        "return min(INTERIOR",
        _CHOICE,
    ),
    Mutant(
        "spectral_margin: the margin with the best test accuracy",
        _COMPARISONS,
        'scores(results, kind, "validation").mean()',
        'scores(results, kind, "test").mean()',
        _CHOICE,
    ),
    Mutant(
        "spectral_margin: the ends are among the margins between them",
        _COMPARISONS,
        "return max(INTERIOR",
        "return max(KINDS",
        _CHOICE,
    ),
    Mutant(
        "spectral_margin: gains inverted",
        _COMPARISONS,
        "of_mean(scores(results, kind) - scores(results, other))",
        "of_mean(scores(results, other) - scores(results, kind))",
        _CRITERIA,
    ),
    Mutant(
        "spectral_margin: Glorot's start behind any other",
        _COMPARISONS,
        "return min((gain(",
        "return max((gain(",
        _CRITERIA,
    ),
    Mutant(
        "spectral_margin: the published difference of the chosen margin",
        "experiments/spectral_margin/__init__.py",
        "gain(results, PUBLISHED_BEST, ORTHOGONAL), LEAST_GAIN",
        "gain(results, best, ORTHOGONAL), LEAST_GAIN",
        _CHOICE,
    ),
    Mutant(
        "spectral_margin: no margin for the published difference",
        "experiments/spectral_margin/__init__.py",
        "LEAST_GAIN = 0.05",
        "LEAST_GAIN = 0.0",
        _CRITERIA,
    ),
)
