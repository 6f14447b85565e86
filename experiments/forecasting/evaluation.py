"""Rolling origins: what a model says at many times of what comes after them, how far off it is, and whether it looked ahead."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr
from statsmodels.regression.linear_model import OLS

from experiments.forecasting.forecasters import QUANTILES, Forecaster
from experiments.forecasting.series import Series

TEST, VALIDATION = 0.25, 0.15
"""The last share of a series, on which models are scored, and the share before it, on which they are chosen."""
ORIGINS = 24
"""Times from which is forecast in each, at most."""


class Scores(NamedTuple):
    """How far off forecasts are, `[origin, horizon]`.

    Attributes:
      scaled: |y - ŷ| over the mean error of the seasonal naive forecast, one step ahead, in the values fitted on: its mean is
        the MASE (Hyndman & Koehler, 2006).
      symmetric: 200 |y - ŷ| / (|y| + |ŷ|): its mean is the sMAPE, in percent.
      quantile: twice the quantile loss, scaled likewise, mean over the quantiles; it is `scaled` where all are ŷ.
      covered: whether y lies between the outer quantiles.
    """

    scaled: np.ndarray
    symmetric: np.ndarray
    quantile: np.ndarray
    covered: np.ndarray


def borders(count: int) -> tuple[int, int]:
    """Where the validation part of a series begins, and where the test part does."""
    test = count - int(TEST * count)
    return test - int(VALIDATION * count), test


def origins(first: int, last: int, horizon: int) -> np.ndarray:
    """Up to `ORIGINS` times from which all of the horizon lies within the part."""
    return np.unique(np.linspace(first, last - horizon, ORIGINS).astype(int))


def rolling(forecaster: Forecaster, values: np.ndarray, at: Sequence[int] | np.ndarray) -> np.ndarray:
    """Quantiles `[origin, horizon, quantile]`; at each origin the model is given the values before it and no others."""
    return np.stack([forecaster.forecast(values[:origin].copy()) for origin in at])


def overlapping(at: np.ndarray, horizon: int) -> int:
    """How many origins in a row forecast a common value."""
    return int(np.max(np.searchsorted(at, at + horizon) - np.arange(len(at))))


def scores(series: Series, said: np.ndarray, at: np.ndarray, fitted_on: int) -> Scores:
    """Compares forecasts with what came."""
    known, horizon = series.values[:fitted_on, 0], said.shape[1]
    truth = np.stack([series.values[origin : origin + horizon, 0] for origin in at])
    scale = np.abs(known[series.season :] - known[: -series.season]).mean()
    point = said[..., QUANTILES.index(0.5)]
    errors, levels = truth[..., None] - said, np.array(QUANTILES)
    sizes = np.abs(truth) + np.abs(point)
    return Scores(
        np.abs(truth - point) / scale,
        200 * np.abs(truth - point) / np.where(sizes > 0, sizes, 1),
        2 * np.maximum(levels * errors, (levels - 1) * errors).mean(axis=-1) / scale,
        (said[..., 0] <= truth) & (truth <= said[..., -1]),
    )


def diebold_mariano(ours: np.ndarray, theirs: np.ndarray, overlap: int) -> tuple[float, float]:
    """The mean difference of two losses `[origin]` over its standard error, and the probability of one as far from 0.

    The variance counts correlations of origins whose forecasts overlap, that many in a row, by Bartlett's weights; the
    statistic is corrected for few origins.

    Reference: Diebold & Mariano (1995), Comparing predictive accuracy; Harvey, Leybourne & Newbold (1997).
    """
    difference = ours - theirs
    count, lags = len(difference), min(overlap, len(difference)) - 1
    if np.ptp(difference) == 0:
        return 0.0, 1.0
    found = OLS(difference, np.ones(count)).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    correction = max(1 + (1 - 2 * (lags + 1) + (lags + 1) * lags / count) / count, 1 / count) ** 0.5
    statistic = float(found.params[0] / found.bse[0]) * correction
    return statistic, float(2 * stdtr(count - 1, -abs(statistic)))
