"""The figure of `reber`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.reber.findings import GUESSES, KNOWS, knowing, online, ratio
from experiments.reber.trials import FORGET, NETWORKS, NONE, TOLD

COLOURS = dict(zip(NETWORKS, (PALETTE[0], PALETTE[1], PALETTE[2]), strict=True))
MARKERS = dict(zip(NETWORKS, "os^", strict=True))
LINES = dict(zip(NETWORKS, ("-", "--", ":"), strict=True))
NAMES = {FORGET: "forget gate", NONE: "no forget gate", TOLD: "no forget gate,\nreset at strings"}
BLOCK = 100
"""Windows whose outer symbols make one point of a curve, at most."""


def plot(results: Results) -> Any:
    """Draws outer accuracies when tested and while learning, and size and saturation of c along the stream."""
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 8), layout="constrained")
    _tested(axes[0, 0], results)
    _online(axes[0, 1], results)
    _size(axes[1, 0], results)
    _saturation(axes[1, 1], results)
    handles, labels = axes[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """Says how many networks remember with and without a forget gate, how large c is, and what more updates change."""
    _, windows = results.curves["steps"]
    rounds, count = results.curves[f"accuracy/{NONE}"].shape
    larger = ratio(results).middle
    times = f"{larger:,.0f}" if larger >= 10 else f"{larger:.1f}"
    text = (
        f"After {windows:,} updates {knowing(results, FORGET)} of {count} LSTMs with a forget gate tell the outer symbol "
        f"{100 * KNOWS:.0f} % of the time, {knowing(results, NONE)} of {count} without, whose c is {times} times as large"
    )
    if rounds == 1:
        return text
    later = (knowing(results, network, rounds - 1) for network in (FORGET, NONE))
    return f"{text}; after {rounds * windows:,} updates it is " + " and ".join(map(str, later))


def _tested(axis: Any, results: Results) -> None:
    """A column of points per kind; beside it, hollow, the same networks with c held."""
    for i, network in enumerate(NETWORKS):
        scores, held = (results.curves[f"{name}/{network}"][0] for name in ("accuracy", "held"))
        spread = np.linspace(-0.12, 0.12, len(scores))
        look = {"color": COLOURS[network], "marker": MARKERS[network], "linestyle": "none", "markersize": 6}
        axis.plot(i - 0.18 + spread, np.sort(scores), **look)
        axis.plot(i + 0.18 + spread, held[np.argsort(scores)], markerfacecolor="white", **look)
    axis.plot([], [], "ko", label="reading on")
    axis.plot([], [], "ko", markerfacecolor="white", label="c held at what it was")
    for level, text in ((KNOWS, "remembers"), (GUESSES, "guesses")):
        axis.axhline(level, color="grey", linestyle="--", linewidth=1)
        axis.text(2.42, level - 0.006, text, ha="right", va="top", fontsize=9, color="0.3")
    axis.axhline(0.5, color="grey", linestyle=":", linewidth=1)
    axis.set_xticks(range(len(NETWORKS)), NAMES.values())
    axis.set(xlim=(-0.45, 2.45), ylim=(0.3, 1.03), ylabel="outer accuracy (chance 0.5)")
    axis.set_title(f"(a) Each network after {results.curves['steps'][1]:,} updates, sorted")
    axis.legend(loc="lower center", ncols=2)


def _online(axis: Any, results: Results) -> None:
    _, windows = results.curves["steps"]
    block = min(BLOCK, len(results.curves[f"right/{NONE}"]))
    for network in NETWORKS:
        found = online(results, network, block)
        places = block * (np.arange(len(found)) + 0.5)
        axis.plot(places, found, color=COLOURS[network], linewidth=0.6, alpha=0.35)
        axis.plot(places, found.mean(axis=1), LINES[network], color=COLOURS[network], linewidth=2.5)
    axis.axvline(windows, color="grey", linewidth=1)
    axis.axhline(0.5, color="grey", linestyle=":", linewidth=1)
    axis.set(xlabel=f"updates; panel (a) tests at {windows:,}", ylabel="outer accuracy of what comes next", ylim=(0.3, 1.03))
    axis.set_title(f"(b) While learning: means over {block} windows")


def _size(axis: Any, results: Results) -> None:
    for network in NETWORKS:
        steps, logs = _stretches(results, np.log(results.curves[f"growth/{network}"]))
        axis.plot(steps, np.exp(logs), color=COLOURS[network], linewidth=0.6, alpha=0.35)
        mean, label = np.exp(logs.mean(axis=1)), NAMES[network].replace("\n", " ")
        axis.plot(steps, mean, LINES[network], color=COLOURS[network], linewidth=2.5, label=label)
    axis.set(xscale="log", yscale="log", xlabel="symbols read", ylabel="root mean square of c over units")
    axis.set_title(f"(c) Size of c: without a forget gate {_growth(results)}")


def _stretches(results: Results, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of `[window, network]` over ever longer stretches of windows, and the symbols read by the middle of each."""
    first = np.unique(np.geomspace(1, len(values) + 1, 40)[:-1].astype(int)) - 1
    counts = np.diff([*first, len(values)])
    return results.curves["steps"][0] * (first + (counts + 1) / 2), np.add.reduceat(values, first) / counts[:, None]


def _growth(results: Results) -> str:
    """Over the last half of the stream; a sum of steady inputs would be twice as large."""
    values = results.curves[f"growth/{NONE}"]
    if len(values) < 2:
        return "seen once"
    factor = np.exp(np.log(values[-1] / values[len(values) // 2 - 1]).mean())
    return f"{factor:.1f} times as large in twice the time"


def _saturation(axis: Any, results: Results) -> None:
    for network in NETWORKS:
        steps, shares = _stretches(results, results.curves[f"saturation/{network}"])
        axis.plot(steps, shares, color=COLOURS[network], linewidth=0.6, alpha=0.35)
        axis.plot(steps, shares.mean(axis=1), LINES[network], color=COLOURS[network], linewidth=2.5)
    last = {network: results.curves[f"saturated/{network}"][0].mean() for network in (FORGET, NONE)}
    axis.set(xscale="log", xlabel="symbols read", ylabel="share of units with tanh'(c) < 0.1", ylim=(-0.03, 1.03))
    axis.set_title(f"(d) Saturated in (a): {100 * last[FORGET]:.0f} % with a forget gate, {100 * last[NONE]:.0f} % without")
