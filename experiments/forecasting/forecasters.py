"""What forecasts: functions from a history to quantiles of what comes next."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

QUANTILES = (0.1, 0.5, 0.9)
"""Of every forecast; the middle one is the point, the others bound 80 %."""


class About(NamedTuple):
    """What a fit has to know beside the values.

    Attributes:
      season: steps after which the series is expected to repeat.
      horizon: steps that are forecast.
      seed: of networks.
      updates: of networks.
    """

    season: int
    horizon: int
    seed: int = 0
    updates: int = 300


class Forecaster(NamedTuple):
    """A fitted model.

    Attributes:
      forecast: `history [time, columns] -> quantiles [horizon, quantile]` of the first column after it.
      one_step: `history -> [time]`, the point forecast of every value from those before it; NaN where they are too few.
    """

    forecast: Callable[[np.ndarray], np.ndarray]
    one_step: Callable[[np.ndarray], np.ndarray]


Fit = Callable[[np.ndarray, About], Forecaster]
"""`(values [time, columns], about) -> Forecaster`; sees no value that comes later."""


def gaussian(means: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """Quantiles of normal distributions, `[horizon, quantile]`."""
    return means[:, None] + deviations[:, None] * ndtri(np.array(QUANTILES))


def around(points: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Quantiles of points `[..., horizon]` with errors as those met so far, `[forecast, horizon]`, but for their median."""
    return points[..., None] + (np.quantile(errors, QUANTILES, axis=0) - np.median(errors, axis=0)).T


def windows(values: np.ndarray, lookback: int) -> np.ndarray:
    """The last values before each time, `[time, lookback, columns]`; the row before the first is repeated."""
    padded = np.concatenate([np.repeat(values[:1], lookback, axis=0), values])
    return np.stack([padded[i : i + len(values)] for i in range(lookback)], axis=1)


def futures(values: np.ndarray, horizon: int) -> np.ndarray:
    """What comes at each time and after it, of the first column, `[time, horizon]`, as far as all of it is known."""
    count = len(values) - horizon + 1
    return np.stack([values[i : i + count, 0] for i in range(horizon)], axis=1)
