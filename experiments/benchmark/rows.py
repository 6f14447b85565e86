"""The rows of a benchmark by network and size, and the library to beat in each."""

from typing import Any

from experiments.benchmark.peers import JAX_PEERS

Rows = dict[str, dict[str, Any]]
"""The rows of one network and size, by library."""


def grouped(rows: list[dict[str, Any]], what: str) -> dict[tuple[str, str], Rows]:
    """The rows of training steps or forward passes by (network, size) and library."""
    found: dict[tuple[str, str], Rows] = {}
    for row in rows:
        if row.get("what") == what:
            found.setdefault((row["network"], row["size"]), {})[row["library"]] = row
    return found


def fastest(libraries: Rows) -> dict[str, Any] | None:
    """The row of the fastest JAX library, or None."""
    known = [libraries[peer] for peer in JAX_PEERS if peer in libraries]
    return min(known, key=lambda row: row["explicit is faster by"], default=None)
