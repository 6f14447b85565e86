"""The figure of `tagging`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.common.intervals import Interval, of_mean
from experiments.tagging.networks import NETWORKS
from experiments.tagging.scores import SHOWN, accuracy

BASELINE = "window on both sides"
"""Of characters, for a network without recurrence."""
LOOKS = {
    "left to right": (PALETTE[1], "s", "--"),
    "delayed": (PALETTE[4], "D", "-."),
    "bidirectional": (PALETTE[0], "o", "-"),
    "merged": (PALETTE[2], "^", ""),
    "towers": (PALETTE[3], "v", ""),
    "alternating": (PALETTE[5], ">", ""),
    BASELINE: (PALETTE[6], "x", ":"),
}
"""Colour, marker, and the line of those that have one."""


def plot(results: Results):
    """Draws accuracies, called names by the distance of their parenthesis, and accuracy by place."""
    figure, (dots, called, place) = plt.subplots(1, 3, figsize=(WIDTH, 4.2), layout="constrained", width_ratios=(1.1, 1, 1))
    labels = {**NETWORKS, "delayed": f"the same, read ahead by {results.summary['delay']}"}
    labels[BASELINE] = f"window of ±{results.summary['reach']} characters"
    _accuracies(dots, results, labels)
    _called(called, results)
    _by_place(place, results)
    handles, names = place.get_legend_handles_labels()
    place.legend(handles, [labels[name] for name in names], loc="lower right")
    headline(figure, title(results))
    return figure


def title(results: Results) -> str:
    """The finding in words."""
    found = results.summary
    late = _compared(found["accuracy, bidirectional minus delayed"])
    plain = _compared(found["accuracy, bidirectional minus left to right"])
    return (
        f"Tagging the characters of {found['text']}, a bidirectional LSTM is {plain} one from left to right, and {late} one "
        f"that answers late, having read ahead by {found['delay']}"
    )


def _compared(difference: Interval) -> str:
    points = f"{100 * abs(difference.middle):.1f} points of accuracy"
    if difference.low > 0:
        return f"{points} better than"
    return f"{points} worse than" if difference.high < 0 else "not told apart from"


def _accuracies(axis, results: Results, labels: dict[str, str]) -> None:
    kinds = [BASELINE, *NETWORKS]
    for place, kind in enumerate(kinds):
        found = accuracy(results.curves[f"confusion/{kind}"])
        colour, marker, _ = LOOKS[kind]
        low, middle, high = of_mean(found)
        if len(found) > 1:
            axis.plot(found, np.full(len(found), place + 0.22), ".", color="grey", markersize=4)
            axis.errorbar(middle, place, xerr=[[middle - low], [high - middle]], color=colour, capsize=4)
        axis.plot(middle, place, marker, color=colour, markersize=7)
        axis.annotate(f"{middle:.1%}", (middle, place), (0, -15), textcoords="offset points", ha="center")
    axis.set_yticks(range(len(kinds)), [labels[kind] for kind in kinds])
    axis.set_ylim(-0.6, len(kinds) - 0.4)
    axis.margins(x=0.12)
    axis.set(xlabel="accuracy in the second half of windows", title="(a) Mean and 95 % over seeds; dots: seeds")


def _called(axis, results: Results) -> None:
    _curves(axis, results, "called", np.arange(1, SHOWN + 1))
    axis.set(
        title="(b) Names of what is called",
        xlabel="characters to the opening parenthesis",
        ylabel="recall (band: 95 % over seeds)",
        ylim=(0, 1.03),
    )


def _by_place(axis, results: Results) -> None:
    width = results.curves["place/bidirectional"].shape[1]
    _curves(axis, results, "place", np.arange(1, width + 1))
    axis.axvspan(width / 2 + 0.5, width, color="grey", alpha=0.12, linewidth=0)
    axis.set(title="(c) All places; grey: second half", xlabel="place in the window", ylabel="accuracy (band: 95 % over seeds)")


def _curves(axis, results: Results, name: str, places: np.ndarray) -> None:
    for kind, (colour, marker, line) in LOOKS.items():
        if not line:
            continue
        found = results.curves[f"{name}/{kind}"]
        low, mean, high = np.array([of_mean(values) for values in found.T]).T
        style = {"color": colour, "marker": marker, "markersize": 4, "markevery": max(1, len(places) // 8)}
        axis.plot(places, mean, line, label=kind, **style)
        if len(found) > 1:
            axis.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
