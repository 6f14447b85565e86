"""The figure of `remedies`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.remedies.findings import NEVER, Finding, findings
from experiments.remedies.measures import LOST
from experiments.remedies.networks import FAMILIES, REMEDIES, VANILLA

COLUMNS = 5
COLOURS = {"none": PALETTE[6]} | dict(zip(FAMILIES, PALETTE, strict=False))
FLOOR = -12.0
"""log10, at which curves are cut off."""
GAP = 0.045
"""Decades between two names."""


def plot(results: Results) -> Any:
    """Draws every remedy's gradient before and after training; horizon against updates; exponents; singular values; costs."""
    found = findings(results)
    rows = -(-len(found) // COLUMNS)
    figure = plt.figure(figsize=(WIDTH, 1.75 * rows + 7.6), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=(1.75 * rows, 7.6))
    top, bottom = parts
    axes = top.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    for axis, (name, finding) in zip(axes.ravel(), found.items(), strict=False):
        _decay(axis, name, finding, results)
    top.suptitle("(a) how gradients decay, and in how many seeds the task is solved", fontsize=10.5)
    for axis in axes.ravel()[len(found) :]:
        axis.axis("off")
    top.supxlabel("lag k (steps before the end)", fontsize=10, x=0.2)
    top.supylabel("gradient at lag k over that at lag 1 (log10)", fontsize=10)
    _legend(top, axes[0, 0])
    first, second, third, last = bottom.subplots(1, 4, width_ratios=(1.6, 0.9, 0.7, 0.7))
    _scatter(first, found, results)
    _before_and_after(second, found, "exponent", "(c) largest Lyapunov\nexponent")
    second.axvline(0, color="0.7", linewidth=0.8, zorder=0)
    second.set(xlabel="nats per step")
    second.set_yticks(range(len(found)), list(found))
    _before_and_after(third, found, "kept", "(d) directions of the\nstate that last")
    third.set(xlabel="singular values > 0.01", xlim=(-0.05, 1.05))
    _costs(last, found)
    headline(figure, finding_of(results))
    return figure


def finding_of(results: Results) -> str:
    """Says which remedies let the task be solved, and which do not."""
    found = findings(results)
    lag = int(results.curves["length"]) - 1
    failed = [name for name, one in found.items() if one.solved < one.seeds]
    fastest = min(found, key=lambda name: found[name].updates)
    count = len(found) - len(failed)
    best = f"; {fastest} in the fewest updates, {found[fastest].updates:.0f}" if count else ""
    rest = f". Not in every seed: {', '.join(failed)}" if failed else ""
    return f"What lets a network remember for {lag} steps: {count} of {len(found)} solve the task in all seeds{best}{rest}"


def _decay(axis: Any, name: str, finding: Finding, results: Results) -> None:
    colour = COLOURS[REMEDIES[name].family]
    for decay, style in ((finding.before, "--"), (finding.after, "-")):
        axis.plot(np.arange(1, len(decay) + 1), np.maximum(decay, FLOOR), style, color=colour, linewidth=1.6)
    axis.axhline(LOST, color="0.7", linewidth=0.8, zorder=0)
    updates = "not solved" if finding.solved == 0 else f"{finding.solved}/{finding.seeds} solved"
    axis.set_title(f"{name}\n{updates}", fontsize=9)
    axis.set(ylim=(FLOOR, 4), xlim=(0, int(results.curves["length"])))


def _legend(top: Any, axis: Any) -> None:
    """What the lines mean, below the panels."""
    axis.plot([], [], "--", color="0.3", label="before training")
    axis.plot([], [], "-", color="0.3", label="after training")
    axis.plot([], [], "-", color="0.7", linewidth=0.8, label="a hundredth is left")
    top.legend(*axis.get_legend_handles_labels(), loc="outside lower right", ncols=3)


def _scatter(axis: Any, found: dict[str, Finding], results: Results) -> None:
    """Horizon at the start against updates; those that do not solve the task stand at the top."""
    top = 1.6 * int(results.curves["updates"])
    for name, finding in found.items():
        height = top if finding.updates == NEVER else finding.updates
        axis.plot(finding.horizon_before, height, "o", color=COLOURS[REMEDIES[name].family], markersize=6)
    _label(axis, found, top)
    axis.set(yscale="log", xlabel="horizon before training (steps)", ylabel="updates until solved, median", xlim=(-2, None))
    axis.axhline(top, color="0.7", linewidth=0.8, zorder=0)
    axis.text(0.01, top * 1.03, "not solved", fontsize=9, color="0.4", transform=axis.get_yaxis_transform(), va="bottom")
    for family in FAMILIES:
        axis.plot([], [], "o", color=COLOURS[family], label=family)
    axis.legend(loc="lower left")
    axis.set_title("(b) how far gradients reach, and what is learned")


def _label(axis: Any, found: dict[str, Finding], top: float) -> None:
    """Names beside the points, from the highest to the lowest, each a little below the one before."""
    placed = np.inf
    for name in sorted(found, key=lambda name: -min(found[name].updates, top)):
        height = min(found[name].updates, top)
        placed = min(np.log10(height), placed - GAP)
        axis.annotate(
            name, (found[name].horizon_before, height), (1.02, 10**placed), textcoords=("axes fraction", "data"), fontsize=9,
            va="center", arrowprops={"arrowstyle": "-", "color": "0.8", "linewidth": 0.6},
        )  # fmt: skip


def _before_and_after(axis: Any, found: dict[str, Finding], key: str, title: str) -> None:
    """An open circle before training, a full one after it, for every remedy."""
    for place, (name, finding) in enumerate(found.items()):
        before, after = (getattr(finding, f"{key}_{when}") for when in ("before", "after"))
        colour = COLOURS[REMEDIES[name].family]
        axis.plot([before, after], [place, place], color=colour, linewidth=1)
        axis.plot(before, place, "o", color=colour, markersize=6, markerfacecolor="white")
        axis.plot(after, place, "o", color=colour, markersize=6)
    axis.set(ylim=(len(found) - 0.5, -0.5))
    axis.set_yticks(range(len(found)), [""] * len(found))
    axis.set_title(f"{title}\nbefore (open), after")


def _costs(axis: Any, found: dict[str, Finding]) -> None:
    names = list(found)
    costs = [found[name].cost / found[VANILLA].cost for name in names]
    axis.barh(range(len(names)), costs, color=[COLOURS[REMEDIES[name].family] for name in names])
    axis.set(xlabel="times that of none", ylim=(len(names) - 0.5, -0.5))
    axis.set_yticks(range(len(names)), [""] * len(names))
    axis.set_title("(e) time of a step,\nforward and back")
