"""Another Ω, rates chosen on the networks that are reported, and criteria that cannot fail in `temporal_order`."""

from tests.mutants.mutant import Mutant

_TESTS = "test_temporal_order.py::"
_FOLDER = "experiments/temporal_order/"
_CRITERIA = (f"{_TESTS}test_a_result_that_breaks_one_criterion_misses_it_alone",)

MUTANTS = (
    Mutant(
        "temporal_order: Ω of a loss that reads outputs, without the last step",
        "experiments/common/omega.py",
        "logits_of(network, run.states)",
        "logits_of(network, run.ys)",
        (f"{_TESTS}test_what_is_minimised_is_the_loss_plus_weighted_changes_of_the_gradients_norm",),
    ),
    Mutant(
        "temporal_order: Ω of one form whatever was asked",
        "experiments/common/omega.py",
        "squared=self.squared, exact",
        "squared=True, exact",
        (f"{_TESTS}test_what_is_minimised_is_the_loss_plus_weighted_changes_of_the_gradients_norm",),
    ),
    Mutant(
        "temporal_order: Ω never differentiated exactly",
        "experiments/common/omega.py",
        "exact=self.exact)",
        "exact=False)",
        (f"{_TESTS}test_the_readout_learns_from_omega_only_if_it_is_differentiated_exactly",),
    ),
    Mutant(
        "temporal_order: plain SGD is clipped",
        f"{_FOLDER}methods.py",
        "clip=None if method == SGD else CLIP",
        "clip=CLIP",
        (f"{_TESTS}test_the_three_methods_differ_in_clipping_and_omega_alone",),
    ),
    Mutant(
        "temporal_order: rates are chosen on the seeds that are reported",
        f"{_FOLDER}trials.py",
        "CHOICE, MANY = 10_000",
        "CHOICE, MANY = 0",
        (f"{_TESTS}test_rates_are_chosen_on_other_seeds_than_networks_are_trained_with",),
    ),
    Mutant(
        "temporal_order: many lengths are short ones",
        f"{_FOLDER}varied.py",
        "shortest, length + 1)",
        "shortest, shortest + 1)",
        (f"{_TESTS}test_sequences_of_many_lengths_are_those_of_the_task",),
    ),
    Mutant(
        "temporal_order: the lead where it is largest",
        f"{_FOLDER}criteria.py",
        "np.min(np.subtract(*shares))",
        "np.max(np.subtract(*shares))",
        _CRITERIA,
    ),
    Mutant(
        "temporal_order: the gap at the first length",
        f"{_FOLDER}criteria.py",
        "success(results, REGULARIZED)[-1], success(results, SGD)[-1]",
        "success(results, REGULARIZED)[0], success(results, SGD)[0]",
        (f"{_TESTS}test_results_as_claimed_meet_every_criterion",),
    ),
    Mutant(
        "temporal_order: the best of the models of many lengths",
        f"{_FOLDER}criteria.py",
        "errors[:, factors == BEYOND].max()",
        "errors[:, factors == BEYOND].min()",
        (f"{_TESTS}test_the_worst_model_of_many_lengths_counts",),
    ),
)
