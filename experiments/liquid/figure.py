"""The figure of `liquid`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.common.intervals import Interval, of_mean
from experiments.liquid.findings import ALONE, BANK, READERS, STATIC, TUNED, accuracy, earlier_lead, rises

COLOURS = dict(zip(READERS, PALETTE, strict=False))
MARKERS = dict(zip(READERS, "osD^vP", strict=True))
EXCITATORY, INHIBITORY, INPUT = "0.45", "#882255", "black"
"""None of the colours that stand for readers."""
CHANCE = 0.5


def plot(results: Results) -> Any:
    """Draws the spikes of one column, distances of states over time, and what readouts tell of every segment."""
    figure, axes = plt.subplot_mosaic([["a", "b"], ["c", "c"]], figsize=(WIDTH, 8.4), layout="constrained")
    _raster(axes["a"], results)
    _separation(axes["b"], results)
    _accuracies(axes["c"], results)
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """Says in words whether states separate, and how the liquid remembers beside what it is compared with."""
    apart = "farther apart" if min(rise.low for rise in rises(results)) > 0 else "not surely farther apart"
    names = {
        STATIC: "one with static synapses",
        ALONE: "neurons without synapses",
        TUNED: "one filter of the input",
        BANK: "a bank of filters",
    }
    places = {other: _place(earlier_lead(results, other)) for other in names}
    groups = {place: [names[other] for other in names if places[other] == place] for place in places.values()}
    found = ", ".join(f"{place} {' and '.join(group)}" for place, group in groups.items())
    return f"Inputs that differ more leave states {apart}. A liquid tells earlier segments {found}"


def _place(found: Interval) -> str:
    return "better than" if found.low > 0 else "worse than" if found.high < 0 else "not surely better or worse than"


def _raster(axis: Any, results: Results) -> None:
    raster, given = results.curves["raster"], results.curves["input"]
    neurons, excitatory = raster.shape[1], raster.shape[1] - int(results.curves["inhibitory"])
    top = 1.06 * neurons
    times, units = np.nonzero(raster)
    kinds = {"excitatory": (EXCITATORY, units < excitatory), "inhibitory": (INHIBITORY, units >= excitatory)}
    for kind, (colour, chosen) in kinds.items():
        axis.plot(times[chosen], units[chosen], ".", markersize=3, color=colour, label=kind)
    times = np.flatnonzero(given[:, 0])
    axis.plot(times, np.full(len(times), top), "|", markersize=8, color=INPUT, label="input")
    for border in np.arange(1, 4) * len(raster) / 4:
        axis.axvline(border, color="0.5", linestyle="--", linewidth=1)
    axis.set(title="(a) One column, and the four segments it hears", xlabel="time (ms)", ylabel="neuron, and input above")
    axis.set(ylim=(-2, 1.25 * neurons), xlim=(0, len(raster)))
    axis.set_yticks([0, excitatory, neurons])
    axis.legend(loc="upper center", ncols=3)


def _separation(axis: Any, results: Results) -> None:
    distances, apart = results.curves["distances"], results.curves["apart"]
    shades = plt.get_cmap("viridis_r")(np.linspace(0.15, 0.95, len(distances)))
    for distance, colour, curves in zip(distances, shades, apart, strict=True):
        low, middle, high = np.transpose([of_mean(values) for values in curves])
        time = np.arange(1, len(middle) + 1)
        label = f"{distance:g}" if distance else "0: only beginnings differ"
        axis.plot(time, middle, color=colour, linewidth=1.5, label=label)
        axis.fill_between(time, low, high, color=colour, alpha=0.25, linewidth=0)
    axis.set(title="(b) Distance of states over time: mean, 95 %", xlabel="time (ms)", ylabel="Euclidean distance of states")
    axis.set(ylim=(0, None), xlim=(0, apart.shape[1]))
    axis.legend(title="distance of inputs", loc="upper right")


def _accuracies(axis: Any, results: Results) -> None:
    segments = results.curves[f"accuracy/{READERS[0]}"].shape[1]
    for i, reader in enumerate(READERS):
        low, middle, high = np.transpose([accuracy(results, segment, reader) for segment in range(segments)])
        look = {"color": COLOURS[reader], "marker": MARKERS[reader], "linestyle": "none", "capsize": 3, "markersize": 6}
        places = np.arange(1, 1 + segments) + 0.12 * (i - (len(READERS) - 1) / 2)
        axis.errorbar(places, middle, [middle - low, high - middle], label=reader, **look)
    axis.axhline(CHANCE, color="0.4", linestyle="--", linewidth=1, label="chance")
    names = ["1, the first", *map(str, range(2, segments)), f"{segments}, the last"]
    axis.set_xticks(range(1, 1 + segments), names)
    axis.set(title="(c) Which of two templates every segment was, told at the end: mean, 95 %", ylim=(0.4, 1.03))
    axis.set(xlabel="segment", ylabel="accuracy")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=4)
