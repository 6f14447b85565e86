"""The figure of `spectral_margin`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline, lead
from experiments.common.intervals import of_mean
from experiments.spectral_margin.comparisons import behind_all, best_interior, gain, scores
from experiments.spectral_margin.networks import FREE, GLOROT, INTERIOR, KINDS, ORTHOGONAL, PUBLISHED, WIDEST, Kind

COLOURS = dict(zip(KINDS, (PALETTE[6], PALETTE[5], PALETTE[0], PALETTE[2], PALETTE[4], PALETTE[1], PALETTE[3]), strict=True))
STYLES = dict(zip(KINDS, ("-", (0, (1, 1)), "--", "-", "-.", (0, (5, 1)), ":"), strict=True))
NAMES = {FREE: "free,\northog.", GLOROT: "free,\nGlorot"}
SMALLEST = 1e-4
"""Distance from 1 below which the axis of singular values is linear."""


def plot(results: Results) -> Any:
    """Draws accuracies by margin beside the published ones, singular values after training, and gradients by lag."""
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 4.8), layout="constrained", gridspec_kw={"width_ratios": (1.2, 1.2, 1)})
    _accuracies(axes[0], results)
    _singular_values(axes[1], results)
    _gradients(axes[2], results)
    figure.legend(
        *axes[2].get_legend_handles_labels(), loc="outside lower right", ncols=len(KINDS), title="(c): margin, or a free W"
    )
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """Says how the best margin between 0 and 1 compares with the ends of the curve, and whether Glorot's start is the worst."""
    best = best_interior(results)
    worst = "is behind all others" if behind_all(results).low > 0 else "is not surely behind all others"
    margins = [f"{kind.margin:g}" for kind in INTERIOR]
    return (
        f"Of the margins {', '.join(margins[:-1])} and {margins[-1]} validation digits prefer {best.margin:g}: it is "
        f"{lead(gain(results, best, ORTHOGONAL))} an orthogonal W, {lead(gain(results, best, WIDEST))} margin 1 and "
        f"{lead(gain(results, best, FREE))} a free W with an orthogonal start; Glorot's start {worst}"
    )


def _accuracies(axis: Any, results: Results) -> None:
    found = np.array([of_mean(scores(results, kind)) for kind in KINDS])
    low, middle, high = found.T
    places = np.arange(len(KINDS))
    margins = np.array([kind.margin is not None for kind in KINDS])
    for part in (margins, ~margins):
        bounds = [middle[part] - low[part], high[part] - middle[part]]
        look = {"color": PALETTE[0], "marker": "o", "markersize": 6, "capsize": 3, "linestyle": "-" if part[0] else "none"}
        axis.errorbar(places[part], middle[part], bounds, label="digits: mean, 95 % interval" if part[0] else None, **look)
        published = np.array(list(PUBLISHED.values()))[part] / 100
        look = {"color": "0.5", "marker": "D", "markersize": 5, "linestyle": ":" if part[0] else "none"}
        axis.plot(places[part], published, label="sequential MNIST, published" if part[0] else None, **look)
    axis.axhline(0.1, color="0.6", linestyle="--", linewidth=1)
    axis.text(0, 0.085, "chance", va="top", fontsize=9, color="0.3")
    axis.set(title="(a) Accuracy on test digits", ylabel="accuracy", ylim=(0, 1.03))
    axis.legend(loc="lower left", bbox_to_anchor=(0.01, 0.12))
    _name_places(axis)


def _singular_values(axis: Any, results: Results) -> None:
    for place, kind in enumerate(KINDS):
        if kind.margin is not None:
            allowed = {"color": "0.85", "label": "allowed" if kind is ORTHOGONAL else None}
            axis.bar(place, 2 * kind.margin, bottom=-kind.margin, width=0.8, **allowed)
        distances = results.curves[f"singular/{kind.name}"] - 1
        low, lower, middle, upper, high = np.quantile(distances, (0, 0.25, 0.5, 0.75, 1), axis=1).mean(axis=1)
        axis.plot([place, place], [low, high], color=COLOURS[kind], linewidth=1.5)
        axis.plot([place, place], [lower, upper], color=COLOURS[kind], linewidth=7, solid_capstyle="butt")
        axis.plot(place, middle, "o", color="white", markeredgecolor="black", markersize=5)
    axis.set_yscale("symlog", linthresh=SMALLEST)
    ticks = [sign * 10.0**power for sign in (-1, 1) for power in (-3, -2, -1, 0)]
    axis.set_yticks([*ticks, 0], [f"{tick:+g}" for tick in ticks] + ["0"])
    axis.axhline(0, color="black", linewidth=0.6)
    axis.set(title="(b) Singular values s of W after training", ylabel="s - 1: range, quartiles, median", ylim=(-3, 3))
    axis.legend(loc="upper left")
    _name_places(axis)


def _gradients(axis: Any, results: Results) -> None:
    for kind in KINDS:
        decays = results.curves[f"decay/{kind.name}"]
        look = {"color": COLOURS[kind], "linestyle": STYLES[kind], "linewidth": 1.8}
        axis.plot(np.median(decays, axis=0), label=_short(kind).replace("\n", " "), **look)
    axis.set(
        title="(c) Gradient after training",
        xlabel="lag (steps before the end)",
        ylabel="log10 of its norm over that at lag 0: median",
    )


def _name_places(axis: Any) -> None:
    axis.set_xticks(range(len(KINDS)), [_short(kind) for kind in KINDS], fontsize=8.5)
    axis.axvline(len(KINDS) - 2.5, color="lightgrey", linewidth=0.8)
    axis.set_xlabel("margin of the singular values, or none")


def _short(kind: Kind) -> str:
    return NAMES[kind] if kind.margin is None else f"{kind.margin:g}"
