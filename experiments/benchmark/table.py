"""Prints the tables of README and docs/benchmark.md from a run's rows: `python -m experiments.benchmark.table metrics.csv`."""

import csv
import sys
from pathlib import Path
from typing import Any

from experiments.benchmark.networks import SIZES
from experiments.benchmark.peers import PEERS
from experiments.benchmark.rows import fastest, grouped


def read(file: Path) -> list[dict[str, Any]]:
    """The rows that time a library, numbers as such."""
    with file.open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["library"]]
    return [{name: _number(value) for name, value in row.items()} for row in rows]


def _number(value: str) -> Any:
    try:
        return float(value)
    except ValueError:
        return value


def ratio(row: dict[str, Any] | None) -> str:
    """A library's time over that of the explicit pass, with its interval; bold where the explicit pass is slower for sure."""
    if row is None:
        return ""
    text = f"{row['explicit is faster by']:.2f} ({row['low']:.2f}-{row['high']:.2f})"
    return f"**{text}**" if row["high"] < 1 else text


def short(rows: list[dict[str, Any]]) -> list[str]:
    """One line per network and size of the main table: against the fastest JAX library and torch, training and forward."""
    training, forward = grouped(rows, "training step"), grouped(rows, "forward")
    lines = [
        "| network | size | training: fastest JAX library | torch | forward: fastest JAX library | torch |",
        "|---" * 6 + "|",
    ]
    for setting, of_training in training.items():
        of_forward = forward.get(setting, {})
        cells = [f"| {setting[0]} | {setting[1]} |"]
        for libraries in (of_training, of_forward):
            best = fastest(libraries)
            name = f"{best['library']} " if best else ""
            cells += [f" {name}{ratio(best)} |", f" {ratio(libraries.get('torch'))} |"]
        if fastest(of_training) and setting[1] in SIZES:
            lines.append("".join(cells))
    return lines


def long(rows: list[dict[str, Any]]) -> list[str]:
    """All training steps, with every library, time, memory and compilation."""
    others = [peer for peer in PEERS if peer != "explicit"]
    lines = [f"| network | size | explicit, ms | MB / autodiff's | compile, s | {' | '.join(others)} |"]
    lines.append("|---" * (5 + len(others)) + "|")
    for (network, size), libraries in grouped(rows, "training step").items():
        own = libraries["explicit"]
        memory = own["MB over autodiff's"]
        cells = [f"| {network} | {size} | {own['ms']:.3g} | {memory:.2f} | {own['compile s']:.2f} |"]
        lines.append("".join([*cells, *(f" {ratio(libraries.get(peer))} |" for peer in others)]))
    return lines


if __name__ == "__main__":
    found = read(Path(sys.argv[1]))
    print(*short(found), "", *long(found), sep="\n")
