"""Tables of an experiment: rows are dicts, and a row may lack columns."""

from typing import Any

import numpy as np

from experiments.common.intervals import Interval, of_mean


def table(rows: list[dict[str, Any]], limit: int = 80) -> str:
    """Lays rows out in columns; the first `limit` of them."""
    if not rows:
        return "(no rows)"
    names = columns(rows)
    cells = [names, *([short(row.get(name, "")) for name in names] for row in rows[:limit])]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    more = [f"... {len(rows) - limit} more rows in metrics.csv"] if len(rows) > limit else []
    return "\n".join(lines + more)


def columns(rows: list[dict[str, Any]]) -> list[str]:
    """The names of all columns, in order of appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def over_seeds(name: str, values: np.ndarray) -> dict[str, float]:
    """Columns of a row: the mean of a quantity over seeds `[seed]`, its interval, and the worst seed."""
    low, middle, high = of_mean(values)
    return {name: middle, "low": low, "high": high, "worst seed": float(values.min())}


def short(value: Any, digits: int = 4) -> str:
    """A value in a few digits, an interval with its bounds."""
    if isinstance(value, Interval):
        return "{1:.{n}g} [{0:.{n}g}, {2:.{n}g}]".format(*value, n=digits)
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)
