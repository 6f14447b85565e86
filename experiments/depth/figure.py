"""The figure of `depth`."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullLocator

from experiments.common.experiment import Results

COLOURS = {"plain": "#D55E00", "residual": "#0072B2", "dense": "#009E73"}
MARKERS = {"plain": "s", "residual": "o", "dense": "^"}


def plot(results: Results):
    """Draws learning against depth, gradients before training, and what deleted and swapped layers cost."""
    figure, axes = plt.subplots(2, 3, figsize=(18, 10.5), layout="constrained")
    rows = {kind: [row for row in results.rows if row["stack"] == kind] for kind in COLOURS}
    cut = [(row["stack"], row["depth"]) for kind in COLOURS for row in rows[kind] if "one deleted" in row]
    _by_depth(axes[0, 0], results, rows, "accuracy")
    axes[0, 0].axhline(results.summary["logistic regression"], color="grey", linestyle="--", label="logistic regression")
    axes[0, 0].axhline(results.summary["chance"], color="grey", linestyle=":", label="most frequent digit")
    axes[0, 0].set(title="(a) Test accuracy: median and range of seeds", ylabel="test accuracy", ylim=(0, 1.04))
    _by_depth(axes[0, 1], results, rows, "training_loss")
    axes[0, 1].axhline(np.log(10), color="grey", linestyle=":", label="chance: ln 10")
    axes[0, 1].set(title="(b) Loss on the training digits", ylabel="loss after training (nats)", yscale="log")
    _gradients(axes[0, 2], results, rows)
    _single(axes[1, 0], results, cut)
    _several(axes[1, 1], results, cut, "deleted", "(e) Random layers deleted", "layers deleted (lines as in d)")
    swappable = [key for key in cut if key[0] != "dense"]
    _several(
        axes[1, 2], results, swappable, "swapped", "(f) Random layers changing places", "pairs swapped, one after the other"
    )
    for axis in (*axes[0], axes[1, 0], axes[1, 2]):  # (e) shows the stacks of (d)
        axis.legend(fontsize=10)
    figure.suptitle(_finding(rows), fontsize=14)
    return figure


def _finding(rows) -> str:
    deepest = {kind: rows[kind][-1] for kind in COLOURS}
    reached = ", ".join(f"{kind} {row['test']:.1%}" for kind, row in deepest.items())
    plain = next(row for row in rows["plain"] if "one deleted" in row)
    skip = deepest["residual"]
    return (
        f"{skip['depth']} layers, test accuracy: {reached}. Deleting one layer costs the residual stack of {skip['depth']} "
        f"{100 * skip['one deleted']:.1f} points\n(median layer; {100 * skip['worst deleted']:.1f} the worst one), the plain "
        f"stack of {plain['depth']} {100 * plain['one deleted']:.1f} points (median layer)"
    )


def _by_depth(axis, results: Results, rows, name: str) -> None:
    depths = [row["depth"] for row in rows["plain"]]
    for kind, colour in COLOURS.items():
        values = np.stack([results.curves[f"{name}/{kind}/{depth}"] for depth in depths])
        low, middle, high = (f(values, axis=1) for f in (np.min, np.median, np.max))
        axis.plot(depths, middle, MARKERS[kind], linestyle="-", color=colour, label=kind)
        axis.fill_between(depths, low, high, color=colour, alpha=0.15, linewidth=0)
    axis.set_xscale("log", base=2)
    axis.set_xticks(depths, [str(depth) for depth in depths])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel("layers")


def _gradients(axis, results: Results, rows) -> None:
    for kind, colour in COLOURS.items():
        norms = results.curves[f"norms/{kind}/{rows[kind][-1]['depth']}"]
        layers = np.arange(1, norms.shape[1] + 1)
        axis.semilogy(layers, np.median(norms, axis=0), color=colour, marker=MARKERS[kind], markersize=4, label=kind)
        axis.fill_between(layers, norms.min(axis=0), norms.max(axis=0), color=colour, alpha=0.15, linewidth=0)
    axis.set(title="(c) Gradient before training", xlabel="layer, from the bottom")
    axis.set_ylabel("norm of the loss's gradient")


def _style(cut, kind: str, depth: int) -> dict:
    """The deeper of two stacks of one kind is drawn solid."""
    deepest = depth == max(d for k, d in cut if k == kind)
    filled = {} if deepest else {"markerfacecolor": "white"}
    return {"color": COLOURS[kind], "marker": MARKERS[kind], "linestyle": "-" if deepest else "--", **filled}


def _single(axis, results: Results, cut) -> None:
    for kind, depth in cut:
        one = np.median(results.curves[f"one/{kind}/{depth}"], axis=0)
        style = _style(cut, kind, depth)
        axis.plot(np.arange(2, depth + 1), one, markersize=5, label=f"{kind} {depth}", **style)
    axis.axhline(results.summary["chance"], color="grey", linestyle=":", label="most frequent digit")
    axis.set(title="(d) One layer deleted", xlabel="the layer deleted; the first one stays", ylim=(0, 1.04))
    axis.set_ylabel("test accuracy, median of seeds")


def _several(axis, results: Results, cut, name: str, title: str, xlabel: str) -> None:
    for kind, depth in cut:
        end = f"/{kind}/{depth}"
        counts = sorted(
            int(key.removesuffix(end).removeprefix(f"{name}_"))
            for key in results.curves
            if key.startswith(f"{name}_") and key.endswith(end)
        )
        values = [results.curves["whole" + end], *(results.curves[f"{name}_{count}{end}"] for count in counts)]
        low, middle, high = np.transpose([np.quantile(value, (0.25, 0.5, 0.75)) for value in values])
        axis.plot([0, *counts], middle, label=f"{kind} {depth}", **_style(cut, kind, depth))
        axis.fill_between([0, *counts], low, high, color=COLOURS[kind], alpha=0.1, linewidth=0)
    axis.axhline(results.summary["chance"], color="grey", linestyle=":", label="most frequent digit")
    axis.set(title=f"{title}: median and quartiles", xlabel=xlabel, ylabel="test accuracy", ylim=(0, 1.04))
