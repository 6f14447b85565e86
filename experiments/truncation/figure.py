"""The figure of `truncation`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results

STAGES = ("untrained", "trained")
COLOURS = {"last state": "#0072B2", "mean over states": "#D55E00"}
STYLES = dict(zip(STAGES, ("--", "-"), strict=True))
MARKERS = dict(zip(STAGES, ("o", "s"), strict=True))


def plot(results: Results):
    """Draws relative error, cosine, time and memory against the window."""
    figure, ((errors, cosines), (times, memory)) = plt.subplots(2, 2, figsize=(16, 11), layout="constrained")
    curves, windows = results.curves, results.curves["windows"]
    for axis, name in ((errors, "relative_error"), (cosines, "cosine")):
        for stage in STAGES:
            for readout, colour in COLOURS.items():
                values = curves[f"{name}/{stage}/{readout}"].reshape(len(windows), -1)
                low, median, high = np.percentile(values, (10, 50, 90), axis=1)
                look = {"color": colour, "linestyle": STYLES[stage], "marker": MARKERS[stage]}
                axis.plot(windows, median, linewidth=2, label=f"{stage}, loss of the {readout}", **look)
                axis.fill_between(windows, low, high, color=colour, alpha=0.12, linewidth=0)
        axis.legend()
    errors.axhline(0, color="grey", linewidth=0.5)
    cosines.axhline(1, color="grey", linewidth=0.5)
    times.plot(windows, curves["milliseconds"], "o-", color="#009E73", linewidth=2)
    for window, value in zip(windows, curves["milliseconds"], strict=True):
        times.annotate(f"{value:.2f}", (window, value), (0, 8), textcoords="offset points", ha="center")
    times.set_ylim(0, 1.15 * curves["milliseconds"].max())
    memory.loglog(windows, curves["tape"] / 1e3, "o-", color="#009E73", linewidth=2, label="tape of the states and gates")
    memory.loglog(windows, curves["temporary"] / 1e3, "s--", color="#CC79A7", linewidth=2, label="temporary memory, by XLA")
    memory.legend()
    error, cosine = "|g_truncated - g| / |g|", "cosine of the angle between g_truncated and g"
    _name(errors, "(a) Error of the truncated gradient: median, 10 to 90 %", windows, error)
    _name(cosines, "(b) Its direction", windows, cosine)
    _name(times, "(c) Time of one gradient of the last state's loss (fastest run)", windows, "milliseconds")
    _name(memory, "(d) Memory of one gradient", windows, "kilobytes")
    row = {r["window"]: r for r in results.rows}
    untrained, trained = (
        ", ".join(
            f"{row[w][f'error, {stage}, last']:.1%} at {w}" for w in (int(w) for w in windows[[0, len(windows) // 2, -1]])
        )
        for stage in STAGES
    )
    figure.suptitle(
        f"LSTM on digits pixel by pixel, last state: relative error of the truncated gradient {untrained} steps untrained,\n"
        f"{trained} trained. Window 1 takes {results.summary['time of the shortest window / full']:.0%} of the time "
        f"and {results.summary['tape of the shortest window / full']:.1%} of the tape of the full gradient",
        fontsize=14,
    )
    return figure


def _name(axis, title: str, windows: np.ndarray, ylabel: str) -> None:
    axis.set_xscale("log", base=2)
    axis.set_xticks(windows, [str(w) for w in windows])
    axis.set(title=title, xlabel="window (steps) of 64", ylabel=ylabel)
