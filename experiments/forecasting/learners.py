"""What learns from windows: each value is forecast from the `LOOKBACK` values before it, relative to the last of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.multioutput import MultiOutputRegressor
from sklearn.svm import SVR

from experiments.forecasting.forecasters import QUANTILES, About, Fit, Forecaster, around, futures, windows

LOOKBACK = 24
"""Values in a window."""
HELD_OUT = 5
"""The last of so many parts of the windows chooses settings, and tells how large errors are."""

Predict = Callable[[np.ndarray], np.ndarray]
"""`windows [n, lookback, columns] -> quantiles [n, horizon, quantile]`, of what comes next."""
Learner = Callable[[np.ndarray, np.ndarray, About], Predict]
"""`(windows, targets [n, horizon], about) -> Predict`."""
Extract = Callable[[np.ndarray, np.ndarray, About], Callable[[np.ndarray], np.ndarray]]
"""`(windows, targets, about) -> (windows -> features [n, features])`."""

REGRESSORS: dict[str, Callable[[int], Any]] = {
    "SVM": lambda seed: MultiOutputRegressor(SVR(C=1.0, epsilon=0.1)),
    "RF": lambda seed: RandomForestRegressor(n_estimators=100, min_samples_leaf=3, random_state=seed),
    "XGBoost": lambda seed: MultiOutputRegressor(
        HistGradientBoostingRegressor(max_iter=60, learning_rate=0.1, min_samples_leaf=10, random_state=seed)
    ),
}
"""Support vectors, a random forest, and boosted trees: scikit-learn's, which grows them from histograms as XGBoost does."""


def on_windows(learner: Learner) -> Fit:
    """Forecasts by what was learned from the windows of the values, scaled by how much they change within a season."""

    def fit(values: np.ndarray, about: About) -> Forecaster:
        lags = min(about.season, len(values) - 1)
        scale = np.std(values[lags:] - values[:-lags], axis=0)
        scale = np.where(scale > 0, scale, 1.0)

        def relative(seen: np.ndarray) -> np.ndarray:
            return ((seen - seen[:, -1:]) / scale).astype(np.float32)

        def absolute(predicted: np.ndarray, seen: np.ndarray) -> np.ndarray:
            return seen[:, -1, :1, None] + scale[0] * predicted

        coming = futures(values, about.horizon)
        seen = windows(values, LOOKBACK)[LOOKBACK : len(coming)]
        targets = (coming[LOOKBACK:] - seen[:, -1, :1]) / scale[0]
        predict = learner(relative(seen), targets.astype(np.float32), about)

        def forecast(history: np.ndarray) -> np.ndarray:
            last = history[None, -LOOKBACK:]
            return absolute(predict(relative(last)), last)[0]

        def one_step(history: np.ndarray) -> np.ndarray:
            seen = windows(history, LOOKBACK)
            said = absolute(predict(relative(seen)), seen)[:, 0, QUANTILES.index(0.5)]
            said[:LOOKBACK] = np.nan
            return said

        return Forecaster(forecast, one_step)

    return fit


def held_out(count: int, horizon: int) -> tuple[slice, slice]:
    """Windows to learn from, and the last ones, from which the targets of the former are kept away."""
    first = count - count // HELD_OUT
    return slice(0, max(first - horizon, 1)), slice(first, count)


def regression(name: str, extract: Extract | None = None) -> Learner:
    """One of `REGRESSORS` on the windows, or on features of them; its errors are distributed as on the windows held out."""

    def learner(seen: np.ndarray, targets: np.ndarray, about: About) -> Predict:
        features = _flat if extract is None else extract(seen, targets, about)
        known, held = held_out(len(seen), about.horizon)
        tried = REGRESSORS[name](about.seed).fit(features(seen[known]), targets[known])
        errors = targets[held] - tried.predict(features(seen[held])).reshape(-1, about.horizon)
        model = REGRESSORS[name](about.seed).fit(features(seen), targets)
        return lambda seen: around(model.predict(features(seen)).reshape(-1, about.horizon), errors)

    return learner


def _flat(seen: np.ndarray) -> np.ndarray:
    return seen.reshape(len(seen), -1)
