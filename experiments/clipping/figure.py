"""The figure of `clipping`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline

LOOKS = {
    "global norm": {"color": PALETTE[0], "linestyle": "-"},
    "per tensor": {"color": PALETTE[2], "linestyle": "--"},
    "by value": {"color": PALETTE[1], "linestyle": "-."},
}


def plot(results: Results):
    """Draws the norms of the raw gradients, how far every way turns them, and the lengths of huge gradients in float32."""
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 4.6), layout="constrained")
    _norms(axes[0], results)
    _directions(axes[1], results)
    _huge(axes[2], results)
    headline(figure, _finding(results))
    return figure


def _finding(results: Results) -> str:
    rows, summary = {row["method"]: row for row in results.rows}, results.summary
    times = results.curves["raw"].max() / summary["threshold"]
    equal = {name: row["cosine at equal length"] for name, row in rows.items()}
    return (
        f"Digits pixel by pixel, spectral radius {summary['spectral_radius']:g}: gradients up to {times:.0f} times the threshold. "
        f"Shortened to the threshold, their cosine with the raw gradient is {equal['global norm']:.3f} by the global norm, "
        f"{equal['per tensor']:.2f} per tensor, {equal['by value']:.2f} by value"
    )


def _norms(axis, results: Results) -> None:
    """Quantiles over all networks' updates met so far would hide the bursts: every network is a thin line, one a bold one."""
    raw, threshold = results.curves["raw"], results.summary["threshold"]
    low, middle, high = np.quantile(raw, (0, 0.5, 1), axis=0)
    updates = np.arange(raw.shape[1])
    axis.fill_between(updates, low, high, color=PALETTE[5], alpha=0.5, linewidth=0, label=f"range of {len(raw)} networks")
    axis.plot(updates, middle, color=PALETTE[6], linewidth=1, label="median")
    axis.axhline(threshold, color=PALETTE[1], linestyle="--", linewidth=1.5, label=f"threshold {threshold:g}")
    axis.set(yscale="log", xlabel="update", ylabel="norm of the raw gradient", title="(a) The gradients before clipping")
    axis.legend(loc="lower right")


def _directions(axis, results: Results) -> None:
    """Shares of gradients whose cosine is at most so much; bold at equal length, thin at the limits of the options."""
    raw, threshold = results.curves["raw"], results.summary["threshold"]
    long = raw > threshold
    for name, look in LOOKS.items():
        for key, width in (("equal cosine", 2.5), ("cosine", 1)):
            values = np.sort(results.curves[f"{key}/{name}"][long])
            shares = np.arange(1, len(values) + 1) / max(len(values), 1)
            label = f"{name}, {'all at the threshold' if width > 1 else 'at its limit'}"
            axis.step(
                values,
                shares,
                where="post",
                linewidth=width,
                label=label if name != "global norm" or width > 1 else None,
                **look,
            )
    axis.set(xlabel="cosine with the raw gradient", ylabel="share of the gradients at most there", xlim=(None, 1.02))
    axis.set_title("(b) Direction: distribution over updates")
    axis.legend(loc="upper left")


def _huge(axis, results: Results) -> None:
    sizes = results.curves["sizes"][:-1]
    for name, library, style in (("optax global norm", "optax", "o"), ("global norm", "recurrent", "-")):
        colour = PALETTE[0 if library == "recurrent" else 1]
        axis.semilogx(
            sizes,
            results.curves[f"huge/{name}"][:-1],
            style,
            color=colour,
            markersize=4,
            markerfacecolor="white",
            label=library,
        )
    axis.axvline(1e20, color="grey", linestyle=":", linewidth=1)
    axis.set(xlabel="size of the gradient's entries, float32", ylabel="length after clip_by_global_norm")
    axis.set_title("(c) Huge gradients, clipped by global norm")
    axis.legend(loc="center left")
