"""The figure of `digits`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, headline, lead
from experiments.common.intervals import Interval, of_mean
from experiments.digits.cells import NETWORKS
from experiments.digits.comparisons import LOGISTIC, OLDER, gain, growth, scores
from experiments.digits.trials import Setting

COLOURS = dict(zip(NETWORKS, (PALETTE[6], PALETTE[5], PALETTE[4], PALETTE[1], PALETTE[2]), strict=True))
MARKERS = dict(zip(NETWORKS, "os^Dv", strict=True))
STYLES = dict(zip(NETWORKS, (":", "--", "-.", "-", (0, (5, 1))), strict=True))
GATED = "GRU orthogonal"


def plot(results: Results):
    """Draws test accuracies by delay, and what the orthogonal GRU gains over the other networks."""
    delays = list(dict.fromkeys(row["delay"] for row in results.rows if row["reading"] == "row by row"))
    settings = [Setting("row by row", 8, delay) for delay in delays]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5.4), layout="constrained")
    _accuracies(left, results, settings)
    _gains(right, results, settings)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    headline(figure, _finding(results, settings))
    return figure


def _accuracies(axis, results: Results, settings: list[Setting]) -> None:
    for i, name in enumerate(NETWORKS):
        _line(axis, name, i - 2, [of_mean(scores(results, name, s)) for s in (*settings, OLDER)])
    linear = of_mean(scores(results, LOGISTIC)).middle
    axis.axhline(linear, color="grey", linestyle="--", linewidth=1, label="logistic regression, all pixels at once")
    axis.axhline(0.1, color="grey", linestyle=":", linewidth=1, label="chance")
    _name_places(axis, settings)
    axis.set(title="(a) Accuracy on test digits: mean and its 95 % interval over runs", ylabel="accuracy", ylim=(0, 1.03))


def _gains(axis, results: Results, settings: list[Setting]) -> None:
    for i, name in enumerate(NETWORKS):
        if name != GATED:
            _line(axis, name, i - 2, [gain(results, s, GATED, name) for s in (*settings, OLDER)], 100)
    axis.axhline(0, color="black", linewidth=0.8)
    _name_places(axis, settings)
    axis.set(title=f"(b) {GATED} minus each other network, run by run", ylabel="difference in accuracy, percentage points")


def _line(axis, name: str, place: int, found: list[Interval], factor: float = 1.0) -> None:
    """Draws means with their intervals, joined over the delays; the older setting, which is no delay, stands alone."""
    low, middle, high = factor * np.array(found).T
    places = np.arange(len(found)) + 0.07 * place
    bounds = np.stack([middle - low, high - middle])
    bars = {"color": COLOURS[name], "marker": MARKERS[name], "markersize": 6, "capsize": 3, "linewidth": 1.6}
    axis.errorbar(places[:-1], middle[:-1], bounds[:, :-1], linestyle=STYLES[name], label=name, **bars)
    axis.errorbar(places[-1:], middle[-1:], bounds[:, -1:], linestyle="none", **bars)


def _name_places(axis, settings: list[Setting]) -> None:
    names = [f"row by row,\n{s.delay} blank steps" for s in settings]
    axis.set_xticks(range(len(names) + 1), [*names, "pixel by pixel,\nno blank steps"])
    axis.axvline(len(names) - 0.5, color="lightgrey", linewidth=0.8)


def _finding(results: Results, settings: list[Setting]) -> str:
    first, last = settings[0], settings[-1]
    gaussian, orthogonal = (lead(gain(results, last, GATED, f"tanh {matrix}")) for matrix in ("Gaussian", "orthogonal"))
    found = (
        f"{last.delay} blank steps after a digit, an orthogonal GRU that starts out remembering is {gaussian} a Gaussian tanh "
        f"network and {orthogonal} an orthogonal one"
    )
    if len(settings) == 1:
        return found
    change = growth(results, first, last, GATED, "tanh Gaussian")
    grows = "grows" if change.low > 0 else "shrinks" if change.high < 0 else "does not surely change"
    return f"{found}; its lead over the Gaussian one {grows} with the delay"
