"""Wrong distances, leaks and bounds that cannot fail in `liquid`."""

from tests.mutants.mutant import Mutant

_TESTS = "test_liquid.py::"
_CRITERIA = (f"{_TESTS}test_a_result_that_breaks_one_criterion_misses_it_alone",)

MUTANTS = (
    Mutant(
        "the overlap of two Gaussians is as wide as one of them",
        "experiments/liquid/spikes.py",
        "(2 * KERNEL_MS**2)",
        "(KERNEL_MS**2)",
        (f"{_TESTS}test_distances_are_those_of_trains_of_gaussians",),
    ),
    Mutant(
        "spikes that jitter would move out of their segment fall into the next one",
        "experiments/liquid/spikes.py",
        "np.where(folded < steps, folded, 2 * steps - 1 - folded)",
        "np.where(folded < steps, folded, steps)",
        (f"{_TESTS}test_a_pattern_is_made_of_its_templates_which_stay_in_their_segments",),
    ),
    Mutant(
        "every segment has the templates of the first one",
        "experiments/liquid/spikes.py",
        "for kind, places in enumerate(pair):",
        "for kind, places in enumerate(templates[0]):",
        (f"{_TESTS}test_a_pattern_is_made_of_its_templates_which_stay_in_their_segments",),
    ),
    Mutant(
        "pairs of any distance below the one asked for",
        "experiments/liquid/spikes.py",
        "near = np.abs(values - distance) < NEAR",
        "near = values - distance < NEAR",
        (f"{_TESTS}test_pairs_are_as_far_apart_as_asked_and_lose_no_spike",),
    ),
    Mutant(
        "both runs of a pair start from the same state",
        "experiments/liquid/measures.py",
        "columns.start(rng, trains.shape[1], config.neurons)",
        "np.repeat(columns.start(rng, config.pairs, config.neurons), 2, axis=0)",
        (f"{_TESTS}test_liquid_runs_and_says_what_it_found",),
    ),
    Mutant(
        "the neurons without synapses have them",
        "experiments/liquid/measures.py",
        "ALONE: (dynamic, 0.0)",
        "ALONE: (dynamic, 1.0)",
        (f"{_TESTS}test_every_column_is_read_with_synapses_of_its_own",),
    ),
    Mutant(
        "the column with static synapses has dynamic ones",
        "experiments/liquid/measures.py",
        "STATIC: (static, factor)",
        "STATIC: (dynamic, factor)",
        (f"{_TESTS}test_every_column_is_read_with_synapses_of_its_own",),
    ),
    Mutant(
        "filters of the input are a step old",
        "experiments/liquid/telling.py",
        "ages = np.arange(len(trains))[::-1]",
        "ages = np.arange(len(trains))[::-1] + 1",
        (f"{_TESTS}test_filters_decay_from_spike_to_spike",),
    ),
    Mutant(
        "penalties of liquids are chosen on test sequences",
        "experiments/liquid/telling.py",
        "best = validation.argmax(axis=0)",
        "best = test.argmax(axis=0)",
        (f"{_TESTS}test_a_readout_reads_no_test_label_and_no_validation_label_but_for_its_penalty",),
    ),
    Mutant(
        "readouts of liquids learn from validation sequences, too",
        "experiments/liquid/telling.py",
        "return slice(0, first), slice(first, second)",
        "return slice(0, second), slice(first, second)",
        (f"{_TESTS}test_a_readout_reads_no_test_label_and_no_validation_label_but_for_its_penalty",),
    ),
    Mutant(
        "the input's filter is chosen on test sequences",
        "experiments/liquid/telling.py",
        "np.argmax([one.validation for one in told], axis=0)",
        "np.argmax([one.test for one in told], axis=0)",
        (f"{_TESTS}test_the_best_reader_is_chosen_on_validation_sequences",),
    ),
    Mutant(
        "the last traces of a liquid in another order than its trains",
        "experiments/liquid/columns.py",
        "jnp.asarray(trains[:, rows])",
        "jnp.asarray(trains[:, rows[::-1]])",
        (f"{_TESTS}test_the_last_trace_is_that_of_the_whole_run",),
    ),
    Mutant(
        "static synapses are made as weak as can be",
        "experiments/liquid/columns.py",
        "(middle, high) if activity(static, 10**middle) < wanted else (low, middle)",
        "(middle, high) if activity(static, 10**middle) > wanted else (low, middle)",
        (f"{_TESTS}test_static_synapses_are_scaled_to_the_activity_of_dynamic_ones",),
    ),
    Mutant(
        "neurons without synapses excite each other",
        "experiments/liquid/columns.py",
        "kernels = factor * params.excitatory_kernel, factor",
        "kernels = params.excitatory_kernel, factor",
        (f"{_TESTS}test_static_synapses_are_scaled_to_the_activity_of_dynamic_ones",),
    ),
    Mutant(
        "the last segment counts among the earlier ones",
        "experiments/liquid/findings.py",
        "[:, :-1].mean(axis=1))",
        ".mean(axis=1))",
        _CRITERIA,
    ),
    Mutant(
        "the lead of the liquid is that over its static form, whatever is asked",
        "experiments/liquid/findings.py",
        "(accuracies(results, LIQUID) - accuracies(results, other))",
        "(accuracies(results, LIQUID) - accuracies(results, STATIC))",
        _CRITERIA,
    ),
)
