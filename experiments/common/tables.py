"""Tables of an experiment: rows are dicts, and a row may lack columns."""

from typing import Any


def table(rows: list[dict[str, Any]], limit: int = 80) -> str:
    """Lays rows out in columns; the first `limit` of them."""
    if not rows:
        return "(no rows)"
    names = columns(rows)
    cells = [names, *([_short(row.get(name, "")) for name in names] for row in rows[:limit])]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    more = [f"... {len(rows) - limit} more rows in metrics.csv"] if len(rows) > limit else []
    return "\n".join(lines + more)


def columns(rows: list[dict[str, Any]]) -> list[str]:
    """The names of all columns, in order of appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
