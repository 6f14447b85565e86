"""The figure of `digits`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import running_mean

COLOURS = {"tanh Gaussian": "#000000", "tanh orthogonal": "#56B4E9", "IRNN": "#E69F00", "LSTM": "#0072B2", "GRU": "#D55E00"}
MARKERS = dict(zip(COLOURS, "os^Dv", strict=True))
STYLES = dict(zip(COLOURS, (":", "--", "-.", "-", (0, (5, 1))), strict=True))


def plot(results: Results):
    """Draws test accuracies of all settings, and the losses of the last state's networks in both readings."""
    figure, axes = plt.subplots(1, 3, figsize=(21, 7.5), layout="constrained", width_ratios=(2.1, 1, 1))
    _accuracies(axes[0], results)
    for axis, letter, reading in ((axes[1], "b", "pixel by pixel"), (axes[2], "c", "row by row")):
        _losses(axis, letter, reading, results)
    figure.suptitle(_finding(results), fontsize=14)
    return figure


def _finding(results: Results) -> str:
    median = {(r["reading"], r["readout"], r["network"]): r["median"] for r in results.rows}
    pixel = ", ".join(f"{name} {median['pixel by pixel', 'last state', name]:.1%}" for name in COLOURS)
    return (
        f"Digits pixel by pixel, last state: {pixel}.\nRow by row the best network reaches "
        f"{results.summary['best network row by row']:.1%}; logistic regression on all pixels at once "
        f"{results.summary['logistic regression']:.1%} (medians over seeds, test accuracy)"
    )


def _accuracies(axis, results: Results) -> None:
    groups = list(dict.fromkeys((r["reading"], r["readout"]) for r in results.rows if r["readout"]))
    for i, (name, colour) in enumerate(COLOURS.items()):
        scores = [results.curves[f"accuracy/{reading}/{readout}/{name}"] for reading, readout in groups]
        places = np.arange(len(groups)) + (i - 2) * 0.18
        low, middle, high = (np.array([f(s) for s in scores]) for f in (np.min, np.median, np.max))
        axis.vlines(places, low, high, color=colour, linewidth=2)
        axis.plot(places, middle, MARKERS[name], color=colour, markersize=9, label=name)
        for place, value, top in zip(places, middle, high, strict=True):
            axis.annotate(f"{100 * value:.1f}", (place, top), (0, 6), textcoords="offset points", ha="center", fontsize=9)
    axis.axhline(results.summary["logistic regression"], color="grey", linestyle="--", label="logistic regression")
    axis.axhline(results.summary["most frequent digit"], color="grey", linestyle=":", label="most frequent digit")
    axis.set_xticks(np.arange(len(groups)), [f"{reading},\n{readout}" for reading, readout in groups])
    axis.set(title="(a) Test accuracy in %: median, lowest and highest seed", ylabel="test accuracy", ylim=(0, 1.08))
    axis.legend(fontsize=10, loc="lower right")


def _losses(axis, letter: str, reading: str, results: Results) -> None:
    for name, colour in COLOURS.items():
        loss = results.curves[f"loss/{reading}/last state/{name}"]
        smooth = running_mean(loss, 50)
        updates = np.arange(loss.shape[1] - smooth.shape[1], loss.shape[1]) + 1
        axis.semilogy(updates, np.median(smooth, axis=0), color=colour, linestyle=STYLES[name], linewidth=2, label=name)
        axis.fill_between(updates, smooth.min(axis=0), smooth.max(axis=0), color=colour, alpha=0.12, linewidth=0)
    axis.axhline(np.log(10), color="grey", linewidth=0.5, label="chance: ln 10")
    axis.set(title=f"({letter}) Training, {reading}, last state: median and range", xlabel="update")
    axis.set_ylabel("loss (nats), mean of 50 updates")
    axis.legend(fontsize=9)
