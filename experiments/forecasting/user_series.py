"""A series of one's own: a column of a file."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.forecasting.series import Series, column

MOST_MISSING = 0.05
"""The largest share of missing values that is filled in."""


def read_csv(file: Path, target: str, dates: str | None, season: int) -> Series:
    """Reads one column of a file as a series.

    Args:
      file: with a header.
      target: the column.
      dates: a column of dates or numbers that are to be equally far apart; None: the rows are.
      season: see `Series`.

    Raises:
      ValueError: no such file or column; a value that is no number; too many missing ones; dates that are not regular.
    """
    try:
        table: Any = pd.read_csv(file)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"--csv {file} cannot be read as a table: {error}") from error
    for option, name in (("--target", target), ("--dates", dates)):
        if name is not None and name not in table:
            raise ValueError(f"{option} must be a column of {file}, which has {', '.join(map(str, table.columns))}; got {name}")
    values: Any = pd.to_numeric(table[target], errors="coerce")
    if (odd := table.index[values.isna() & table[target].notna()]).size:
        raise ValueError(f"--target {target} must hold numbers; row {odd[0] + 1} holds {table[target][odd[0]]!r}")
    if np.isinf(values).any():
        raise ValueError(f"--target {target} must hold finite numbers; row {int(np.isinf(values).argmax()) + 1} does not")
    missing = int(values.isna().sum())
    if missing > MOST_MISSING * len(values) or values.isna()[[values.index[0], values.index[-1]]].any():
        raise ValueError(
            f"--target {target} misses {missing} of {len(values)} values: up to {MOST_MISSING:.0%} are interpolated, but not "
            "the first or the last; fill the gaps, or cut the series"
        )
    start = (0.0, 1.0) if dates is None else _regular(table[dates], dates)
    treatment = f"{missing} missing values are interpolated" if missing else "as they are"
    return Series(column(values.interpolate()), season, target, start, treatment)


def _regular(values: Any, name: str) -> tuple[float, float]:
    """The first place in time, in years where there are dates, and the distance of all.

    Raises:
      ValueError: neither numbers nor dates that are equally far apart.
    """
    numbers: Any = pd.to_numeric(values, errors="coerce")
    if numbers.notna().all():
        apart = np.diff(numbers)
        if len(apart) and np.all(apart > 0) and np.allclose(apart, apart[0]):
            return float(numbers[0]), float(apart[0])
    else:
        when: Any = pd.to_datetime(values, errors="coerce")
        months = 12 * when.dt.year + when.dt.month
        if any(steps.nunique() == 1 and (steps > steps * 0).all() for steps in (when.diff().dropna(), months.diff().dropna())):
            years = when.dt.year + (when.dt.day_of_year - 1) / 365.25
            return float(years.iloc[0]), float((years.iloc[-1] - years.iloc[0]) / (len(years) - 1))
    raise ValueError(
        f"--dates {name} must be numbers or dates that rise in equal steps (years, months, days ...); they do not: sort the "
        "rows, add those that are missing, or leave --dates out if the rows are equally far apart"
    )
