"""Models by name, A-B-C: networks on top of each other, what learns from their features, models of what others leave over."""

import difflib
import itertools

import numpy as np

from experiments.forecasting import classical
from experiments.forecasting.forecasters import QUANTILES, About, Fit, Forecaster
from experiments.forecasting.learners import REGRESSORS, on_windows, regression
from experiments.forecasting.networks import STAGES, features_of, network
from experiments.forecasting.reservoir import echo_state_network

NAIVE, SEASONAL, FIRST = "Naive", "Seasonal", "Auto-SARIMA"
HYBRID = f"{FIRST}-LSTM"
SERIES: dict[str, Fit] = {
    NAIVE: lambda values, about: classical.repeating(values, about, season=1),
    SEASONAL: classical.repeating,
    "ETS": classical.exponential_smoothing,
    "ARIMA": classical.arima(((2, 1, 1), (0, 0, 0))),
    "SARIMA": classical.arima(((1, 1, 1), (0, 1, 1))),
    "Auto-ARIMA": classical.auto_arima(seasonal=False),
    "Auto-SARIMA": classical.auto_arima(seasonal=True),
    "VAR": classical.vector_autoregression,
    "ESN": echo_state_network,
}
"""Models of whole series; SARIMA is the airline model with an autoregressive term."""


def on_residuals(first: Fit, second: Fit) -> Fit:
    """ŷ = what the first says + what the second says of the one-step errors of the first.

    Reference: Zhang (2003), Time series forecasting using a hybrid ARIMA and neural network model.
    """

    def fit(values: np.ndarray, about: About) -> Forecaster:
        before = first(values, about)
        start = int(np.isfinite(before.one_step(values)).argmax())

        def errors(history: np.ndarray) -> np.ndarray:
            return (history[:, 0] - before.one_step(history))[start:, None]

        after = second(errors(values), about)

        def forecast(history: np.ndarray) -> np.ndarray:
            return before.forecast(history)[:, [QUANTILES.index(0.5)]] + after.forecast(errors(history))

        def one_step(history: np.ndarray) -> np.ndarray:
            return before.one_step(history) + np.concatenate([np.full(start, np.nan), after.one_step(errors(history))])

        return Forecaster(forecast, one_step)

    return fit


def features_before(networks: tuple[str, ...], regressor: str) -> Fit:
    """A regression of what comes next on what trained networks make of the window."""
    return on_windows(regression(regressor, features_of(*networks)))


def model(name: str) -> Fit:
    """The model of a name.

    Neighbouring networks are stages on top of each other; SVM, RF and XGBoost directly after networks learn from their
    features, and else from windows of the series; everything else learns from the errors of what stands before it.

    Raises:
      ValueError: a part of the name that is unknown.
    """
    fits = [_fit(part) for part in _parts(name)]
    found = fits[0]
    for after in fits[1:]:
        found = on_residuals(found, after)
    return found


def varies(name: str) -> bool:
    """Whether a model differs from seed to seed."""
    return any(word in STAGES or word in ("ESN", "RF") for word in _words(name))


def needs_others(name: str) -> bool:
    """Whether a model needs a series that others are observed beside."""
    return "VAR" in _words(name)


def _parts(name: str) -> list[tuple[str, ...]]:
    """Splits a name where one model ends and the next one learns from its errors."""
    groups = [list(group) for _, group in itertools.groupby(_words(name), key=lambda word: word in STAGES)]
    parts: list[tuple[str, ...]] = []
    for group in groups:
        if group[0] in STAGES:
            parts.append(tuple(group))
            continue
        if parts and group[0] in REGRESSORS:
            parts[-1] += (group.pop(0),)
        parts += [(word,) for word in group]
    return parts


def _words(name: str) -> list[str]:
    words = name.replace("Auto-", "Auto_").split("-")
    words, known = [word.replace("Auto_", "Auto-") for word in words], [*SERIES, *STAGES, *REGRESSORS]
    for word in words:
        if word not in known:
            near = difflib.get_close_matches(word, known, cutoff=0.4)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise ValueError(f"a model is named by {', '.join(known)}, joined by -; got {word!r} in {name!r}{hint}")
    return words


def _fit(part: tuple[str, ...]) -> Fit:
    *networks, last = part
    if not networks and last in SERIES:
        return SERIES[last]
    if last in STAGES:
        return on_windows(network(*part))
    return features_before(tuple(networks), last) if networks else on_windows(regression(last))
