"""`reservoirs`."""

from tests.mutants.mutant import Mutant

_TESTS = "test_reservoirs.py::"
_GLASS = "experiments/reservoirs/mackey_glass.py"
_NARMA = "experiments/reservoirs/narma.py"
_INIT = "experiments/reservoirs/__init__.py"
_CRITERIA = (
    f"{_TESTS}test_each_criterion_is_missed_by_results_that_do_not_meet_it",
    f"{_TESTS}test_good_results_meet_every_criterion_and_other_options_have_none",
)
_CHOICE = (f"{_TESTS}test_a_ridge_is_chosen_by_other_runs_than_those_that_are_judged",)
_FREE = (f"{_TESTS}test_a_free_run_goes_on_from_what_it_was_told",)

MUTANTS = (
    Mutant(
        "reservoirs: a delay that is a step short",
        _GLASS,
        "late = y[t - delay]",
        "late = y[t - delay + EVERY]",
        (f"{_TESTS}test_the_series_is_that_of_a_loop_over_the_delay_equation",),
    ),
    Mutant(
        "reservoirs: a unit without its scale",
        _GLASS,
        "0.79 / FORGET",
        "0.79",
        (f"{_TESTS}test_the_reservoir_is_the_published_unit_in_another_scale",),
    ),
    Mutant(
        "reservoirs: the ridge is chosen by what is judged",
        _GLASS,
        "choosing), choosing))[:, -1]",
        "judged), judged))[:, -1]",
        _CHOICE,
    ),
    Mutant("reservoirs: the ridge is chosen by the first step", _GLASS, "choosing))[:, -1]", "choosing))[:, 0]", _CHOICE),
    Mutant("reservoirs: NaN is the least error", _GLASS, "nan=np.inf", "nan=0.0", _CHOICE),
    Mutant("reservoirs: the last value that was told comes twice", _GLASS, "told[:-1])", "told)", _FREE),
    Mutant("reservoirs: errors of variances", _GLASS, "/ jnp.var(data))", "/ jnp.std(data))", _FREE),
    Mutant(
        "reservoirs: NARMA of another order",
        _NARMA,
        "1.5 * u[t - 9]",
        "1.5 * u[t - 8]",
        (f"{_TESTS}test_narma_is_its_recursion_and_is_drawn_anew_where_it_diverges",),
    ),
    Mutant(
        "reservoirs: candidates are chosen by the test",
        _NARMA,
        "test[validation.argmin()]",
        "test[test.argmin()]",
        (f"{_TESTS}test_what_has_the_least_validation_error_is_tested",),
    ),
    Mutant("reservoirs: the best network is judged", _INIT, "float(np.median(curves", "float(np.min(curves", _CRITERIA),
    Mutant("reservoirs: the steepest fall counts", _INIT, "min(falls", "max(falls", _CRITERIA),
    Mutant(
        "reservoirs: the line leads", _INIT, 'curves["narma/delay line"] - curves', 'curves["narma/50"] - curves', _CRITERIA
    ),
    Mutant(
        "reservoirs: memory over all of what N allows",
        _INIT,
        ".mean(axis=1) / sizes).max()",
        ".mean(axis=1) / sizes).min()",
        _CRITERIA,
    ),
)
