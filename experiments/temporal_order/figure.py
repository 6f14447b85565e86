"""The figure of `temporal_order`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.common.intervals import Interval, of_share
from experiments.temporal_order.criteria import BEYOND, WRONG, gap, least_lead, success, wrong_beyond
from experiments.temporal_order.methods import CLIPPED, CONFIRMED, GUESSING, METHODS, REGULARIZED, SGD

COLOURS: dict[str, str] = dict(zip(METHODS, PALETTE, strict=False))
MARKERS: dict[str, str] = dict(zip(METHODS, "osD", strict=True))
LINES: dict[str, str] = dict(zip(METHODS, (":", "--", "-"), strict=True))
LABELS = {SGD: "SGD: plain", CLIPPED: "SGD-C: clipped", REGULARIZED: "SGD-CR: clipped, with Ω"}


def plot(results: Results) -> Any:
    """Draws success against the length, spectral radii, and errors beyond the trained lengths."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(WIDTH, 4.8), layout="constrained")
    _success(left, results)
    _radii(middle, results)
    _beyond(right, results)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """Says how often the methods succeed at the longest length, whether their order holds, and what many lengths lead to."""
    longest, counts = int(results.curves["lengths"][-1]), results.curves[f"solved/{SGD}"].shape[1]
    plain, clipped, regularized = (round(success(results, method)[-1].middle * counts) for method in METHODS)
    ordered = least_lead(results, REGULARIZED, CLIPPED) >= 0 and least_lead(results, CLIPPED, SGD) >= 0
    sure = "surely" if gap(results).low > 0 else "not surely"
    wrong = wrong_beyond(results)
    kept = "is kept" if wrong.high <= WRONG else "is not kept"
    return (
        f"On {longest} steps, {regularized} of {counts} networks succeed with clipping and Ω ({sure} more than with SGD), "
        f"{clipped} with clipping alone, {plain} with neither; this order {'holds' if ordered else 'does not hold'} at every "
        f"length. A rule learned at many lengths {kept} at {BEYOND} times the longest: {100 * wrong.middle:.3g} % errors"
    )


def _success(axis: Any, results: Results) -> None:
    lengths = results.curves["lengths"]
    for i, method in enumerate(METHODS):
        places = lengths + _apart(lengths) * (i - 1)
        _points(axis, places, success(results, method), method, linestyle=LINES[method], label=LABELS[method])
    axis.set(ylim=(-0.03, 1.03), ylabel="share of networks that succeed: Wilson's 95 %")
    axis.set_title("(a) One length, fewer than 1 % errors")
    _name_lengths(axis, lengths)


def _radii(axis: Any, results: Results) -> None:
    """Every network is a point, filled if it succeeded."""
    lengths = results.curves["lengths"]
    for i, method in enumerate(METHODS):
        radii, solved = results.curves[f"radius/{method}"], results.curves[f"solved/{method}"].astype(bool)
        places = np.broadcast_to((lengths + _apart(lengths) * (i - 1))[:, None], radii.shape)
        for chosen, face in ((solved, COLOURS[method]), (~solved, "white")):
            axis.plot(places[chosen], radii[chosen], MARKERS[method], color=COLOURS[method], markerfacecolor=face, markersize=5)
    start = float(np.median(results.curves["radius/untrained"]))
    axis.axhline(start, color="grey", linestyle=":", linewidth=1)
    look = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "top", "color": "0.3"}
    axis.annotate("before training", (0, start), (3, -4), **look)
    axis.set_yscale("log")
    ticks = [tick for tick in (0.5, 1, 2, 5, 10, 20, 50, 100) if tick < 2 * np.nanmax(axis.get_ylim())]
    axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.set(ylabel="spectral radius of W", title="(b) At the end; filled: succeeded")
    axis.set_ylim(bottom=0.7 * start)
    _name_lengths(axis, lengths)


def _apart(lengths: np.ndarray) -> float:
    """How far apart methods are drawn."""
    return 0.025 * float(np.ptp(lengths) or lengths[0])


def _beyond(axis: Any, results: Results) -> None:
    factors, errors = results.curves["many/factors"], results.curves["many/errors"]
    shortest, longest = int(results.curves["many/shortest"]), int(results.curves["many/longest"])
    for i, of_model in enumerate(errors):
        found = [of_share(round(CONFIRMED * share), CONFIRMED) for share in of_model]
        places = longest * factors * 1.03 ** (i - (len(errors) - 1) / 2)
        _points(axis, places, found, REGULARIZED, linestyle="-", linewidth=1, markersize=5)
    axis.axhline(GUESSING, color="grey", linestyle=":", linewidth=1)
    axis.axhline(WRONG, color="grey", linestyle="--", linewidth=1)
    for level, name in ((GUESSING, "guessing"), (WRONG, f"{100 * WRONG:g} %")):
        axis.annotate(name, (0, level), (3, -11), xycoords=("axes fraction", "data"), textcoords="offset points", color="0.3")
    axis.set_xscale("log")
    axis.set_yscale("symlog", linthresh=1e-3)
    axis.set_yticks([0, 0.001, 0.01, 0.1, 1], ["0", "0.001", "0.01", "0.1", "1"])
    axis.set_xticks(longest * factors, [str(n) for n in longest * factors])
    axis.minorticks_off()
    axis.set(ylim=(-1e-4, 1), xlabel="length of the test", ylabel="share of errors: Wilson's 95 %")
    axis.set_title(f"(c) Models of lengths {shortest} to {longest}")


def _points(axis: Any, places: np.ndarray, found: list[Interval], method: str, **look: Any) -> None:
    low, middle, high = np.transpose(found)
    bars = {"yerr": [middle - low, high - middle], "capsize": 3, "markersize": 6, "color": COLOURS[method]}
    axis.errorbar(places, middle, marker=MARKERS[method], **(bars | look))


def _name_lengths(axis: Any, lengths: np.ndarray) -> None:
    axis.set_xticks(lengths, [str(length) for length in lengths])
    axis.set_xlabel("length of the sequences")
