"""The figure of `char_lm`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.char_lm.baselines import CACHE, name_of
from experiments.char_lm.comparison import CACHED, CHOSEN, FIXED
from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.common.intervals import Interval, of_mean

BLUE, ORANGE, GREY = PALETTE[0], PALETTE[1], "#BBBBBB"


def plot(results: Results):
    """Draws bits per character by model, the loss of closing brackets by distance, and how one wrong character spreads."""
    figure, (bars, lags, spread) = plt.subplots(1, 3, figsize=(WIDTH, 4.4), layout="constrained", width_ratios=(1, 1, 1))
    _bars(bars, results)
    _by_distance(lags, results.curves)
    _spread(spread, results.curves)
    headline(figure, title(results))
    return figure


def title(results: Results) -> str:
    """The finding in words."""
    found = results.summary
    return (
        f"On {found['text']} the LSTM {_compared(found[FIXED])} the best n-gram without a cache, and "
        f"{_compared(found[CHOSEN])} the n-gram that the validation part chooses; with a cache of its own it "
        f"{_compared(found[CACHED])} the n-gram with a cache"
    )


def _compared(difference: Interval) -> str:
    """What the LSTM needs against an n-gram that needs so much more."""
    bits = f"{abs(difference.middle) / np.log(2):.2f} bits per character"
    if difference.low > 0:
        return f"needs {bits} less than"
    return f"needs {bits} more than" if difference.high < 0 else "is not told apart from"


def _bars(axis, results: Results) -> None:
    rows = {row["model"]: row for row in results.rows}
    shown = [name_of("Witten-Bell", 1), *results.summary["shown"]]
    for place, name in enumerate(shown):
        row, recurrent = rows[name], name.startswith("lstm")
        middle, low, high = (row[key] / np.log(2) for key in ("test nats", "low", "high"))
        axis.barh(place, middle, color=BLUE if recurrent else GREY, hatch="" if recurrent else "//", edgecolor="white")
        axis.errorbar(middle, place, xerr=[[middle - low], [high - middle]], color="black", capsize=3)
        axis.annotate(f"{middle:.2f}", (high, place), (5, 0), textcoords="offset points", va="center")
    axis.set_yticks(range(len(shown)), [_broken(name) for name in shown])
    axis.invert_yaxis()
    axis.set(xlabel="bits per character", title="(a) Test part (95 %, blocks drawn anew)")
    axis.set_xlim(0, axis.get_xlim()[1] * 1.12)


def _broken(name: str) -> str:
    """The name of a model in lines."""
    return name.replace("lstm", "LSTM").replace(f", {CACHE}", f",\n{CACHE}").replace(" (", "\n(")


def _by_distance(axis, curves: dict[str, np.ndarray]) -> None:
    edges = np.array([1, 2, 4, 8, 16, 32, 64, 128, 256, 100_000])
    places = np.digitize(curves["distance"], edges) - 1
    middles = np.sqrt(edges[:-1] * np.minimum(edges[1:], 512))
    kept = [i for i in range(len(middles)) if (places == i).sum() >= 10]
    looks = {"lstm": ("LSTM", BLUE, "o-"), "ngram": ("n-gram without a cache", ORANGE, "s--")}
    for shift, (name, (label, colour, style)) in zip((0.96, 1.04), looks.items(), strict=True):
        found = np.array([of_mean(curves[name][places == i]) for i in kept]).reshape(-1, 3)
        low, mean, high = found.T
        axis.errorbar(middles[kept] * shift, mean, [mean - low, high - mean], fmt=style, color=colour, label=label, capsize=2)
    axis.set(
        xscale="log",
        xlabel="characters since it was opened",
        ylabel="nats, mean and 95 %",
        title="(b) Loss of closing brackets and quotes",
    )
    axis.set_ylim(bottom=0)
    axis.legend()


def _spread(axis, curves: dict[str, np.ndarray]) -> None:
    looks = {
        "free": ("running free: share of\ncharacters that differ", ORANGE, "--"),
        "forced": ("reading the true text:\ndistance of predictions", BLUE, "-"),
    }
    for name, (label, colour, style) in looks.items():
        low, mean, high = np.array([of_mean(step) for step in curves[name]]).T
        steps = np.arange(1, len(mean) + 1)
        axis.plot(steps, mean, style, color=colour, label=label)
        axis.fill_between(steps, low, high, color=colour, alpha=0.25, linewidth=0)
    first, last = (curves["forced"][step].mean() for step in (0, -1))
    axis.set(
        xlabel="characters from the wrong one on",
        ylabel="difference (mean and 95 %)",
        ylim=(0, 1.02),
        title=f"(c) An error: {first:.2f}, in the end {last:.2f}",
    )
    axis.legend(loc="center right")
