"""The figure of `clockwork`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.clockwork.networks import NETWORKS
from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.common.intervals import of_mean

COLOURS = dict(zip(NETWORKS, PALETTE, strict=False))
RATES = ("published", "chosen")


def plot(results: Results) -> Any:
    """Draws the first target with the answers to it, the courses of the errors, and the errors of all seeds."""
    figure, (waves, courses, ends) = plt.subplots(
        1, 3, figsize=(WIDTH, 4.2), layout="constrained", gridspec_kw={"width_ratios": (1.3, 1, 1)}
    )
    _waves(waves, results)
    _courses(courses, results)
    _ends(ends, results)
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """Compares mean errors in words."""
    parts = []
    for which in RATES:
        ours, theirs = (results.curves[f"error/{which}/{name}"].mean() for name in ("clockwork", "tanh"))
        parts.append(f"{ours:.2g} against {theirs:.2g} at {'the published rate' if which == 'published' else 'chosen rates'}")
    return (
        f"Mean square error of a clockwork network against tanh of as many parameters on a wave of "
        f"{len(results.curves['periods'])} periods: {' and '.join(parts)} (a constant: 1)"
    )


def _waves(axis: Any, results: Results) -> None:
    axis.plot(results.curves["targets"][0], color="0.5", linewidth=2.5, label="target")
    for name, colour in COLOURS.items():
        axis.plot(results.curves[f"answer/chosen/{name}"], color=colour, linewidth=1.1, label=name)
    axis.set(xlabel="step", ylabel="value", title="(a) the first target, chosen rates")
    axis.legend(loc="upper right", ncols=2)
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.25 * (high - low))


def _courses(axis: Any, results: Results) -> None:
    for name, colour in COLOURS.items():
        for which, line in zip(RATES, ("--", "-"), strict=True):
            course = results.curves[f"course/{which}/{name}"]
            axis.plot(np.arange(1, 1 + len(course)), course, line, color=colour, linewidth=1.2, label=f"{name}, {which}")
    axis.set(xscale="log", yscale="log", xlabel="updates", ylabel="error, mean of seeds", title="(b) training")
    axis.legend(loc="lower left")


def _ends(axis: Any, results: Results) -> None:
    for i, (name, colour) in enumerate(COLOURS.items()):
        for which, shift, marker in zip(RATES, (-0.15, 0.15), "o^", strict=True):
            errors = results.curves[f"error/{which}/{name}"]
            low, middle, high = of_mean(errors)
            axis.plot(np.full(len(errors), i + shift), errors, marker, color=colour, alpha=0.35, markersize=4)
            spread = [[middle - max(low, middle / 10)], [min(high, middle * 10) - middle]]
            axis.errorbar(i + shift, middle, yerr=spread, fmt=marker, color=colour, capsize=3)
    axis.set_xticks(range(len(COLOURS)), list(COLOURS))
    axis.set(yscale="log", ylabel="error at the end", title="(c) rates: ○ published, △ chosen")
