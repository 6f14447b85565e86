"""The figure of `dates`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline, running_mean
from experiments.common.intervals import Interval, of_mean
from experiments.dates.data import ISO

LABELS = {"none": "no context", "last": "last state", "transformed": "transformed state", "attention": "attention"}
COLOURS = dict(zip(LABELS, (PALETTE[3], PALETTE[1], PALETTE[2], PALETTE[0]), strict=True))
LINES = dict(zip(LABELS, (":", "--", "-.", "-"), strict=True))
MARKERS = dict(zip(LABELS, ("v", "s", "D", "o"), strict=True))


def plot(results: Results):
    """Draws exact match against the length of the text and by combination, training losses, and one attention map."""
    figure: Any = plt.figure(figsize=(WIDTH, 8.4), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[1, 0.85])
    texts, kinds, losses = upper.subplots(1, 3, width_ratios=[1.25, 0.8, 1.25])
    _texts(texts, results)
    _kinds(kinds, results)
    _losses(losses, results)
    _attention(lower.subplots(), results)
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """What the run found, in words that the intervals choose."""
    text, exact = results.summary["other text"][-1], results.curves["exact/attention"]
    far, unseen = exact[:, -1].mean(), exact[:, 1].mean()
    if "last" not in results.summary["contexts"]:
        return (
            f"Attention writes {far:.1%} of unseen dates rightly within {text} characters of other text, "
            f"and {unseen:.1%} in combinations of language and format never trained"
        )
    ahead = exact - results.curves["exact/last"]
    return (
        f"Within {text} characters of other text attention writes {far:.1%} of dates, {_gain(of_mean(ahead[:, -1]))} the last "
        f"state; in combinations of language and format never trained, {unseen:.1%}, {_gain(of_mean(ahead[:, 1]))} it. "
        f"{_speed(results)}"
    )


def _gain(difference: Interval) -> str:
    """A paired difference of exact matches, in words."""
    points = f"{100 * abs(difference.middle):.1f} points"
    if difference.low > 0:
        return f"{points} ahead of"
    return f"{points} behind" if difference.high < 0 else "not told apart from"


def _speed(results: Results) -> str:
    """How many seeds' training losses get to where speed is read, and after how many updates, in words."""
    attention, last = (results.curves[f"updates to low loss/{context}"] for context in ("attention", "last"))
    return f"Updates to a training loss of 0.01, median: {_count(attention)} with attention, {_count(last)} without"


def _count(updates: np.ndarray) -> str:
    middle = float(np.median(updates))
    return f"{middle:.0f}" if np.isfinite(middle) else "never"


def _whiskers(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of `[seed, n]` in percent and the reach of their intervals `[2, n]`, 0 where one seed leaves them open."""
    found = [of_mean(column) for column in values.T]
    reach = 100 * np.array([[one.middle - one.low, one.high - one.middle] for one in found]).T
    return 100 * np.array([one.middle for one in found]), np.where(np.isfinite(reach), reach, 0)


def _points(axis: Any, places: np.ndarray, context: str, values: np.ndarray, line: str) -> None:
    means, reach = _whiskers(values)
    axis.errorbar(
        places, means, reach, color=COLOURS[context], marker=MARKERS[context], linestyle=line, capsize=4, label=LABELS[context]
    )


def _texts(axis: Any, results: Results) -> None:
    lengths, trained = results.summary["other text"], results.summary["other text in training"]
    axis.axvspan(0, trained, color="0.9", zorder=0, label="trained lengths")
    for context in results.summary["contexts"]:
        _points(axis, np.array(lengths), context, results.curves[f"exact/{context}"][:, 2:], LINES[context])
    axis.set(
        title="(a) Dates within other text",
        xlabel="characters of other text",
        ylabel="dates written exactly (%)",
        ylim=(None, 100.8),
        xticks=lengths,
    )
    axis.legend(loc="lower left")


def _kinds(axis: Any, results: Results) -> None:
    contexts = results.summary["contexts"]
    for i, context in enumerate(contexts):
        shift = 0.16 * (i - (len(contexts) - 1) / 2)
        exact = results.curves[f"exact/{context}"][:, :2]
        _points(axis, np.arange(2) + shift, context, exact, "none")
        axis.plot(np.arange(2) + 2.5 * shift, 100 * exact.T, color=COLOURS[context], marker=".", linestyle="none", alpha=0.6)
    axis.set_xticks([0, 1], ["trained", "never trained"])
    axis.set(
        title="(b) Combinations; dots are seeds",
        xlabel="language and format together",
        ylabel="dates written exactly (%)",
        xlim=(-0.5, 1.5),
        ylim=(None, 100.8),
    )


def _losses(axis: Any, results: Results) -> None:
    for context in results.summary["contexts"]:
        losses = running_mean(results.curves[f"training/{context}"], 20)
        updates = np.arange(losses.shape[1]) + results.curves[f"training/{context}"].shape[1] - losses.shape[1] + 1
        colour = COLOURS[context]
        axis.fill_between(updates, losses.min(axis=0), losses.max(axis=0), color=colour, alpha=0.2, linewidth=0)
        axis.semilogy(updates, np.median(losses, axis=0), color=colour, linestyle=LINES[context], label=LABELS[context])
    axis.axhline(0.01, color="black", linewidth=0.8, label="0.01, where speed is read")
    chance = results.summary["loss of knowing only that it is a date of the century"]
    axis.axhline(chance, color="grey", linewidth=0.8, linestyle=":", label="any date of the century")
    axis.set(
        title="(c) Training loss: median and range of seeds", xlabel="update", ylabel="nats per character, mean of 20 updates"
    )
    axis.legend()


def _attention(axis: Any, results: Results) -> None:
    alphabet = results.summary["alphabet"]
    read = ["␣" if alphabet[i].isspace() else alphabet[i] for i in results.curves["shown"]]
    names = [*ISO, "end"]
    image = axis.imshow(results.curves["weights"], aspect="auto", cmap="cividis", vmin=0, vmax=1)
    axis.figure.colorbar(image, ax=axis, label="weight", pad=0.01)
    axis.set_xticks(range(len(read)), [f"\n{symbol}" if str(symbol)[1:] else symbol for symbol in read])
    axis.set_yticks(range(len(results.curves["target"])), [names[i] for i in results.curves["target"]])
    axis.tick_params(axis="x", length=0, pad=2)
    axis.set(
        title=f"(d) Which characters attention looks at while it writes a test date "
        f"within {results.summary['other text'][-1]} characters of other text",
        xlabel="character read; ␣ is a space, and the language's tag is one symbol",
        ylabel="character written",
    )
