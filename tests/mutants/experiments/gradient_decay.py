"""The main experiment: its rates, its theory and its criteria."""

from tests.mutants.mutant import Mutant

_RATES = "test_gradient_decay_rates.py"
_ALONE = (f"{_RATES}::test_each_criterion_fails_alone",)

MUTANTS = (
    Mutant(
        "gradient_decay: gradients of exactly 0 that are taken for kept ones",
        "experiments/gradient_decay/rates.py",
        "return np.where(dead, -np.inf, np.asarray(",
        "return np.where(dead, 0.0, np.asarray(",
        (f"{_RATES}::test_slopes_leave_early_lags_out_and_count_zeros_as_vanished",),
    ),
    Mutant(
        "gradient_decay: rates from lag 0 on",
        "experiments/gradient_decay/rates.py",
        "last // 4, last)",
        "0, last)",
        (f"{_RATES}::test_slopes_leave_early_lags_out_and_count_zeros_as_vanished",),
    ),
    Mutant(
        "gradient_decay: a dead network that no criterion sees",
        "experiments/gradient_decay/rates.py",
        "of_mean(errors) if np.isfinite(errors).all() else Interval(-np.inf, np.inf, np.inf)",
        "of_mean(errors[np.isfinite(errors)])",
        (f"{_RATES}::test_a_dead_network_misses_what_is_predicted",),
    ),
    Mutant(
        "gradient_decay: lags at which some sequences have not begun",
        "experiments/gradient_decay/data.py",
        "min(first.max(),",
        "min(first.min(),",
        ("test_gradient_decay.py::test_lags_end_where_the_last_sequence_begins",),
    ),
    Mutant(
        "gradient_decay: the mean square instead of the rms slope",
        "experiments/gradient_decay/theory.py",
        "log_radius + 0.5 * jnp.log",
        "log_radius + jnp.log",
        (f"{_RATES}::test_theory_is_the_radius_times_the_rms_slope",),
    ),
    Mutant(
        "gradient_decay: the share that the gate lets go",
        "experiments/gradient_decay/theory.py",
        'gates.f if hasattr(gates, "f")',
        '1 - gates.f if hasattr(gates, "f")',
        (f"{_RATES}::test_an_additive_path_alone_decays_as_its_gate",),
    ),
    Mutant(
        "gradient_decay: all networks read the sequences of the first",
        "experiments/gradient_decay/measures.py",
        "jnp.arange(len(networks.bias)) % len(xs)",
        "jnp.arange(len(networks.bias)) * 0",
        (f"{_RATES}::test_each_network_is_measured_on_its_own_sequences",),
    ),
    Mutant(
        "gradient_decay: baseline and prediction swapped",
        "experiments/gradient_decay/criteria.py",
        "of_mean(baseline - off)",
        "of_mean(off - baseline)",
        (f"{_RATES}::test_networks_that_follow_theory_pass",),
    ),
    Mutant(
        "gradient_decay: the share of the additive path at lag 0",
        "experiments/gradient_decay/criteria.py",
        '{BIAS:g}"][:, LAG]',
        '{BIAS:g}"][:, 0]',
        _ALONE,
    ),
    Mutant(
        "gradient_decay: the gated setting that does best",
        "experiments/gradient_decay/criteria.py",
        "return min(excess,",
        "return max(excess,",
        _ALONE,
    ),
    Mutant(
        "gradient_decay: errors that cancel",
        "experiments/gradient_decay/criteria.py",
        'found.append(np.abs(results.curves[f"rate/{setting}"] - predicted))',
        'found.append(results.curves[f"rate/{setting}"] - predicted)',
        _ALONE,
    ),
)
