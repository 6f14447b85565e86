"""The figure of `truncation`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.common.intervals import Interval, of_mean
from experiments.common.networks import READOUTS
from experiments.truncation import linear
from experiments.truncation.costs import STEPS
from experiments.truncation.findings import STAGES, errors_of, largest_rise

COLOURS = dict(zip(READOUTS, PALETTE, strict=False))
LINES = dict(zip(STAGES, ("--", "-"), strict=True))
MARKERS = dict(zip([(s, r) for s in STAGES for r in READOUTS], "osD^", strict=True))


def plot(results: Results) -> Any:
    """Draws errors against the window: linear networks beside the law, LSTMs, and the time of a gradient."""
    figure, (law, lstm, times) = plt.subplots(
        1, 3, figsize=(WIDTH, 4.6), layout="constrained", gridspec_kw={"width_ratios": (1.15, 1.15, 0.8)}
    )
    _linear(law, results)
    _lstm(lstm, results)
    _times(times, results)
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """Says in words whether errors fall with the window, and what training does to them."""
    windows, last = results.curves["windows"], READOUTS[0]
    middle = len(windows) // 2
    errors = {stage: errors_of(results, stage, last) for stage in STAGES}
    falls = all(largest_rise(found).high < 0 for found in errors.values())
    change = of_mean(errors["trained"][:, middle] - errors["untrained"][:, middle])
    effect = "raises" if change.low > 0 else "lowers" if change.high < 0 else "does not surely change"
    before, after = (found[:, middle].mean() for found in errors.values())
    place = "falls with every longer window" if falls else "does not surely fall with every longer window"
    return (
        f"In an LSTM the truncated gradient's error {place}, and training {effect} it: with windows of {windows[middle]} of "
        f"{STEPS} steps from {before:.2f} to {after:.2f} of the gradient's norm (loss of the last state)"
    )


def _linear(axis: Any, results: Results) -> None:
    windows = results.curves["windows"]
    radii = sorted({float(name.split("/")[1]) for name in results.curves if name.startswith("linear/")})
    fine = np.geomspace(1, windows[-1], 100)
    looks = zip(radii, PALETTE * len(radii), "osD^vP*X" * len(radii), strict=False)
    for radius, colour, marker in looks:
        found = [of_mean(results.curves[f"linear/{radius:g}/{window}"]) for window in windows]
        axis.plot(fine, [linear.law(radius, window, STEPS) for window in fine], color=colour, linewidth=1)
        _points(axis, windows, found, color=colour, marker=marker, linestyle="none", label=f"ρ = {radius:g}")
    axis.plot([], [], color="0.3", linewidth=1, label="closed form")
    axis.set_yscale("log")
    axis.legend(loc="lower left")
    _name(axis, "(a) Linear networks, input kernel", windows)
    axis.set_ylabel("relative error of the gradient: mean, 95 %")


def _lstm(axis: Any, results: Results) -> None:
    windows = results.curves["windows"]
    for stage in STAGES:
        for readout in READOUTS:
            found = [of_mean(values) for values in errors_of(results, stage, readout).T]
            look = {"color": COLOURS[readout], "linestyle": LINES[stage], "marker": MARKERS[stage, readout]}
            _points(axis, windows, found, label=f"{stage}, {readout}", **look)
    axis.set_ylim(0, 1.04)
    axis.legend(loc="lower left", handlelength=3)
    _name(axis, "(b) LSTM on digits, all parameters", windows)
    axis.set_ylabel("relative error of the gradient: mean, 95 %")


def _times(axis: Any, results: Results) -> None:
    windows = np.append(results.curves["windows"], STEPS)
    low, middle, high = np.quantile(results.curves["cost/milliseconds"], (0.25, 0.5, 0.75), axis=0)
    bounds = [Interval(*values) for values in zip(low, middle, high, strict=True)]
    _points(axis, windows, bounds, color=PALETTE[2], marker="o", linestyle="-")
    axis.set_ylim(0, 1.15 * high.max())
    _name(axis, "(c) LSTM, time of a gradient", windows)
    axis.set_ylabel("milliseconds: median, quartiles")


def _points(axis: Any, windows: np.ndarray, found: list[Interval], **look: Any) -> None:
    low, middle, high = np.transpose(found)
    axis.errorbar(windows, middle, yerr=[middle - low, high - middle], capsize=3, markersize=5, **look)


def _name(axis: Any, title: str, windows: np.ndarray) -> None:
    axis.set_xscale("log", base=2)
    axis.set_xticks(windows, [str(w) for w in windows])
    axis.set(title=title, xlabel=f"window (steps) of {STEPS}")
