"""The figure of `warp`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.warp.findings import ANSWERED, DONE, farthest, losses
from experiments.warp.networks import FORMS, NETWORKS

COLOURS = dict(zip(NETWORKS, PALETTE, strict=False))
MARKERS = dict(zip(NETWORKS, "osD", strict=True))
BOUNDS = (1e-3, 4.0)
"""Of the axis of losses; what lies beyond is drawn at its ends."""
LASTS = dict(zip(FORMS, ("each character lasts as long", "from 1 step to so many for each"), strict=True))


def plot(results: Results) -> Any:
    """Draws every seed's loss against the warp, uniform and variable."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.4), layout="constrained", sharey=True)
    for axis, letter, form in zip(axes, "ab", FORMS, strict=True):
        _panel(axis, results, form)
        axis.set_title(f"({letter}) {form}: {LASTS[form]}")
    axes[0].set_ylabel("loss (nats)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(NETWORKS))
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """Says up to which warp every network answers in all seeds."""
    reached = {name: [farthest(results, name, form) or "none" for form in FORMS] for name in NETWORKS}
    found = ", ".join(f"{name} {uniform} and {variable}" for name, (uniform, variable) in reached.items())
    return f"Longest uniform and variable warp at which every seed tells the character before the current one: {found}"


def _panel(axis: Any, results: Results, form: str) -> None:
    warps = results.curves["warps"]
    places = np.arange(len(warps))
    for i, name in enumerate(NETWORKS):
        found = np.array(list(losses(results, name, form).values())).clip(*BOUNDS)
        shift = 0.08 * (i - 1)
        look = {"color": COLOURS[name], "marker": MARKERS[name], "markersize": 5}
        axis.plot(np.repeat(places + shift, found.shape[1]), found.ravel(), linestyle="none", alpha=0.6, **look)
        axis.plot(places + shift, found.mean(axis=1), color=COLOURS[name], linewidth=1.5)
        axis.plot([], [], label=f"{name}: seeds, and their mean", **look)
    heights = {"best answer without memory": float(results.curves["memoryless"])}
    heights |= {f"answered: {ANSWERED:g}": ANSWERED, f"training ends: {DONE:g}": DONE}
    for words, height in heights.items():
        axis.axhline(height, color="0.4", linestyle="--", linewidth=1)
        axis.text(places[0] - 0.2, height * 1.06, words, fontsize=9, color="0.3", va="bottom")
    axis.set_xticks(places, [str(warp) for warp in warps])
    axis.set(yscale="log", xlabel="warp (steps)", ylim=BOUNDS)
    ticks = (0.001, 0.01, 0.1, 1)
    axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
