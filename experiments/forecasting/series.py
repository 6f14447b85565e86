"""Series that are forecast, and four of them, which statsmodels ships."""

from typing import Any, NamedTuple

import numpy as np
from statsmodels.datasets import co2, elnino, macrodata, sunspots


class Series(NamedTuple):
    """A series at equal distances in time.

    Attributes:
      values: the series that is forecast, and others that are observed beside it, `[time, 1 + others]`.
      season: steps after which it is expected to repeat; 1 if it is not.
      unit: for the axis.
      start: of the first value, and how far apart they are, on the axis of time.
      treatment: what was done to the values as they were found.
    """

    values: np.ndarray
    season: int
    unit: str
    start: tuple[float, float]
    treatment: str = "as they are"

    @property
    def times(self) -> np.ndarray:
        """The places of the values on the axis of time, `[time]`."""
        first, apart = self.start
        return first + apart * np.arange(len(self.values))


def sunspot_numbers() -> Series:
    """Sunspots per year, 1700-2008, with a cycle of about 11 years."""
    return Series(column(_table(sunspots)["SUNACTIVITY"]), 11, "sunspots in a year", (1700, 1))


def carbon_dioxide() -> Series:
    """CO2 over Mauna Loa, monthly means of 1958-2001."""
    months = _table(co2)["co2"].resample("MS").mean()
    filled = months.interpolate()
    treatment = f"means of weeks; {int(months.isna().sum())} months without any are interpolated"
    return Series(column(filled), 12, "CO2, ppm", (1958 + 2 / 12, 1 / 12), treatment)


def sea_temperature() -> Series:
    """Temperature of the sea surface off Peru, monthly, 1950-2010."""
    months = _table(elnino).drop(columns="YEAR").to_numpy()
    return Series(months.reshape(-1, 1), 12, "sea surface, °C", (1950, 1 / 12))


def growth() -> Series:
    """Quarterly growth of the gross domestic product of the United States, beside consumption and investment, 1959-2009."""
    levels = _table(macrodata)[["realgdp", "realcons", "realinv"]].to_numpy()
    return Series(100 * np.diff(np.log(levels), axis=0), 4, "growth of GDP, % in a quarter", (1959.25, 0.25), "100 Δ log")


SHIPPED = {"sunspots": sunspot_numbers, "CO2": carbon_dioxide, "El Niño": sea_temperature, "GDP": growth}


def check(name: str, values: np.ndarray, season: int, horizon: int, least: int) -> None:
    """Raises ValueError for a series that cannot be forecast and scored."""
    if season > len(values) // 2:
        raise ValueError(f"--season must be at most half of the {len(values)} values of {name}; got {season}")
    if len(values) < least:
        raise ValueError(
            f"{name} has {len(values)} values; a horizon of {horizon} and a season of {season} need {least}: give a longer "
            "series, or a smaller --horizon"
        )
    if np.ptp(values) == 0:
        raise ValueError(f"{name} is constant, {values[0]:g} throughout: there is nothing to forecast, and no scale for errors")


def _table(dataset: Any) -> Any:
    return dataset.load_pandas().data


def column(values: Any) -> np.ndarray:
    """A pandas series as the only column of a table."""
    return values.to_numpy(np.float64)[:, None]
