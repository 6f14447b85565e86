"""The figure of `copy_memory`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.copy_memory.networks import EVERY, LSTM, NETWORKS
from experiments.copy_memory.scores import best_share, courses_of

LOOKS = dict(zip(NETWORKS, PALETTE, strict=False))


def plot(results: Results) -> Any:
    """Draws every training's loss, as a share of the memoryless one, against updates; and where each network got to."""
    figure, (courses, ends) = plt.subplots(
        1, 2, figsize=(WIDTH, 4.6), layout="constrained", gridspec_kw={"width_ratios": (1.7, 1)}
    )
    _courses(courses, results)
    _ends(ends, results)
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """Says which networks solved the task in every seed, and where the LSTM stayed."""
    worst = {name: max(map(best_share, courses_of(results.curves, name))) for name in NETWORKS}
    solved = [f"{name.replace(', ', ' (')})" for name in NETWORKS if worst[name] <= 0.01]
    others = (
        " and ".join(", ".join(solved).rsplit(", ", 1))
        if 0 < len(solved) < len(NETWORKS)
        else "all networks"
        if solved
        else "no network"
    )
    lstm = min(map(best_share, courses_of(results.curves, LSTM)))
    return (
        f"Across {results.curves['length']:g} blanks, {others} reached 1 % of the loss without memory in every seed; the LSTM "
        f"with bias 1 got to {100 * lstm:.3g} % at best, with chrono bias to {100 * worst['LSTM, chrono']:.3g} % at worst"
    )


def _courses(axis: Any, results: Results) -> None:
    longest = 0
    for name, colour in LOOKS.items():
        for shares in courses_of(results.curves, name):
            updates = EVERY * np.arange(1, 1 + len(shares))
            axis.plot(updates, np.clip(shares, 1e-3, 4), color=colour, linewidth=1.2)
            longest = max(longest, updates[-1])
    axis.axhline(1, color="0.4", linestyle="--", linewidth=1)
    axis.axhline(0.01, color="0.4", linestyle=":", linewidth=1)
    axis.text(longest, 1.06, "best answer without memory", ha="right", va="bottom", fontsize=9, color="0.3")
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="updates",
        ylabel="loss / loss without memory",
        title="(a) every seed, colours as in (b)",
    )


def _ends(axis: Any, results: Results) -> None:
    for i, (name, colour) in enumerate(LOOKS.items()):
        ends = [best_share(shares) for shares in courses_of(results.curves, name)]
        axis.plot(np.clip(ends, 1e-3, 4), np.full(len(ends), -i), "o", color=colour, markersize=6, alpha=0.8)
    axis.axvline(1, color="0.4", linestyle="--", linewidth=1)
    axis.axvline(0.01, color="0.4", linestyle=":", linewidth=1)
    axis.set_yticks([-i for i in range(len(LOOKS))], list(LOOKS))
    axis.set(xscale="log", xlabel="best loss / loss without memory", title="(b) where each seed got to")
