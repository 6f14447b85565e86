"""Forecasts that look ahead, hybrids that do not add up, scores by another scale."""

from tests.mutants.mutant import Mutant

_FILE, _AT = "test_forecasting.py", "experiments/forecasting/"
_ONE_STEP = (f"{_FILE}::test_one_step_forecasts_are_those_of_the_history_before_and_of_nothing_later",)
_SCORES = (f"{_FILE}::test_scores_are_those_of_loops",)
_TEST = (f"{_FILE}::test_the_test_of_diebold_and_mariano_is_that_of_its_formula",)
_WINDOWS = (f"{_FILE}::test_targets_of_windows_to_learn_from_end_before_those_held_out_begin",)
_CHOSEN = (f"{_FILE}::test_what_is_chosen_on_validation_is_compared",)

MUTANTS = (
    Mutant(
        "a model sees the value that it is to forecast",
        f"{_AT}evaluation.py",
        "values[:origin].copy()",
        "values[: origin + 1].copy()",
        (f"{_FILE}::test_a_model_is_given_a_copy_of_the_values_before_each_origin",),
    ),
    Mutant(
        "windows hold the value that they are to forecast",
        f"{_AT}forecasters.py",
        "[padded[i : i + len(values)] for i in range(lookback)]",
        "[padded[i + 1 : i + 1 + len(values)] for i in range(lookback)]",
        (f"{_FILE}::test_windows_hold_what_came_before_and_futures_what_comes",),
    ),
    Mutant(
        "targets reach into the windows held out",
        f"{_AT}learners.py",
        "slice(0, max(first - horizon, 1))",
        "slice(0, first)",
        _WINDOWS,
    ),
    Mutant(
        "windows are relative to their first value",
        f"{_AT}learners.py",
        "(seen - seen[:, -1:])",
        "(seen - seen[:, :1])",
        _WINDOWS,
    ),
    Mutant(
        "the second model is not added",
        f"{_AT}composition.py",
        "before.forecast(history)[:, [QUANTILES.index(0.5)]] + after.forecast(errors(history))",
        "before.forecast(history)[:, [QUANTILES.index(0.5)]] + 0 * after.forecast(errors(history))",
        (f"{_FILE}::test_hybrids_add_what_the_second_says_of_the_first_ones_errors",),
    ),
    Mutant(
        "errors of the future are filtered",
        f"{_AT}reservoir.py",
        "said = history[:-1, 0] + deviation[0] * readout.predict(states(history)[:-1])[:, 0]",
        "said = history[:-1, 0] + deviation[0] * readout.predict(states(history)[1:])[:, 0]",
        _ONE_STEP,
    ),
    Mutant(
        "errors are scaled by the values of the test",
        f"{_AT}evaluation.py",
        "known, horizon = series.values[:fitted_on, 0], said.shape[1]",
        "known, horizon = series.values[fitted_on - 25 :, 0], said.shape[1]",
        _SCORES,
    ),
    Mutant("the symmetric error is halved", f"{_AT}evaluation.py", "        200 * np.abs(", "        100 * np.abs(", _SCORES),
    Mutant("overlapping forecasts count as independent", f"{_AT}evaluation.py", '{"maxlags": lags}', '{"maxlags": 0}', _TEST),
    Mutant(
        "the difference is compared with a normal distribution",
        f"{_AT}evaluation.py",
        "2 * stdtr(count - 1, -abs(statistic))",
        "2 * stdtr(1e9, -abs(statistic))",
        _TEST,
    ),
    Mutant(
        "models are chosen on the test part",
        f"{_AT}findings.py",
        'results.curves[f"validation/{series}/{name}"].mean() for',
        "-mase(results, series, name).mean() for",
        _CHOSEN,
    ),
    Mutant(
        "the last stage of networks is left out of a name",
        f"{_AT}composition.py",
        "parts[-1] += (group.pop(0),)",
        "parts[-1] = (group.pop(0),)",
        (f"{_FILE}::test_networks_are_stages_and_other_models_learn_from_what_is_left_over",),
    ),
    Mutant(
        "a convolution sees the next step",
        f"{_AT}networks.py",
        "jnp.concatenate([jnp.zeros((width - 1, *xs.shape[1:]), xs.dtype), xs])",
        "jnp.concatenate([jnp.zeros((width - 2, *xs.shape[1:]), xs.dtype), xs, xs[-1:]])",
        (f"{_FILE}::test_a_causal_convolution_is_that_of_a_loop",),
    ),
    Mutant(
        "quantile losses are those of the opposite quantiles",
        f"{_AT}networks.py",
        "jnp.maximum(levels * errors, (levels - 1) * errors)",
        "jnp.maximum((1 - levels) * errors, -levels * errors)",
        _SCORES,
    ),
)
