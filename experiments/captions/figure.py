"""The figure of `captions`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, running_mean

SHOWN = 6


def plot(results: Results):
    """Draws training losses, exact matches, and pictures with what was written, wrong ones first."""
    rows, curves = {row["picture fed at"]: row for row in results.rows}, results.curves
    feeds = list(rows)[:2]  # then come the classifier and the baseline
    figure = plt.figure(figsize=(16, 10), layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=[2.4, 1])
    upper, lower = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    losses, matches = upper.subplots(1, 2)
    for feed, colour, style in zip(feeds, PALETTE, ("-", "--"), strict=False):
        loss = np.median(curves[f"loss/{feed}"], axis=0)
        smooth = running_mean(loss, 20)
        label = f"picture at {feed}: {rows[feed]['training loss']:.2g} at the end"
        losses.semilogy(
            np.arange(len(loss) - len(smooth), len(loss)) + 1, smooth, color=colour, linestyle=style, linewidth=2, label=label
        )
    losses.set(
        title="(a) Training loss, median over seeds", xlabel="update", ylabel="loss (nats per letter), mean of 20 updates"
    )
    losses.legend(fontsize=10)
    names, values = list(rows), [100 * row["exact match"] for row in rows.values()]
    bars = matches.bar(range(len(names)), values, 0.6, color=[*PALETTE[:2], "grey", "silver"])
    ends = np.array([[100 * abs(rows[f]["exact match"] - rows[f][key]) for f in feeds] for key in ("worst seed", "best seed")])
    matches.errorbar(range(len(feeds)), values[: len(feeds)], ends, fmt="none", ecolor="black", capsize=8)
    matches.bar_label(bars, [f"{value:.1f}" for value in values], padding=5)
    matches.axhline(95, color="black", linewidth=0.8, linestyle="--", label="target for the better variant: 95")
    matches.set_xticks(
        range(len(names)), [(f"picture at\n{name}" if name in feeds else "\n".join(name.split(maxsplit=1))) for name in names]
    )
    matches.set(
        title=f"(b) {results.summary['held out']} held-out pictures; whiskers: worst and best of "
        f"{results.summary['seeds']} seeds",
        xlabel="variant",
        ylabel="name spelled exactly (%)",
        ylim=(0, 118),
    )
    matches.legend(fontsize=10, loc="upper right")
    best = max(feeds, key=lambda feed: rows[feed]["exact match"])
    _pictures(lower, curves, best)
    low, high = max(rows[f]["worst seed"] for f in feeds), min(rows[f]["best seed"] for f in feeds)
    verdict = "no more apart than seeds are" if low <= high else "further apart than seeds are"
    spelled = [f"{rows[feed]['exact match']:.1%}" for feed in feeds]
    figure.suptitle(
        f"Held-out pictures of digits whose names an LSTM spells exactly: {spelled[0]} with the picture at "
        f"the {feeds[0]} only, {spelled[1]} at {feeds[1]}, {verdict};\na classifier that need not spell: "
        f"{results.rows[-2]['exact match']:.1%}; always the most frequent name: {results.rows[-1]['exact match']:.1%}",
        fontsize=14,
    )
    return figure


def _pictures(area, curves: dict[str, np.ndarray], feed: str) -> None:
    """Shows the first mistakes of the first network, then pictures it names rightly."""
    written, truth = curves[f"names/{feed}"][0], curves["truth"]
    wrong = [i for i, name in enumerate(truth) if written[i] != name]
    right = list({name: i for i, name in reversed(list(enumerate(truth))) if written[i] == name}.values())  # one of each name
    area.suptitle(f"(c) Pictures at {feed}, first network: {len(wrong)} wrong of {len(truth)} (left: wrong, right: correct)")
    chosen = wrong[:SHOWN] + right[: 2 * SHOWN - len(wrong[:SHOWN])]
    axes = area.subplots(1, 2 * SHOWN, squeeze=False)[0]
    for axis, i in zip(axes, chosen, strict=False):
        axis.imshow(curves["pictures"][i], cmap="gray_r")
        axis.set_xticks([])
        axis.set_yticks([])
        good = written[i] == truth[i]
        axis.set_title(f'"{written[i]}"', color="black" if good else PALETTE[1], fontsize=12)
        axis.set_xlabel("correct" if good else f"is {truth[i]}", fontsize=11)
    for axis in axes[len(chosen) :]:
        axis.axis("off")
