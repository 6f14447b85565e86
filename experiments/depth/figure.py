"""The figure of `depth`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullLocator

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.common.intervals import of_mean
from experiments.depth import findings

LOOKS = {"plain": (PALETTE[1], "s", "--"), "residual": (PALETTE[0], "o", "-"), "dense": (PALETTE[2], "^", "-.")}
"""Colour, marker and line of every kind."""
TICKS = (0, 1, 3, 10, 30, 100)


def plot(results: Results) -> Any:
    """Draws errors against depth, and what deleted layers cost."""
    figure, (tested, trained, deleted) = plt.subplots(1, 3, figsize=(WIDTH, 4.6), layout="constrained")
    _by_depth(tested, results, "accuracy")
    linear = 100 * (1 - results.summary["logistic regression"])
    tested.axhline(linear, color="0.5", linestyle=(0, (5, 2)), linewidth=1, label="logistic regression")
    tested.set(title="(a) Test digits")
    tested.legend(loc="upper left", handlelength=3)
    _by_depth(trained, results, "training")
    trained.set(title="(b) Training digits")
    _deleted(deleted, results)
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """Says in words what the intervals tell apart."""
    deepest, costs = findings.depths(results)[-1], {key: findings.cost(results, *key) for key in findings.cut(results)}
    gain, skip = findings.gain(results, "residual", deepest), costs["residual", deepest]
    (depth, plain) = next((depth, cost) for (kind, depth), cost in costs.items() if kind == "plain")
    place = "falls behind" if gain.low > 0 else "is ahead of" if gain.high < 0 else "is not told apart from"
    worth = "less than" if skip.high < plain.low else "more than" if skip.low > plain.high else "not surely less than"
    return (
        f"With {deepest} layers, each at its own learning rate, a plain stack {place} a residual one; deleting the median "
        f"layer costs the residual stack {worth} a plain one of {depth} layers ({100 * skip.middle:.0f} against "
        f"{100 * plain.middle:.0f} points of accuracy)"
    )


def _by_depth(axis: Any, results: Results, name: str) -> None:
    depths = findings.depths(results)
    for shift, (kind, (colour, marker, line)) in zip((0.94, 1.0, 1.06), LOOKS.items(), strict=True):
        found = np.array([of_mean(100 * (1 - results.curves[f"{name}/{kind}/{depth}"])) for depth in depths])
        errors = np.abs(found[:, [0, 2]] - found[:, [1]]).T
        look = {"color": colour, "marker": marker, "linestyle": line, "markersize": 5, "capsize": 3}
        axis.errorbar(shift * np.array(depths), found[:, 1], yerr=errors, label=kind, **look)
    axis.set_xscale("log", base=2)
    axis.set_xticks(depths, [str(depth) for depth in depths])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_yscale("symlog", linthresh=1)
    axis.set_yticks(TICKS, [str(tick) for tick in TICKS])
    axis.yaxis.set_minor_locator(NullLocator())
    axis.set(xlabel="layers", ylabel="wrong digits (%): mean, 95 % interval", ylim=(0, 100))


def _deleted(axis: Any, results: Results) -> None:
    cut = findings.cut(results)
    for kind, depth in cut:
        colour, marker, line = LOOKS[kind]
        deepest = depth == max(other for same, other in cut if same == kind)
        found = 100 * np.array([of_mean(values) for values in results.curves[f"lost/{kind}/{depth}"].T])
        look = {"color": colour, "linestyle": line, "marker": marker, "markersize": 4}
        look |= {} if deepest else {"markerfacecolor": "white", "linestyle": ":"}
        layers = np.arange(2, depth + 1)
        axis.plot(layers, found[:, 1], label=f"{kind}, {depth} layers", **look)
        axis.fill_between(layers, found[:, 0], found[:, 2], color=colour, alpha=0.18, linewidth=0)
    axis.axhline(0, color="0.5", linewidth=0.8)
    axis.set(title="(c) One layer deleted", xlabel="the layer deleted, from the bottom")
    axis.set(ylabel="test accuracy lost (points): mean, 95 % interval", ylim=(-8, 112))
    axis.legend(loc="upper right", handlelength=3)
