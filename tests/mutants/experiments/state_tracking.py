"""Wrong levels of chance, choices by the wrong losses, the wrong step, criteria that cannot fail in `state_tracking`."""

from tests.mutants.mutant import Mutant

_TESTS = "test_state_tracking.py::"
_CRITERIA = (f"{_TESTS}test_a_result_that_breaks_one_criterion_misses_it_alone",)
_CHOICE = (f"{_TESTS}test_the_rate_with_the_lowest_mean_validation_loss_is_taken_and_nan_never",)
_KEPT = (f"{_TESTS}test_a_run_keeps_the_network_with_the_lower_loss_and_two_lengths_make_one_of_s3",)
_BY_HAND = (f"{_TESTS}test_one_unit_with_negative_eigenvalues_tracks_parity",)
_LEVELS = (f"{_TESTS}test_levels_of_chance",)

MUTANTS = (
    Mutant(
        "derangements for transpositions",
        "experiments/state_tracking/levels.py",
        "fixed = word.elements - 2",
        "fixed = 0",
        (f"{_TESTS}test_products_are_distributed_as_the_task_draws_them",),
    ),
    Mutant(
        "one length for both parities",
        "experiments/state_tracking/levels.py",
        "        for p, probability in products(word, length).items():",
        "        for p, probability in products(word, lengths[0]).items():",
        _LEVELS,
    ),
    Mutant(
        "parity tells nothing",
        "experiments/state_tracking/levels.py",
        "if sign(p) == s), default=0.0) for s in (1, -1))",
        "if sign(p) == s), default=0.0) for s in (1,))",
        _LEVELS,
    ),
    Mutant(
        "the rate with the luckiest network",
        "experiments/state_tracking/trials.py",
        "validation.mean(axis=1).argmin()",
        "validation.min(axis=1).argmin()",
        _CHOICE,
    ),
    Mutant(
        "rates are chosen on the seeds of the runs",
        "experiments/state_tracking/trials.py",
        "range(VALIDATION, VALIDATION + config.trials)",
        "range(config.trials)",
        _CHOICE,
    ),
    Mutant(
        "a loss of NaN is the lowest",
        "experiments/state_tracking/trials.py",
        "nan=np.inf",
        "nan=0.0",
        _CHOICE,
    ),
    Mutant(
        "the first answer is tested at every step",
        "experiments/state_tracking/trials.py",
        "errors(outputs[None], Batch(batch.xs, targets[None], mask[None]))",
        "errors(outputs[None], Batch(batch.xs, batch.targets[:1], mask[None]))",
        _BY_HAND,
    ),
    Mutant(
        "a run keeps the worse network",
        "experiments/state_tracking/findings.py",
        '"].argmin(axis=1)',
        '"].argmax(axis=1)',
        _KEPT,
    ),
    Mutant(
        "accuracy one step too late",
        "experiments/state_tracking/findings.py",
        "np.array(lengths_at(task, length)) - 1",
        "np.array(lengths_at(task, length)) % 3",
        _KEPT,
    ),
    Mutant(
        "eigenvalues in (-1, 1) that are in (0, 1)",
        "experiments/state_tracking/networks.py",
        "min_gru(features, units, negative_eigenvalues=True)",
        "min_gru(features, units)",
        _BY_HAND,
    ),
    Mutant(
        "the delta rule shrinks where it should reflect",
        "experiments/state_tracking/networks.py",
        "max_beta=2.0",
        "max_beta=1.0",
        (f"{_TESTS}test_reflections_track_transpositions",),
    ),
    Mutant(
        "who guesses may be right about the parity",
        "experiments/state_tracking/networks.py",
        '    if network in (POSITIVE, SHRINKS):\n        return "nothing"\n',
        "",
        _CRITERIA,
    ),
    Mutant(
        "the tracking networks are judged by chance",
        "experiments/state_tracking/__init__.py",
        "*(at_least(*found(PARITY, network), TRACKS) for",
        "*(at_least(*found(PARITY, network), 1 - TRACKS) for",
        _CRITERIA,
    ),
)
