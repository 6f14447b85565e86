"""The figure of `clipping`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import running_mean

COLOURS = {"no clipping": "#000000", "global norm": "#0072B2", "per tensor": "#009E73", "by value": "#D55E00"}
STYLES = dict(zip(COLOURS, (":", "-", "--", "-."), strict=True))


def plot(results: Results):
    """Draws lengths and directions on the same gradients, losses under each method, and lengths of huge gradients."""
    figure, ((lengths, cosines), (losses, huge)) = plt.subplots(2, 2, figsize=(16, 11), layout="constrained")
    rows, curves, summary = {row["method"]: row for row in results.rows}, results.curves, results.summary
    for name, colour in COLOURS.items():
        look, row = {"color": colour, "linestyle": STYLES[name]}, rows[name]
        lengths.semilogy(curves[f"length/{name}"][0], linewidth=1, label=f"{name}: longest {row['longest']:.3g}", **look)
        if name != "no clipping":
            cosines.plot(curves[f"cosine/{name}"][0], linewidth=1, label=f"{name}: least {row['least cosine']:.6f}", **look)
        smooth = running_mean(curves[f"loss/{name}"], 20)
        losses.plot(np.median(smooth, axis=0), linewidth=2.5, label=f"{name}: {row['last loss']:.2f} at the end", **look)
        losses.plot(smooth.T, linewidth=0.6, alpha=0.6, **look)
    for name, library, twin in (("global norm", "recurrent", "global norm"), ("optax global norm", "optax", "by value")):
        label = f"{library}.clip_by_global_norm: {curves[f'huge/{name}'][-1]:.6f} at 1e20"
        look = {"color": COLOURS[twin], "linestyle": STYLES[twin], "linewidth": 2.5}
        huge.semilogx(curves["sizes"][:-1], curves[f"huge/{name}"][:-1], label=label, **look)
    losses.axhline(np.log(10), color="grey", linewidth=0.5, label="chance: ln 10")
    limits = f"threshold {summary['threshold']:g}, by value {summary['value_limit']:g}"
    _name(lengths, f"(a) Length of the same gradients, clipped ({limits})", "update", "length, first seed (legend: all seeds)")
    _name(
        cosines,
        "(b) Direction: only the global norm keeps it",
        "update",
        "cosine with the raw gradient, first seed (legend: all)",
    )
    _name(losses, "(c) Training under each method, limits not tuned; bold: median", "update", "loss (nats), mean of 20 updates")
    _name(
        huge,
        "(d) float32: a plain sum of squares overflows",
        "size of the gradient's entries",
        "length of the clipped gradient",
    )
    cosine = {name: row["least cosine"] for name, row in rows.items()}
    figure.suptitle(
        f"Digits pixel by pixel, spectral radius {summary['spectral_radius']:g}: gradients up to "
        f"{rows['no clipping']['longest'] / summary['threshold']:.0f} times the threshold. The global norm keeps their "
        f"direction (cosine {cosine['global norm']:.6f});\nper tensor it falls to {cosine['per tensor']:.2f}, by value to "
        f"{cosine['by value']:.2f}. Median loss at the end: "
        + ", ".join(f"{name} {row['last loss']:.2f}" for name, row in rows.items()),
        fontsize=14,
    )
    return figure


def _name(axis, title: str, xlabel: str, ylabel: str) -> None:
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axis.legend(fontsize=9)
