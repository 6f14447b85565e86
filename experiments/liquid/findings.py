"""What `liquid` measured, by its names: separation by distance, and accuracies by reader."""

from typing import Any

import numpy as np

from experiments.common.experiment import Results
from experiments.common.intervals import Interval, of_mean

LIQUID, STATIC, ALONE = "liquid", "liquid, static synapses", "neurons without synapses"
FIXED, TUNED, BANK = "input, filter of 30 ms", "input, best filter", "input, bank of filters"
READERS = (LIQUID, STATIC, ALONE, FIXED, TUNED, BANK)


def late(results: Results) -> np.ndarray:
    """Mean distance of states once their beginnings are forgotten, `[distance, liquid]`."""
    return results.curves["late"]


def rises(results: Results) -> list[Interval]:
    """By how much each distance of inputs separates states more than the one before does, over liquids."""
    return [of_mean(rise) for rise in np.diff(late(results), axis=0)]


def accuracies(results: Results, reader: str) -> np.ndarray:
    """Shares of test sequences whose template is told right, `[liquid, segment]`."""
    return results.curves[f"accuracy/{reader}"]


def accuracy(results: Results, segment: int, reader: str = LIQUID) -> Interval:
    """That of one segment, counted from 0 or back from -1, over liquids."""
    return of_mean(accuracies(results, reader)[:, segment])


def lead(results: Results, segment: int, other: str) -> Interval:
    """Accuracy of the liquid minus that of another reader, paired by liquid."""
    return of_mean(accuracies(results, LIQUID)[:, segment] - accuracies(results, other)[:, segment])


def earlier_lead(results: Results, other: str) -> Interval:
    """The same, of the mean over all segments but the last."""
    return of_mean((accuracies(results, LIQUID) - accuracies(results, other))[:, :-1].mean(axis=1))


def separation_rows(results: Results) -> list[dict[str, Any]]:
    """The distance of states for every distance of inputs."""
    found = zip(results.curves["distances"], late(results), strict=True)
    return [{"distance of inputs": float(apart)} | _columns("distance of states", of_mean(values)) for apart, values in found]


def accuracy_rows(results: Results) -> list[dict[str, Any]]:
    """The accuracy of every reader on every segment."""
    segments = range(accuracies(results, LIQUID).shape[1])
    return [
        {"segment": segment + 1, "read from": reader} | _columns("accuracy", accuracy(results, segment, reader))
        for segment in segments
        for reader in READERS
    ]


def _columns(name: str, found: Interval) -> dict[str, float]:
    return {name: found.middle, "low": found.low, "high": found.high}
