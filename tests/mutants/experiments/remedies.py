"""`remedies`."""

from tests.mutants.mutant import Mutant

_TESTS = "test_remedies.py::"
_FOLDER = "experiments/remedies/"
_CRITERIA = (
    f"{_TESTS}test_each_criterion_is_missed_by_results_that_do_not_meet_it",
    f"{_TESTS}test_good_results_meet_every_criterion_and_other_options_have_none",
)
_MEASURED = (f"{_TESTS}test_what_is_measured_of_a_tanh_network_is_that_of_products_of_its_jacobians",)
_CHOICE = (f"{_TESTS}test_a_rate_is_chosen_by_updates_and_then_by_loss_on_a_seed_of_its_own",)
_HORIZON = (f"{_TESTS}test_the_horizon_is_the_last_lag_before_a_hundredth",)

MUTANTS = (
    Mutant(
        "remedies: a reservoir that learns",
        f"{_FOLDER}networks.py",
        "network._replace(cell=jax.lax.stop_gradient(network.cell))",
        "network",
        (f"{_TESTS}test_a_reservoir_is_not_trained_and_its_readout_is",),
    ),
    Mutant(
        "remedies: sizes without the readout's width",
        f"{_FOLDER}networks.py",
        "budget, key=size)",
        "budget // 2, key=size)",
        (f"{_TESTS}test_every_remedy_has_as_many_parameters_as_fit",),
    ),
    Mutant(
        "remedies: decay from the first step on", f"{_FOLDER}measures.py", "norms - norms[:1]", "norms - norms[-1:]", _MEASURED
    ),
    Mutant(
        "remedies: directions of the last state",
        f"{_FOLDER}measures.py",
        "singular_values[0]",
        "singular_values[-1]",
        _MEASURED,
    ),
    Mutant(
        "remedies: a certain answer spoils the median",
        f"{_FOLDER}measures.py",
        "jnp.nanmedian(",
        "jnp.median(",
        (f"{_TESTS}test_sequences_without_a_gradient_do_not_spoil_the_median",),
    ),
    Mutant("remedies: all that is not 0 is kept", f"{_FOLDER}measures.py", "> LOST, axis", "> -99, axis", _MEASURED),
    Mutant(
        "remedies: a horizon that NaN does not end",
        f"{_FOLDER}measures.py",
        "~(np.asarray(decay) >= decay[0] + LOST)",
        "(np.asarray(decay) < decay[0] + LOST)",
        _HORIZON,
    ),
    Mutant("remedies: a horizon of absolute size", f"{_FOLDER}measures.py", "decay[0] + LOST)", "LOST)", _HORIZON),
    Mutant(
        "remedies: the round that warms up counts",
        f"{_FOLDER}measures.py",
        "np.array(times[1:])",
        "np.array(times)",
        (f"{_TESTS}test_networks_are_timed_in_turns_after_a_round_that_warms_up",),
    ),
    Mutant(
        "remedies: rates by loss first",
        f"{_FOLDER}trials.py",
        "key=lambda i: scores[i]",
        "key=lambda i: scores[i][::-1]",
        _CHOICE,
    ),
    Mutant("remedies: rates chosen on a reported seed", f"{_FOLDER}trials.py", "config.seed + CHOICE", "config.seed", _CHOICE),
    Mutant(
        "remedies: what is never learned ranks first",
        f"{_FOLDER}__init__.py",
        "np.minimum(updates, 2 *",
        "np.where(np.isinf(updates), 0, updates) + 0 * np.minimum(updates, 2 *",
        (f"{_TESTS}test_the_correlation_ranks_what_is_never_learned_last_and_its_interval_holds_it",),
    ),
    Mutant("remedies: one seed is enough", f"{_FOLDER}__init__.py", "one.solved == one.seeds", "one.solved > 0", _CRITERIA),
    Mutant(
        "remedies: only decay leaves the edge",
        f"{_FOLDER}__init__.py",
        "abs(one.exponent_after)",
        "-one.exponent_after",
        _CRITERIA,
    ),
    Mutant("remedies: a correlation by its middle", f"{_FOLDER}__init__.py", "ranks.high < 0", "ranks.low < 0", _CRITERIA),
)
