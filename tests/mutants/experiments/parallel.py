"""The experiment of evaluation in parallel over time: what it counts, and its criteria."""

from tests.mutants.mutant import Mutant

_FILE = "test_newton.py"
_PACKAGE, _SPEEDUPS = "experiments/parallel/__init__.py", "experiments/parallel/speedups.py"
_COUNTED = (f"{_FILE}::test_iterations_and_deviations_are_those_of_the_method_beside_the_loop",)
_ALONE = (f"{_FILE}::test_each_criterion_fails_alone",)

MUTANTS = (
    Mutant(
        "parallel: a deviation of the result from itself",
        _PACKAGE,
        "jnp.abs(ys - unroll(cell, params, xs)[1]).max()\n\n    found",
        "jnp.abs(ys - ys).max()\n\n    found",
        _COUNTED,
    ),
    Mutant(
        "parallel: every method counted as Newton's",
        _PACKAGE,
        "xs, method=method, max_iterations=config.max_iterations)",
        'xs, method="deer", max_iterations=config.max_iterations)',
        (*_COUNTED, f"{_FILE}::test_newton_and_its_diagonal_form_take_different_numbers_of_iterations"),
    ),
    Mutant(
        "parallel: no limit of iterations",
        _PACKAGE,
        "xs, method=method, max_iterations=config.max_iterations)",
        "xs, method=method)",
        _COUNTED,
    ),
    Mutant(
        "parallel: iterations of another method in the criteria",
        _PACKAGE,
        'np.stack([curves[f"deer/{length}/iterations"]',
        'np.stack([curves[f"elk/{length}/iterations"]',
        (f"{_FILE}::test_results_that_show_the_claim_pass",),
    ),
    Mutant(
        "parallel: the fallback tried on the tamest network",
        _PACKAGE,
        "network(config, max(config.radii), max(config.lengths))",
        "network(config, min(config.radii), max(config.lengths))",
        (f"{_FILE}::test_the_fallback_rescues_the_network_of_the_largest_radius",),
    ),
    Mutant(
        "parallel: the most iterations of a chaotic network",
        _PACKAGE,
        'float(curves[f"deer/{last}/iterations"][chaotic].min())',
        'float(curves[f"deer/{last}/iterations"][chaotic].max())',
        _ALONE,
    ),
    Mutant(
        "parallel: deviations where nothing converged",
        _PACKAGE,
        '[tame & curves[f"{r}/converged"]]',
        "[tame]",
        (f"{_FILE}::test_slow_iterations_of_the_other_methods_are_not_judged_nor_is_what_did_not_converge",),
    ),
    Mutant(
        "parallel: a speedup the wrong way round",
        _SPEEDUPS,
        "best_of_three(jax.jit(functools.partial(unroll, cell)), params, xs) / best_of_three(fast, params, xs)",
        "best_of_three(fast, params, xs) / best_of_three(jax.jit(functools.partial(unroll, cell)), params, xs)",
        (f"{_FILE}::test_a_speedup_is_above_one_where_the_loop_takes_longer",),
    ),
)
