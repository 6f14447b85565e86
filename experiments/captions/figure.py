"""The figure of `captions`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.common.intervals import Interval, of_mean

MARGIN = 2.0
"""Points by which a look at every letter may be ahead."""
SHOWN = 4
"""Examples of mistakes, and of what is right."""


def plot(results: Results):
    """Draws exact match by test, the difference between the feeds, and held-out numbers with what was written."""
    figure: Any = plt.figure(figsize=(WIDTH, 6.8), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[2.1, 1])
    matches, differences = upper.subplots(1, 2, width_ratios=[1.5, 1])
    _matches(matches, results)
    _differences(differences, results)
    _examples(lower, results)
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """What the run found, in words that the intervals choose."""
    first, every = (results.curves[f"exact/{feed}"] for feed in results.summary["feeds"])
    gap = of_mean(first[:, 1] - first[:, 2])
    composed = (
        f"{of_mean(first[:, 2]).middle:.1%} of numbers whose names it was never trained on, {_compared(gap, 'of trained ones')}"
    )
    return (
        f"An LSTM that sees the digits once spells {composed}; a look at every letter {_adds(of_mean((every - first)[:, 2]))}"
    )


def _compared(gap: Interval, others: str) -> str:
    points = f"{100 * abs(gap.middle):.1f} points"
    if gap.low > 0:
        return f"{points} fewer than {others}"
    return f"{points} more than {others}" if gap.high < 0 else f"not told apart from the share {others}"


def _adds(difference: Interval) -> str:
    points = f"{100 * abs(difference.middle):.1f} points"
    if difference.low > 0:
        return f"adds {points}"
    if difference.high < 0:
        return f"costs {points}"
    if not np.isfinite(difference.high):
        return f"adds {100 * difference.middle:.1f} points, of which one seed tells no interval"
    return f"adds between {100 * difference.low:.1f} and {100 * difference.high:.1f} points, not told apart from nothing"


def _reach(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of `[seed, test]` in percent and the reach of their intervals `[2, test]`, 0 where one seed leaves them open."""
    found = [of_mean(column) for column in values.T]
    reach = 100 * np.array([[one.middle - one.low, one.high - one.middle] for one in found]).T
    return 100 * np.array([one.middle for one in found]), np.where(np.isfinite(reach), reach, 0)


def _matches(axis: Any, results: Results) -> None:
    tests, (first, every) = results.summary["tests"], results.summary["feeds"]
    models = {
        first: (f"LSTM, pictures at the {first} only", PALETTE[0], "o"),
        every: (f"LSTM, pictures at {every}", PALETTE[1], "s"),
        results.summary["classifier"]: (results.summary["classifier"], "black", "^"),
    }
    for i, (name, (label, colour, marker)) in enumerate(models.items()):
        means, reach = _reach(results.curves[f"exact/{name}"])
        axis.errorbar(
            np.arange(len(tests)) + 0.2 * (i - 1),
            means,
            reach,
            color=colour,
            marker=marker,
            linestyle="none",
            capsize=4,
            label=label,
        )
    axis.hlines(95, -0.4, 0.4, color="grey", linestyle="--", label="target for one digit")
    axis.set_xticks(range(len(tests)), [f"{test}\n{note}" for test, note in zip(tests, _NOTES, strict=True)])
    axis.set(title="(a) Names spelled exactly on test pictures, 95 % over seeds", ylabel="exact match (%)", xlim=(-0.6, 2.6))
    axis.legend(loc="lower left")


_NOTES = ('such as "seven"', "name in training", "name not in training")


def _differences(axis: Any, results: Results) -> None:
    tests, (first, every) = results.summary["tests"], results.summary["feeds"]
    difference = results.curves[f"exact/{every}"] - results.curves[f"exact/{first}"]
    means, reach = _reach(difference)
    places = np.arange(len(tests))
    for i, seed in enumerate(100 * difference):
        spread = places + 0.18 + 0.02 * i
        axis.plot(spread, seed, color="grey", marker=".", linestyle="none", label="one seed" if i == 0 else None)
    axis.errorbar(
        places, means, reach, color=PALETTE[2], marker="D", linestyle="none", capsize=4, label="mean, 95 % over seeds"
    )
    axis.axhline(0, color="black", linewidth=0.8)
    axis.axhline(MARGIN, color="grey", linestyle="--", label=f"margin, {MARGIN:g} points")
    axis.set_xticks(places, [test.replace(" ", "\n") for test in tests])
    axis.set(title="(b) What a look at every letter adds", ylabel="every step - first step (points)", xlim=(-0.5, 2.6))
    axis.legend(loc="best")


def _examples(area: Any, results: Results) -> None:
    """The first mistakes of the first seed's chosen feed on held-out numbers, and the first it names rightly."""
    curves = results.curves
    good = curves["written"] == curves["truth"]
    wrong, right = np.flatnonzero(~good)[:SHOWN], np.flatnonzero(good)[:SHOWN]
    feed = results.summary["chosen feed by seed"][0]
    area.suptitle(
        f"(c) Held-out numbers, first seed, pictures at {feed}: the first mistakes, then the first names spelled rightly"
    )
    axes = area.subplots(1, 2 * SHOWN)
    for axis in axes:
        axis.axis("off")
    for axis, i in [*zip(axes[:SHOWN], wrong, strict=False), *zip(axes[SHOWN:], right, strict=False)]:
        axis.axis("on")
        axis.imshow(np.hstack([*curves["pictures"][i].reshape(2, 8, 8)]), cmap="gray_r")
        axis.set(xticks=[], yticks=[])
        axis.set_title(f'"{curves["written"][i]}"', color="black" if good[i] else PALETTE[1])
        axis.set_xlabel("right" if good[i] else f"is {curves['truth'][i]}")
