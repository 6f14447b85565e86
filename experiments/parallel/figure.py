"""The figure of `parallel`."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import ScalarFormatter

from experiments.common.experiment import Results

COLOURS = {"deer": "#0072B2", "quasi_deer": "#D55E00", "elk": "#009E73"}


def plot(results: Results):
    """Draws iterations against T and against the exponent, the depth of the computation, and the time it takes here."""
    figure, axes = plt.subplots(2, 2, figsize=(14, 11), layout="constrained")
    curves, summary = results.curves, results.summary
    _against_time(axes[0, 0], curves, summary["max_iterations"])
    _against_exponent(axes[0, 1], curves, summary["max_iterations"])
    _depth(axes[1, 0], curves)
    _seconds(axes[1, 1], curves)
    last = int(curves["lengths"].max())
    tame, wild = (curves[f"deer/{last}/iterations"][i] for i in (np.argmin(curves["exponent"]), np.argmax(curves["exponent"])))
    figure.suptitle(
        f"tanh networks of {summary['hidden_size']} units, T = {last}: Newton's method takes {tame} iterations at a Lyapunov "
        f"exponent of {curves['exponent'].min():.2f}, {wild} (limit {summary['max_iterations']}) at "
        f"{curves['exponent'].max():.2f}.",
        fontsize=13,
    )
    return figure


def _against_time(axis, curves: dict[str, np.ndarray], limit: int) -> None:
    lengths = curves["lengths"]
    for i, (radius, exponent) in enumerate(zip(curves["radii"], curves["exponent"], strict=True)):
        colour = plt.get_cmap("viridis")(0.9 * i / max(len(curves["radii"]) - 1, 1))
        counts, converged = (
            np.asarray([curves[f"deer/{length}/{name}"][i] for length in lengths]) for name in ("iterations", "converged")
        )
        axis.loglog(lengths, counts, "-", color=colour, base=2)
        axis.loglog(lengths[converged], counts[converged], "o", color=colour, base=2)
        axis.loglog(lengths[~converged], counts[~converged], "o", color=colour, markerfacecolor="white", base=2)
        axis.plot([], [], "o-", color=colour, label=f"radius {radius:g}: exponent {exponent:+.2f}")
    axis.loglog(lengths, lengths, "k:", label="one per step: no better than the loop", base=2)
    axis.axhline(limit, color="grey", linewidth=1, label=f"limit, {limit}; open: not converged there")
    axis.set(
        xlabel="steps T", ylabel="iterations of deer", title="(a) A network that forgets needs a few iterations, whatever T"
    )
    axis.set_ylim(1, 16 * max(limit, lengths.max()))
    axis.legend(loc="upper left", ncols=2, fontsize=9)


def _against_exponent(axis, curves: dict[str, np.ndarray], limit: int) -> None:
    last = curves["lengths"].max()
    for method, colour in COLOURS.items():
        counts, converged = (curves[f"{method}/{last}/{name}"] for name in ("iterations", "converged"))
        axis.semilogy(curves["exponent"], counts, "-", color=colour, label=method)
        axis.semilogy(curves["exponent"][converged], counts[converged], "o", color=colour)
        failed = ~converged
        axis.semilogy(curves["exponent"][failed], counts[failed], "o", color=colour, markerfacecolor="white")
    axis.plot([], [], "ko", markerfacecolor="white", linestyle="", label="limit reached, not converged")
    axis.axvline(0, color="grey", linewidth=1)
    axis.yaxis.set_major_formatter(ScalarFormatter())
    axis.yaxis.set_minor_formatter(ScalarFormatter())
    axis.axhline(limit, color="grey", linewidth=1)
    axis.set(xlabel="largest Lyapunov exponent, nats per step", ylabel=f"iterations at T = {last}")
    axis.set_title("(b) The exponent predicts them")
    axis.legend()


def _depth(axis, curves: dict[str, np.ndarray]) -> None:
    lengths, depth = curves["depth_lengths"], curves["depth"]
    gained = (depth[-1] - depth[0]) / np.log2(lengths[-1] / lengths[0])
    axis.semilogx(lengths, depth, "o-", color="#0072B2", base=2)
    axis.set(xlabel="steps T", ylabel="operations on the longest chain", ylim=(0, None))
    axis.set_title(f"(c) minGRU by associative scan: {gained:.0f} operations more per doubling of T")


def _seconds(axis, curves: dict[str, np.ndarray]) -> None:
    names = [key.removeprefix("seconds/") for key in curves if key.startswith("seconds/")]
    values = [1000 * float(curves[f"seconds/{name}"]) for name in names]
    colours = [COLOURS.get(name.split("/")[1], "#0072B2" if "associative" in name else "grey") for name in names]
    axis.barh(names[::-1], values[::-1], color=colours[::-1])
    for y, value in enumerate(values[::-1]):
        axis.annotate(f" {value:.3g} ms", (value, y), va="center")
    axis.set_xscale("log")
    axis.set_xlim(min(values) / 2, max(values) * 6)
    axis.set(xlabel="milliseconds per run on this device, T as in (b)")
    axis.set_title("(d) Wall-clock time; tanh network of radius 0.9")
