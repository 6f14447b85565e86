"""The figure of `skips`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline, lead
from experiments.common.intervals import of_mean
from experiments.skips.comparisons import delays_of, gain, growth, measured, networks_of, order, scores
from experiments.skips.networks import PLAIN, PUBLISHED

MARKERS = "osD^v"
STYLES = ("-", "--", "-.", ":", (0, (5, 1)))


def plot(results: Results) -> Any:
    """Draws accuracies by measured skip coefficient, one line per delay, and gradients by lag with the most blank steps."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 5.4), layout="constrained")
    _accuracies(axes[0], results)
    _gradients(axes[1], results)
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """Says how the longest skip compares with the shortest and with none, how its lead changes, and if s gives the order."""
    compared, delays = networks_of(results), delays_of(results)
    best, longest = compared[-1], delays[-1]
    leads = " and ".join(
        f"{lead(gain(results, longest, best, other))} {'a plain network' if other == PLAIN else other.name}"
        for other in dict.fromkeys((PLAIN, compared[1]))
        if other != best
    )
    found = f"{longest} blank steps after a digit, {best.name} (s = {measured(results, best):g}) is {leads}"
    if len(delays) > 1:
        change = growth(results, best)
        grows = "grows" if change.low > 0 else "shrinks" if change.high < 0 else "does not surely change"
        found += f"; its lead over the plain one {grows} with the delay"
    ranks = order(results, longest, compared)
    return f"{found}; the rank correlation of accuracy with s is {ranks.middle:.2f} [{ranks.low:.2f}, {ranks.high:.2f}]"


def _accuracies(axis: Any, results: Results) -> None:
    compared = networks_of(results)
    coefficients = np.array([measured(results, kind) for kind in compared])
    for index, blanks in enumerate(delays_of(results)):
        low, middle, high = np.array([of_mean(scores(results, blanks, kind)) for kind in compared]).T
        look = {"color": PALETTE[index % 6], "marker": MARKERS[index % 5], "markersize": 6, "capsize": 3}
        bars = [middle - low, high - middle]
        axis.errorbar(coefficients, middle, bars, label=f"digits, {blanks} blank steps", linestyle=STYLES[index % 5], **look)
    axis.plot(*zip(*PUBLISHED.items(), strict=True), color="0.5", marker="x", label="sequential MNIST, published", zorder=1)
    logistic = float(results.curves["logistic"])
    axis.axhline(logistic, color="0.6", linestyle="--", linewidth=1, label="logistic regression, all pixels, fixed split")
    axis.axhline(0.1, color="0.6", linestyle=":", linewidth=1, label="chance")
    ticks = np.unique(coefficients)
    axis.set_xscale("log")
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.set(
        title="(a) Accuracy on test digits: mean and its 95 % interval over runs",
        xlabel="measured skip coefficient s: steps per edge of the shortest path",
        ylabel="accuracy",
        ylim=(0, 1.03),
    )
    axis.legend(loc="upper center", bbox_to_anchor=(0.47, -0.15), ncols=2)


def _largest(decays: np.ndarray, window: int) -> np.ndarray:
    """The largest of so many neighbours from each lag on: a skip of d passes gradients on in steps of d."""
    return np.lib.stride_tricks.sliding_window_view(decays, min(window, len(decays))).max(axis=-1)


def _gradients(axis: Any, results: Results) -> None:
    longest, compared = delays_of(results)[-1], networks_of(results)
    for i, kind in enumerate(compared):
        decays = np.median(results.curves[f"decay/{longest}/{kind.name}"], axis=0)
        look = {"color": PALETTE[i % len(PALETTE)], "linestyle": STYLES[i % len(STYLES)], "linewidth": 1.5}
        axis.plot(_largest(decays, kind.skip), label=f"{kind.name}, s = {measured(results, kind):g}", **look)
    axis.axvline(longest, color="lightgrey", linewidth=0.8, zorder=0)
    axis.set(
        title=f"(b) Gradient of the loss after training, {longest} blank steps",
        xlabel="lag: steps before the end; the digit lies beyond the grey line",
        ylabel="log10 of its norm over that at lag 0: median,\nlargest of the d lags from here on",
    )
    axis.legend(loc="upper center", bbox_to_anchor=(0.47, -0.15), ncols=3)
