"""The figure of `char_lm`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.char_lm.baselines import CACHE, SMOOTHINGS, name_of
from experiments.char_lm.comparison import CHOSEN
from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.common.intervals import of_mean

BLUE, ORANGE, GREY = PALETTE[0], PALETTE[1], "#BBBBBB"


def plot(results: Results):
    """Draws bits per character by model, the loss of closing brackets by distance, and how one wrong character spreads."""
    figure, (bars, lags, spread) = plt.subplots(1, 3, figsize=(WIDTH, 4.2), layout="constrained", width_ratios=(1.15, 1, 1))
    _bars(bars, results)
    _by_distance(lags, results.curves)
    _spread(spread, results.curves)
    headline(figure, title(results))
    return figure


def title(results: Results) -> str:
    """The finding in words."""
    difference, found = results.summary[CHOSEN], results.summary
    bits = f"{abs(difference.middle) / np.log(2):.2f} bits per character"
    if difference.low > 0:
        compared = f"needs {bits} less than the best n-gram"
    elif difference.high < 0:
        compared = f"needs {bits} more than the best n-gram"
    else:
        compared = "is not told apart from the best n-gram"
    first, last = results.curves["forced"][0].mean(), results.curves["forced"][-1].mean()
    free = results.curves["free"][-1].mean()
    return (
        f"On {found['text']} the LSTM {compared}. A wrong character changes the next prediction by {first:.2f} in "
        f"total variation, that {len(results.curves['forced'])} characters on by {last:.2f}; running free, {free:.0%} "
        "of the characters differ by then"
    )


def _bars(axis, results: Results) -> None:
    rows, found = {row["model"]: row for row in results.rows}, results.summary
    best = [found[f"best {kind}"] for kind in (*SMOOTHINGS, CACHE)]
    shown = [name_of("Witten-Bell", 1), *best, found["lstm"]]
    labels = [
        "one character",
        *(name.replace(", ", "\n", 1).replace(", cache", "\n+ cache").replace(" (", "\n(") for name in best),
    ]
    for place, name in enumerate(shown):
        row, last = rows[name], place == len(shown) - 1
        middle, low, high = (row[key] / np.log(2) for key in ("test nats", "low", "high"))
        axis.barh(place, middle, color=BLUE if last else GREY, hatch="" if last else "//", edgecolor="white")
        axis.errorbar(middle, place, xerr=[[middle - low], [high - middle]], color="black", capsize=3)
        axis.annotate(f"{middle:.2f}", (high, place), (5, 0), textcoords="offset points", va="center")
    axis.set_yticks(range(len(shown)), [*labels, found["lstm"].replace("lstm", "LSTM,") + " units"])
    axis.invert_yaxis()
    axis.set(xlabel="bits per character", title="(a) Test part; bars: 95 % of blocks drawn anew")
    axis.set_xlim(0, axis.get_xlim()[1] * 1.12)


def _by_distance(axis, curves: dict[str, np.ndarray]) -> None:
    edges = np.array([1, 2, 4, 8, 16, 32, 64, 128, 256, 100_000])
    places = np.digitize(curves["distance"], edges) - 1
    middles = np.sqrt(edges[:-1] * np.minimum(edges[1:], 512))
    kept = [i for i in range(len(middles)) if (places == i).sum() >= 10]
    looks = {"lstm": ("LSTM", BLUE, "o-"), "ngram": ("best n-gram", ORANGE, "s--")}
    for shift, (name, (label, colour, style)) in zip((0.96, 1.04), looks.items(), strict=True):
        found = np.array([of_mean(curves[name][places == i]) for i in kept]).reshape(-1, 3)
        low, mean, high = found.T
        axis.errorbar(middles[kept] * shift, mean, [mean - low, high - mean], fmt=style, color=colour, label=label, capsize=2)
    axis.set(
        xscale="log",
        xlabel="characters since it was opened",
        ylabel="loss of the closing one (nats, mean and 95 %)",
        title="(b) Closing brackets and quotes",
    )
    axis.set_ylim(bottom=0)
    axis.legend()


def _spread(axis, curves: dict[str, np.ndarray]) -> None:
    looks = {
        "free": ("running free: share of characters that differ", ORANGE, "--"),
        "forced": ("reading the true text: distance of predictions", BLUE, "-"),
    }
    for name, (label, colour, style) in looks.items():
        low, mean, high = np.array([of_mean(step) for step in curves[name]]).T
        steps = np.arange(1, len(mean) + 1)
        axis.plot(steps, mean, style, color=colour, label=label)
        axis.fill_between(steps, low, high, color=colour, alpha=0.25, linewidth=0)
    axis.set(
        xlabel="characters from the wrong one on",
        ylabel="difference from the undisturbed run (mean, 95 %)",
        ylim=(0, 1.25),
        title="(c) One wrong character",
    )
    axis.legend(loc="upper right")
