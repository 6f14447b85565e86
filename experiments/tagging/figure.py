"""The figure of `tagging`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.tagging.data import CLASSES, FROM_THE_RIGHT
from experiments.tagging.networks import NETWORKS
from experiments.tagging.scores import SHOWN, accuracy, f1

BASELINES = ("left window", "both sides")
"""Windows of characters for a network without recurrence."""
COLOURS = {
    "left to right": "#D55E00",
    "bidirectional": "#0072B2",
    "merged": "#009E73",
    "towers": "#CC79A7",
    "alternating": "#56B4E9",
    "left window": "#E69F00",
    "both sides": "#000000",
    "most frequent class": "#999999",
}
STYLES = {"left to right": "-", "bidirectional": "-", "left window": ":", "both sides": "--"}


def plot(results: Results):
    """Draws accuracies, the F1 of each class, called names by the distance of their parenthesis, accuracy by place."""
    figure, ((bars, classes), (called, place)) = plt.subplots(
        2, 2, figsize=(17, 12), layout="constrained", width_ratios=(1, 1.1)
    )
    labels = _labels(results)
    _accuracies(bars, results, labels)
    _classes(classes, results, labels)
    _called(called, results, labels)
    _by_place(place, results, labels)
    rows = {row["F1 by class"]: row for row in results.rows}
    one, two, window = (rows[kind] for kind in ("left to right", "bidirectional", "both sides"))
    changes = ", ".join(f"{name} from {one[name]:.2f} to {two[name]:.2f}" for name in FROM_THE_RIGHT)
    figure.suptitle(
        f"Characters of Python source given the right token class: left to right {one['accuracy']:.1%}, both directions "
        f"{two['accuracy']:.1%}, {labels['both sides']} {window['accuracy']:.1%}\n"
        f"F1 of the names that the characters to come decide: {changes} (medians over seeds, text not trained on)",
        fontsize=14,
    )
    return figure


def _labels(results: Results) -> dict[str, str]:
    reach = results.summary["reach of the baselines"]
    windows = (f"window of {2 * reach} to the left", f"window of {reach} on both sides")
    return {**NETWORKS, **dict(zip(BASELINES, windows, strict=True)), "most frequent class": "most frequent class"}


def _accuracies(axis, results: Results, labels: dict[str, str]) -> None:
    kinds = [name.removeprefix("confusion/") for name in results.curves if name.startswith("confusion/")]
    sizes = {row["F1 by class"]: row.get("parameters") for row in results.rows}
    for i, kind in enumerate(kinds):
        found = accuracy(results.curves[f"confusion/{kind}"])
        axis.barh(i, np.median(found), color=COLOURS[kind], alpha=0.85)
        axis.plot(found, np.full(len(found), i), "o", color="black", markersize=4)
        axis.annotate(f"{np.median(found):.1%}", (found.max(), i), (6, 0), textcoords="offset points", va="center", fontsize=11)
    names = [f"{labels[kind]}\n{sizes[kind]:,} parameters" if sizes[kind] else labels[kind] for kind in kinds]
    axis.set_yticks(range(len(kinds)), names, fontsize=11)
    axis.set(title="(a) Accuracy; dots: seeds", xlabel="share of test characters", xlim=(0, 1.12))


def _classes(axis, results: Results, labels: dict[str, str]) -> None:
    scores = {kind: np.median(f1(results.curves[f"confusion/{kind}"]), axis=0) for kind in STYLES}
    gain = scores["bidirectional"] - scores["left to right"]
    order, places = np.argsort(gain), np.arange(len(CLASSES))
    axis.hlines(places, scores["left to right"][order], scores["bidirectional"][order], color="grey", linewidth=1)
    for kind, marker in zip(STYLES, "os<D", strict=True):
        filled = COLOURS[kind] if kind in NETWORKS else "none"
        look = {"markerfacecolor": filled, "color": COLOURS[kind], "markersize": 9, "linestyle": "none"}
        axis.plot(scores[kind][order], places, marker, label=labels[kind], **look)
    share = results.curves["confusion/bidirectional"][0].sum(axis=1)
    share = share / share.sum()
    axis.set_yticks(places, [f"{CLASSES[i]}, {share[i]:.1%}" for i in order], fontsize=11)
    for place, i in zip(places, order, strict=True):
        axis.annotate(f"{100 * gain[i]:+.1f}", (1.04, place), va="center", fontsize=11)
    axis.set(title="(b) Each class and its share; right: gain of both directions in points", xlabel="F1", xlim=(0, 1.16))
    axis.set_ylim(-0.5, len(CLASSES) - 0.5)
    axis.legend(fontsize=10, loc="lower left")


def _called(axis, results: Results, labels: dict[str, str]) -> None:
    distance = np.arange(1, SHOWN + 1)
    for kind, style in STYLES.items():
        found = results.curves[f"called/{kind}"]
        axis.plot(distance, np.median(found, axis=0), style, color=COLOURS[kind], linewidth=2.5, label=labels[kind])
        axis.fill_between(distance, found.min(axis=0), found.max(axis=0), color=COLOURS[kind], alpha=0.15, linewidth=0)
    axis.set(
        title="(c) Called names by the distance of what shows it; shaded: lowest to highest seed",
        xlabel="characters from here to the opening parenthesis",
        ylabel="recall of called names",
        ylim=(0, 1.03),
    )
    axis.legend(fontsize=10)


def _by_place(axis, results: Results, labels: dict[str, str]) -> None:
    for kind, style in STYLES.items():
        found = results.curves[f"place/{kind}"]
        place = np.arange(1, found.shape[1] + 1)
        axis.plot(place, np.median(found, axis=0), style, color=COLOURS[kind], linewidth=2, label=labels[kind])
    axis.set(
        title="(d) Windows begin without a left-hand context and end without a right-hand one",
        xlabel="place in the window",
        ylabel="accuracy, median of the seeds",
    )
    axis.legend(fontsize=10, loc="lower right")
