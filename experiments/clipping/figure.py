"""The figure of `clipping`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.clipping.methods import NAMES
from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline

COLOURS = (PALETTE[0], PALETTE[2], PALETTE[1])
"""Of the three ways, in the order of their names."""


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
        f"Digits pixel by pixel, spectral radius {summary['spectral_radius']:g}: "
        f"gradients up to {times:.0f} times the threshold. "
        f"Shortened to the threshold, their cosine with the raw gradient is {equal['global norm']:.3f} by the global norm, "
        f"{equal['per tensor']:.2f} per tensor, {equal['by value']:.2f} by value"
    )


def _norms(axis, results: Results) -> None:
    """The median of the networks, and their range."""
    raw, threshold = results.curves["raw"], results.summary["threshold"]
    low, middle, high = np.quantile(raw, (0, 0.5, 1), axis=0)
    updates = np.arange(raw.shape[1])
    axis.fill_between(updates, low, high, color=PALETTE[5], alpha=0.5, linewidth=0, label=f"range of {len(raw)} networks")
    axis.plot(updates, middle, color=PALETTE[6], linewidth=1, label="median")
    axis.axhline(threshold, color=PALETTE[1], linestyle="--", linewidth=1.5, label=f"threshold {threshold:g}")
    axis.set(ylim=(raw.min() / 2, 12 * raw.max()))
    axis.set(yscale="log", xlabel="update", ylabel="norm of the raw gradient", title="(a) The gradients before clipping")
    axis.legend(loc="upper right")


def _directions(axis, results: Results) -> None:
    """Boxes over the gradients longer than the threshold: quartiles, and whiskers over 5 to 95 %."""
    long = results.curves["raw"] > results.summary["threshold"]
    for shift, key, hatch in ((-0.2, "equal cosine", None), (0.2, "cosine", "////")):
        values = [results.curves[f"{key}/{name}"][long] for name in NAMES]
        look = {"whis": (5, 95), "showfliers": False, "patch_artist": True, "medianprops": {"color": "black"}}
        boxes = axis.boxplot(values, positions=np.arange(len(NAMES)) + shift, widths=0.32, **look)
        for box, colour in zip(boxes["boxes"], COLOURS, strict=True):
            box.set(facecolor=colour, hatch=hatch, alpha=0.75)
    plain = {"facecolor": "white", "edgecolor": "black"}
    axis.bar([0], [0], label="limit so that all are at the threshold", **plain)
    axis.bar([0], [0], label="one limit for all", hatch="////", **plain)
    axis.set_xticks(np.arange(len(NAMES)), [name.replace(" ", "\n") for name in NAMES])
    axis.set(ylabel="cosine with the raw gradient", ylim=(0.4, 1.25), yticks=np.linspace(0.4, 1, 4))
    axis.set_title("(b) Direction after clipping")
    axis.legend(loc="upper center")


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
    axis.set(xlabel="size of the gradient's entries", ylabel="length after clip_by_global_norm")
    axis.set_title("(c) Huge gradients in float32")
    axis.legend(loc="center left")
