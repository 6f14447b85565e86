"""What is read off the accuracies of a run: differences and costs, with their intervals over seeds."""

from collections.abc import Callable

import numpy as np

from experiments.common.experiment import Results
from experiments.common.intervals import Interval, of_mean


def depths(results: Results) -> list[int]:
    """The depths of the stacks, increasing."""
    return sorted(int(name.split("/")[2]) for name in results.curves if name.startswith("accuracy/plain/"))


def gain(results: Results, kind: str, depth: int) -> Interval:
    """Test accuracy of one kind of stack minus that of a plain one of the same depth."""
    return of_mean(results.curves[f"accuracy/{kind}/{depth}"] - results.curves[f"accuracy/plain/{depth}"])


def fall(results: Results, kind: str) -> Interval:
    """Test accuracy at the best depth, by validation, minus that at the greatest."""
    known = depths(results)
    best = max(known, key=lambda depth: results.curves[f"validation/{kind}/{depth}"].mean())
    return of_mean(results.curves[f"accuracy/{kind}/{best}"] - results.curves[f"accuracy/{kind}/{known[-1]}"])


def cut(results: Results) -> list[tuple[str, int]]:
    """Kind and depth of the stacks of which layers were deleted."""
    names = [name.split("/") for name in results.curves if name.startswith("lost/")]
    return [(kind, int(depth)) for _, kind, depth in names]


def cost(results: Results, kind: str, depth: int, of: Callable[..., np.ndarray] = np.median) -> Interval:
    """Test accuracy lost without one layer: the median of a stack's layers, or another of them."""
    return of_mean(of(results.curves[f"lost/{kind}/{depth}"], axis=1))
