"""The figure of `adding`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from experiments.adding.networks import CHRONO, EVERY, LSTM, NETWORKS, TANH
from experiments.adding.scores import SOLVED, best_share, courses_of, updates_to
from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline

LOOKS = dict(zip(NETWORKS, zip((*PALETTE, "#888888"), "os^Dvp*X", strict=True), strict=True))
DODGE = 1.055
"""Factor between the places of two networks at one length, so that their points lie side by side."""


def plot(results: Results) -> Any:
    """Draws the updates that every seed took against T, and the courses of the losses at the longest T."""
    figure, (scaling, courses) = plt.subplots(
        1, 2, figsize=(WIDTH, 5.0), layout="constrained", gridspec_kw={"width_ratios": (1.25, 1)}
    )
    _scaling(scaling, results)
    _courses(courses, results)
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """Says who solved the longest sequences, after how many updates, and where the tanh network stayed."""
    length = results.curves["lengths"][-1]
    found = {name: courses_of(results.curves, name, length) for name in (LSTM, CHRONO, TANH)}
    counts = {name: _solved(courses) for name, courses in found.items()}
    left = min(map(best_share, found[TANH]))
    return (
        f"Numbers marked in {length} steps were added by {counts[LSTM]} LSTMs with bias 1, {counts[CHRONO]} with chrono bias, "
        f"and {counts[TANH]} tanh networks, whose best loss was {100 * left:.2g} % of the variance"
    )


def _solved(courses: list[np.ndarray]) -> str:
    reached = [updates_to(shares, EVERY) for shares in courses]
    return f"{np.isfinite(reached).sum()} of {len(reached)}"


def _scaling(axis: Any, results: Results) -> None:
    lengths, budget = results.curves["lengths"], int(results.curves["budget"])
    never, middle = 1.45 * budget, (len(LOOKS) - 1) / 2
    for i, (name, (colour, marker)) in enumerate(LOOKS.items()):
        places, medians = [], []
        for length in lengths:
            reached = np.array([updates_to(shares, EVERY) for shares in courses_of(results.curves, name, length)])
            if not len(reached):
                continue
            place = length * DODGE ** (i - middle)
            solved = np.isfinite(reached)
            axis.plot(np.full(solved.sum(), place), reached[solved], marker, color=colour, markersize=6, alpha=0.7)
            if not solved.all():
                axis.plot(place, never, marker, color=colour, markersize=7, fillstyle="none", clip_on=False)
                axis.text(place, 1.12 * never, f"{(~solved).sum()}", ha="center", va="bottom", fontsize=9, color=colour)
            places.append(place)
            medians.append(np.median(reached))
        # a median of infinity draws no line
        axis.plot(places, medians, color=colour, marker=marker, linewidth=1.3, markersize=1, label=name)
    axis.axhline(budget, color="0.4", linestyle=":", linewidth=1)
    axis.text(lengths[-1], 1.03 * budget, "not within the budget, seeds:", fontsize=9, color="0.3", ha="right", va="bottom")
    axis.set(xscale="log", yscale="log", xlabel="T, steps of a sequence", ylabel="updates to a loss below 1 % of the variance")
    axis.set(title="(a) every seed, and medians", xlim=(0.8 * lengths[0], 2.7 * lengths[-1]), ylim=(None, 1.6 * never))
    axis.set_xticks(lengths, [str(length) for length in lengths])
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
    handles = [
        Line2D([], [], color=colour, marker=marker, linewidth=1.3, label=name) for name, (colour, marker) in LOOKS.items()
    ]
    axis.legend(handles=handles, loc="lower right")


def _courses(axis: Any, results: Results) -> None:
    length = results.curves["lengths"][-1]
    for name, (colour, _) in LOOKS.items():
        for i, shares in enumerate(courses_of(results.curves, name, length)):
            updates = EVERY * np.arange(1, 1 + len(shares))
            axis.plot(updates, np.clip(shares, 1e-3, 4), color=colour, linewidth=1.2, label=None if i else name)
    axis.axhline(1, color="0.4", linestyle="--", linewidth=1)
    axis.axhline(SOLVED, color="0.4", linestyle=":", linewidth=1)
    axis.set(xscale="log", yscale="log", xlabel="updates", ylabel="loss / variance of the target")
    axis.set(title=f"(b) every seed at T = {length}")
    axis.legend(loc="lower left")
