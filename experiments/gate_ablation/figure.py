"""The figure of `gate_ablation`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.common.intervals import of_mean
from experiments.gate_ablation.findings import NFG, difference, nearest_to_last, scores
from experiments.gate_ablation.trials import ADDING, BIAS_0, REBER, RERUN, VANILLA, VARIANTS

COLOURS = {VANILLA: PALETTE[6], NFG: PALETTE[1], "CIFG": PALETTE[0], "NP": PALETTE[2]}
"""Of the variants that criteria speak of; the others are grey."""


def plot(results: Results) -> Any:
    """Draws every network's score, and below it the differences from V, network by network."""
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 9.5), layout="constrained")
    for column, task in enumerate((REBER, ADDING)):
        _scores(axes[0, column], results, task)
        _differences(axes[1, column], results, task)
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """Says whether NFG is last on streams, and which of CIFG and NP differ from V."""
    nearest, lead = nearest_to_last(results)
    last = "is last" if lead.low > 0 else f"is not surely last (nearest: {nearest})"
    words = [f"{variant} {_against(results, variant)}" for variant in ("CIFG", "NP")]
    return f"On a stream the LSTM without a forget gate (NFG) {last}; " + ", ".join(words)


def _against(results: Results, variant: str) -> str:
    found = {task: difference(results, task, variant) for task in (REBER, ADDING)}
    better = [task for task, one in found.items() if one.low > 0]
    worse = [task for task, one in found.items() if one.high < 0]
    parts = [f"{word} than V on {' and '.join(tasks)}" for word, tasks in (("better", better), ("worse", worse)) if tasks]
    return "is " + " and ".join(parts) if parts else "is not told apart from V"


def _scores(axis: Any, results: Results, task: str) -> None:
    for place, variant in enumerate(VARIANTS):
        values = scores(results, task, variant)
        shown, (low, middle, high) = _shown(task, values), _shown(task, np.array(of_mean(values)))
        colour = COLOURS.get(variant, "0.45")
        spread = np.linspace(-0.2, 0.2, len(shown))
        axis.plot(np.sort(shown), place + spread, "o", color=colour, markersize=4, alpha=0.6)
        axis.plot([low, high], [place, place], color=colour, linewidth=1.5)
        axis.plot(middle, place, "D", color=colour, markersize=7, markeredgecolor="white")
        if task == ADDING and variant in RERUN:
            axis.plot(RERUN[variant], place + 0.32, "x", color=PALETTE[4], markersize=6)
    axis.plot([], [], "o", color="0.45", markersize=4, alpha=0.6, label="network")
    axis.plot([], [], "D-", color="0.45", label="mean, 95 %" if task == REBER else "geometric mean, 95 %")
    axis.set_yticks(range(len(VARIANTS)), list(VARIANTS))
    axis.invert_yaxis()
    if task == REBER:
        axis.axvline(0.5, color="grey", linestyle=":", linewidth=1)
        axis.set(title="(a) Continual Reber", xlabel="outer accuracy (chance 0.5)")
    else:
        chance = float(results.curves["chance"])
        axis.axvline(chance, color="grey", linestyle=":", linewidth=1)
        axis.plot([], [], "x", color=PALETTE[4], label="published re-run, median of 3")
        axis.set(xscale="log", title="(b) Adding, T = 50", xlabel=f"squared error (chance {chance:.3f})")
    axis.legend(loc="upper center", bbox_to_anchor=(0.45, -0.11), ncols=3)


def _shown(task: str, values: np.ndarray) -> np.ndarray:
    return values if task == REBER else 10.0 ** -np.asarray(values)


def _differences(axis: Any, results: Results, task: str) -> None:
    others = [variant for variant in VARIANTS if variant != VANILLA]
    for place, variant in enumerate(others):
        low, middle, high = difference(results, task, variant)
        colour = COLOURS.get(variant, "0.45")
        axis.errorbar(middle, place, xerr=[[middle - low], [high - middle]], fmt="D", color=colour, capsize=4)
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_yticks(range(len(others)), others)
    axis.invert_yaxis()
    if task == REBER:
        axis.set(title="(c) Minus V: mean, 95 %, by network", xlabel="difference in outer accuracy")
    else:
        found = difference(results, task, BIAS_0)
        sign = "below V" if found.high < 0 else "above V" if found.low > 0 else "not told apart from V"
        axis.set(title=f"(d) Minus V; forget bias 0 is {sign}", xlabel="orders of magnitude by which the error is less")
