"""Classical models, all of them statsmodels': estimated once, then filtered through every history."""

import functools
import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.tools.sm_exceptions import ConvergenceWarning, ValueWarning
from statsmodels.tsa.api import VAR
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.statespace.sarimax import SARIMAX
from statsmodels.tsa.stattools import kpss

from experiments.forecasting.forecasters import About, Fit, Forecaster, around, futures, gaussian

Order = tuple[tuple[int, int, int], tuple[int, int, int]]
"""(p, d, q) of an ARIMA model, and (P, D, Q) of its seasonal part."""
STEPS = 50
"""Iterations of a fit to choose an order by."""
LAGS = 8
"""Of a vector autoregression, at most."""
SEASONAL = 0.64
"""Strength of a season from which on it is differenced (Wang, Smith & Hyndman, 2006)."""


def quietly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keeps warnings of an optimiser that has not converged, or met odd values on its way, to itself."""

    @functools.wraps(function)
    def run(*args, **keywords):
        with warnings.catch_warnings():
            for kind in (ConvergenceWarning, ValueWarning, UserWarning, RuntimeWarning, FutureWarning):
                warnings.simplefilter("ignore", kind)
            return function(*args, **keywords)

    return run


def repeating(values: np.ndarray, about: About, *, season: int | None = None) -> Forecaster:
    """ŷ_{t+h} = the last value known a whole number of seasons before; a season of 1 is the naive forecast.

    Errors are distributed as in the values that it was fitted on.
    """
    period = about.season if season is None else season

    def points(history: np.ndarray) -> np.ndarray:
        return np.resize(history[-period:, 0], about.horizon)

    def one_step(history: np.ndarray) -> np.ndarray:
        return np.concatenate([np.full(period, np.nan), history[:-period, 0]])

    truth = futures(values, about.horizon)[period:]
    errors = truth - np.stack([points(values[:t]) for t in range(period, period + len(truth))])
    return Forecaster(lambda history: around(points(history), errors), one_step)


def arima(order: Order) -> Fit:
    """A seasonal ARIMA model of a fixed order."""

    @quietly
    def fit(values: np.ndarray, about: About) -> Forecaster:
        return _filtered(_sarimax(values[:, 0], order, about.season).fit(disp=False), about.horizon)

    return fit


def auto_arima(*, seasonal: bool) -> Fit:
    """The order of least corrected AIC, after as many differences as tests ask for.

    Differences: D = 1 where the season is strong, then d up to 2 until the KPSS test does not reject that the rest is
    stationary. Of p, q <= 2 and P, Q <= 1 those are tried that a walk from (1, 1), or (2, 2), to better neighbours meets.

    Reference: Hyndman & Khandakar (2008), Automatic time series forecasting, section 3.
    """

    @quietly
    def fit(values: np.ndarray, about: About) -> Forecaster:
        series, season = values[:, 0], about.season if seasonal else 1
        differences = int(season > 1 and seasonal_strength(series, season) > SEASONAL)
        rest = series[season:] - series[:-season] if differences else series
        d = differences_needed(rest)

        @functools.cache
        def score(p: int, q: int, seasonal_p: int, seasonal_q: int) -> float:
            order = (p, d, q), (seasonal_p, differences, seasonal_q)
            found: Any = _sarimax(series, order, season).fit(disp=False, maxiter=STEPS)
            return float(found.aicc) if np.isfinite(found.aicc) else np.inf

        most = (2, 2, 1, 1) if season > 1 else (2, 2, 0, 0)
        p, q, seasonal_p, seasonal_q = _walk(score, [(1, 1, *most[2:]), (2, 2, *most[2:]), (0, 0, 0, 0)], most)
        order = (p, d, q), (seasonal_p, differences, seasonal_q)
        return _filtered(_sarimax(series, order, season).fit(disp=False), about.horizon)

    return fit


def _walk(score: Callable[..., float], starts: Sequence[tuple[int, ...]], most: tuple[int, ...]) -> tuple[int, ...]:
    """Goes from the best start to the best neighbour as long as that is better."""
    best = min(starts, key=lambda order: score(*order))
    while True:
        steps = itertools.product((-1, 1), range(len(most)))
        moved = [tuple(n + step * (i == axis) for i, n in enumerate(best)) for step, axis in steps]
        allowed = [order for order in moved if all(0 <= n <= limit for n, limit in zip(order, most, strict=True))]
        better = min(allowed, key=lambda order: score(*order))
        if score(*better) >= score(*best):
            return best
        best = better


def seasonal_strength(series: np.ndarray, season: int) -> float:
    """1 - var(remainder) / var(remainder + season), of the deviations from a moving average over one season."""
    window = np.ones(season) / season
    if season % 2 == 0:
        window = np.convolve(window, [0.5, 0.5])
    trend = np.convolve(series, window, "valid")
    rest = series[len(window) // 2 :][: len(trend)] - trend
    means = np.array([rest[i::season].mean() for i in range(season)])
    remainder = rest - np.resize(means, len(rest))
    return max(0.0, 1 - remainder.var() / rest.var())


def differences_needed(series: np.ndarray, most: int = 2) -> int:
    """How often to difference until the KPSS test at 5 % does not reject stationarity."""
    for d in range(most):
        if np.ptp(series) == 0 or quietly(kpss)(series, nlags="auto")[1] > 0.05:
            return d
        series = np.diff(series)
    return most


@quietly
def exponential_smoothing(values: np.ndarray, about: About) -> Forecaster:
    """The additive model of least corrected AIC: with or without a damped trend, with or without a season."""
    series = values[:, 0]
    seasons = (None, "add") if about.season > 1 else (None,)

    def model(series: np.ndarray, trend: bool, seasonal: str | None) -> Any:
        periods: dict[str, Any] = {"seasonal_periods": about.season} if seasonal else {}
        return ETSModel(pd.Series(series), trend="add" if trend else None, damped_trend=trend, seasonal=seasonal, **periods)

    fits = [(choice, model(series, *choice).fit(disp=False)) for choice in itertools.product((False, True), seasons)]
    choice, best = min(fits, key=lambda found: found[1].aicc)

    @quietly
    def forecast(history: np.ndarray) -> np.ndarray:
        smoothed = model(history[:, 0], *choice).smooth(best.params)
        found = smoothed.get_prediction(start=len(history), end=len(history) + about.horizon - 1)
        return gaussian(np.asarray(found.predicted_mean), np.sqrt(np.asarray(found.forecast_variance)))

    @quietly
    def one_step(history: np.ndarray) -> np.ndarray:
        return np.asarray(model(history[:, 0], *choice).smooth(best.params).fittedvalues)

    return Forecaster(forecast, one_step)


@quietly
def vector_autoregression(values: np.ndarray, about: About) -> Forecaster:
    """All columns from all columns before, by least squares; as many lags as the AIC wants, up to `LAGS`.

    Raises:
      ValueError: a single column.
    """
    if values.shape[1] < 2:
        raise ValueError("VAR needs a series that others are observed beside, such as GDP; got a single column")
    found = VAR(values).fit(maxlags=LAGS, ic="aic")
    lags = max(found.k_ar, 1)
    found = found if found.k_ar else VAR(values).fit(1)
    deviations = np.sqrt(found.forecast_cov(about.horizon)[:, 0, 0])

    def forecast(history: np.ndarray) -> np.ndarray:
        return gaussian(found.forecast(history[-lags:], about.horizon)[:, 0], deviations)

    def one_step(history: np.ndarray) -> np.ndarray:
        said = [found.forecast(history[t - lags : t], 1)[0, 0] for t in range(lags, len(history))]
        return np.concatenate([np.full(min(lags, len(history)), np.nan), said])

    return Forecaster(forecast, one_step)


def _sarimax(series: np.ndarray, order: Order, season: int) -> Any:
    """A constant is a drift where the series is differenced once."""
    (p, d, q), (seasonal_p, differences, seasonal_q) = order
    seasonal = (seasonal_p, differences, seasonal_q, season) if season > 1 else (0, 0, 0, 0)
    trend = "c" if d + differences < 2 else "n"
    options: dict[str, Any] = {"enforce_stationarity": False, "enforce_invertibility": False}
    return SARIMAX(series, order=(p, d, q), seasonal_order=seasonal, trend=trend, **options)


def _filtered(found: Any, horizon: int) -> Forecaster:
    """The estimated parameters, applied to other histories."""
    skipped = int(found.model.loglikelihood_burn)

    @quietly
    def forecast(history: np.ndarray) -> np.ndarray:
        ahead = found.apply(history[:, 0]).get_forecast(horizon)
        return gaussian(np.asarray(ahead.predicted_mean), np.asarray(ahead.se_mean))

    @quietly
    def one_step(history: np.ndarray) -> np.ndarray:
        said = np.array(found.apply(history[:, 0]).fittedvalues, float)
        said[:skipped] = np.nan  # before as many values are known as are differenced
        return said

    return Forecaster(forecast, one_step)
