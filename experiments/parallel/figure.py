"""The figure of `parallel`."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import ScalarFormatter

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline

LOOKS = {
    "deer": {"color": PALETTE[0], "marker": "o", "linestyle": "-"},
    "quasi_deer": {"color": PALETTE[1], "marker": "s", "linestyle": "--"},
    "elk": {"color": PALETTE[2], "marker": "^", "linestyle": "-."},
}
MARKERS = "osD^vPX*"


def plot(results: Results):
    """Draws iterations against T and against the exponent, the depth of the computation, and the time it takes here."""
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 9), layout="constrained")
    curves, summary = results.curves, results.summary
    _against_time(axes[0, 0], curves, summary["max_iterations"])
    _against_exponent(axes[0, 1], curves, summary["max_iterations"])
    _depth(axes[1, 0], curves)
    _seconds(axes[1, 1], curves)
    headline(figure, _finding(results))
    return figure


def _finding(results: Results) -> str:
    curves, summary = results.curves, results.summary
    last = int(curves["lengths"].max())
    counts, converged, exponent = (curves[key] for key in (f"deer/{last}/iterations", f"deer/{last}/converged", "exponent"))

    def taken(i):
        return f"takes {counts[i]} iterations" if converged[i] else f"has not converged after {counts[i]} iterations"

    return (
        f"tanh networks of {summary['hidden_size']} units, T = {last}: Newton's method {taken(exponent.argmin())} "
        f"at a Lyapunov exponent of {exponent.min():+.2f} per step, and {taken(exponent.argmax())} at {exponent.max():+.2f}"
    )


def _against_time(axis, curves: dict[str, np.ndarray], limit: int) -> None:
    lengths = curves["lengths"]
    for i, (radius, exponent) in enumerate(zip(curves["radii"], curves["exponent"], strict=True)):
        colour, marker = plt.get_cmap("viridis")(0.9 * i / max(len(curves["radii"]) - 1, 1)), MARKERS[i % len(MARKERS)]
        shifted = lengths * 2.0 ** (0.06 * (i - (len(curves["radii"]) - 1) / 2))  # they would hide each other at the limit
        counts, converged = (
            np.asarray([curves[f"deer/{length}/{name}"][i] for length in lengths]) for name in ("iterations", "converged")
        )
        axis.loglog(shifted, counts, "-", color=colour, base=2, linewidth=1)
        axis.loglog(shifted[converged], counts[converged], marker, color=colour, base=2)
        axis.loglog(shifted[~converged], counts[~converged], marker, color=colour, markerfacecolor="white", base=2)
        axis.plot([], [], marker=marker, color=colour, label=f"radius {radius:g} ({exponent:+.2f})")
    axis.loglog(lengths, lengths, "k:", label="one per step", base=2)
    axis.axhline(limit, color="grey", linewidth=1, label=f"limit {limit} (open: reached)")
    axis.set(xlabel="steps T", ylabel="iterations of deer", title="(a) Iterations against the steps, by radius (and exponent)")
    axis.set_ylim(1, 64 * max(limit, lengths.max()))
    axis.legend(loc="upper left", ncols=2)


def _against_exponent(axis, curves: dict[str, np.ndarray], limit: int) -> None:
    last = curves["lengths"].max()
    for method, look in LOOKS.items():
        counts, converged = (curves[f"{method}/{last}/{name}"] for name in ("iterations", "converged"))
        axis.semilogy(curves["exponent"], counts, color=look["color"], linestyle=look["linestyle"])
        for chosen, fill in ((converged, look["color"]), (~converged, "white")):
            at = {"marker": look["marker"], "color": look["color"], "markerfacecolor": fill, "linestyle": ""}
            axis.semilogy(curves["exponent"][chosen], counts[chosen], markersize=7, **at)
        axis.plot([], [], label=method, **look)
    axis.plot([], [], "ko", markerfacecolor="white", linestyle="", label="not converged")
    axis.axvline(0, color="grey", linewidth=1)
    axis.yaxis.set_major_formatter(ScalarFormatter())
    axis.yaxis.set_minor_formatter(ScalarFormatter())
    axis.axhline(limit, color="grey", linewidth=1)
    axis.set(xlabel="largest Lyapunov exponent, nats per step", ylabel=f"iterations at T = {last}")
    axis.set_title("(b) Iterations against the exponent of the network")
    axis.legend(loc="lower right")


def _depth(axis, curves: dict[str, np.ndarray]) -> None:
    lengths, depth = curves["depth_lengths"], curves["depth"]
    gained = (depth[-1] - depth[0]) / np.log2(lengths[-1] / lengths[0])
    axis.semilogx(lengths, depth, "o-", color=PALETTE[0], base=2)
    axis.set(xlabel="steps T", ylabel="operations on the longest chain", ylim=(0, None))
    axis.set_title(f"(c) minGRU by associative scan: {gained:.0f} operations more per doubling")


def _seconds(axis, curves: dict[str, np.ndarray]) -> None:
    """One point per run: a logarithmic axis has no zero that bars could start from."""
    names = [key.removeprefix("seconds/") for key in curves if key.startswith("seconds/")][::-1]
    values = [1000 * float(curves[f"seconds/{name}"]) for name in names]
    for y, (name, value) in enumerate(zip(names, values, strict=True)):
        look = LOOKS.get(name.split("/")[1], {"color": PALETTE[6], "marker": "D"})
        axis.plot(value, y, color=look["color"], marker=look["marker"], markersize=9)
        axis.annotate(f"{value:.3g} ms", (value, y), (10, 0), textcoords="offset points", va="center")
    axis.set_yticks(range(len(names)), [name.replace("/", ": ") for name in names])
    axis.grid(axis="y", linewidth=0.5, alpha=0.5)
    axis.set(xscale="log", xlim=(min(values) / 2, max(values) * 6), ylim=(-0.6, len(names) - 0.4))
    axis.set(xlabel="milliseconds per run on this device, T as in (b)", title="(d) Wall-clock time; tanh network of radius 0.9")
