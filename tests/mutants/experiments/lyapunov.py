"""Wrong networks, exponents of other steps than the counts, and criteria that cannot fail in `lyapunov`."""

from tests.mutants.mutant import Mutant

_TESTS = "test_lyapunov.py::"
_FOLDER = "experiments/lyapunov/"
_CRITERIA = (f"{_TESTS}test_each_criterion_fails_alone",)
_COUNTED = (f"{_TESTS}test_iterations_are_those_of_newtons_method_step_by_step",)
_RATES = (f"{_TESTS}test_the_rate_of_a_gradient_is_the_slope_between_the_first_and_the_last_tenth",)

MUTANTS = (
    Mutant(
        "lyapunov: Newman's exponents without the size",
        f"{_FOLDER}criteria.py",
        "np.log(2 / size)",
        "np.log(2)",
        (f"{_TESTS}test_newmans_exponents",),
    ),
    Mutant(
        "lyapunov: random matrices of variance 1",
        f"{_FOLDER}measures.py",
        "(config.steps, size**2)) / size**0.5",
        "(config.steps, size**2))",
        (f"{_TESTS}test_products_of_random_matrices_have_newmans_exponents",),
    ),
    Mutant(
        "lyapunov: units that drive themselves",
        f"{_FOLDER}networks.py",
        " * (1 - jnp.eye(size))",
        "",
        (f"{_TESTS}test_a_network_is_tanh_of_its_gain_times_a_matrix_without_diagonal",),
    ),
    Mutant(
        "lyapunov: inputs that do not move",
        f"{_FOLDER}networks.py",
        "jnp.sin(frequency * jnp.arange(num_steps)[:, None] + phase)",
        "jnp.sin(0 * frequency * jnp.arange(num_steps)[:, None] + phase)",
        (f"{_TESTS}test_inputs_are_sinusoids_of_small_amplitudes_and_many_frequencies",),
    ),
    Mutant(
        "lyapunov: exponents of networks without their inputs",
        f"{_FOLDER}measures.py",
        "params_of(network, gain), network.xs, network.start, num_exponents",
        "params_of(network, gain), 0 * network.xs, network.start, num_exponents",
        _COUNTED,
    ),
    Mutant(
        "lyapunov: slopes over all lags",
        f"{_FOLDER}measures.py",
        "decay_rate(decay.total, cut, steps)",
        "decay_rate(decay.total)",
        _RATES,
    ),
    Mutant(
        "lyapunov: strong inputs that are the published ones",
        f"{_FOLDER}measures.py",
        "xs=STRENGTHS[inputs] * network.xs",
        "xs=network.xs",
        _COUNTED,
    ),
    Mutant(
        "lyapunov: iterations of another method",
        f"{_FOLDER}measures.py",
        '{"method": "deer",',
        '{"method": "quasi_deer",',
        _COUNTED,
    ),
    Mutant(
        "lyapunov: iterations to another residual",
        f"{_FOLDER}measures.py",
        "TOLERANCE = 1e-10",
        "TOLERANCE = 1e-3",
        _COUNTED,
    ),
    Mutant(
        "lyapunov: the error of the smallest exponents",
        f"{_FOLDER}criteria.py",
        "newman(products.shape[-1]))[:, :upper]",
        "newman(products.shape[-1]))[:, -1:]",
        _CRITERIA,
    ),
    Mutant(
        "lyapunov: the easiest gain below the transition",
        f"{_FOLDER}criteria.py",
        "max(ordered, key=lambda found: found.high)",
        "min(ordered, key=lambda found: found.high)",
        _CRITERIA,
    ),
    Mutant(
        "lyapunov: all rates judged as those that vanish",
        f"{_FOLDER}criteria.py",
        "_largest(errors[exponent > 0])",
        "_largest(errors[exponent < 0])",
        _CRITERIA,
    ),
    Mutant(
        "lyapunov: the most iterations of a chaotic network",
        f"{_FOLDER}criteria.py",
        "-_largest(-many) / steps",
        "_largest(many) / steps",
        _CRITERIA,
    ),
    Mutant(
        "lyapunov: iterations that are compared with themselves",
        f"{_FOLDER}criteria.py",
        "(iterations.reshape(1, -1), predicted.ravel())",
        "(iterations.reshape(1, -1), iterations.ravel())",
        (f"{_TESTS}test_the_rank_correlation_is_spearmans",),
    ),
    Mutant(
        "lyapunov: inputs that decide for one network of a gain",
        f"{_FOLDER}criteria.py",
        '(curves["strong/iterations"] <= FEW)).all(axis=1)',
        '(curves["strong/iterations"] <= FEW)).any(axis=1)',
        _CRITERIA,
    ),
    Mutant(
        "lyapunov: no network to judge passes",
        f"{_FOLDER}criteria.py",
        'return float(values.max()) if values.size else float("nan")',
        "return float(values.max(initial=-1e9))",
        (f"{_TESTS}test_criteria_without_networks_to_judge_are_missed",),
    ),
)
