"""The figure of `forecasting`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.common.intervals import of_mean
from experiments.forecasting.composition import SEASONAL
from experiments.forecasting.findings import FAMILIES, chosen, kinds_of, mase, of_pair, series_of

LOOKS = {"classical": (PALETTE[0], "o"), "recurrent": (PALETTE[1], "s"), "other": ("0.45", "D")}
ROOM = 0.6
"""Of the range of values, above them, for the legend."""
SHOWN = 4
"""Horizons of the past that are drawn before a forecast."""


def plot(results: Results):
    """Draws a forecast of every series by the chosen models, and how far off all models are."""
    names = series_of(results)
    kinds = list(dict.fromkeys(kind for name in names for kind in kinds_of(results, name)))
    height = 2.6 + 0.24 * len(kinds) + 1.2
    figure, axes = plt.subplots(
        2, len(names), figsize=(WIDTH, height), layout="constrained", squeeze=False, height_ratios=(2.6, 0.24 * len(kinds) + 1)
    )
    for name, above, below in zip(names, *axes, strict=True):
        _forecast(above, results, name)
        _errors(below, results, name, kinds, labelled=name == names[0])
    headline(figure, _finding(results, names))
    return figure


def _forecast(axis, results: Results, name: str) -> None:
    """The last forecasts of the chosen models; of a user's series those of what comes."""
    values, times, origins = (results.curves[f"{key}/{name}"] for key in ("values", "times", "origins"))
    horizon = int(results.curves["horizon"])
    apart, shown = times[1] - times[0], chosen(results, name) or {"other": kinds_of(results, name)[-1]}
    coming = results.curves[f"coming/{name}/{next(iter(shown.values()))}"].size > 0
    first = len(values) if coming else int(origins[-1])
    known = slice(max(first - SHOWN * horizon, 0), min(first + horizon, len(values)))
    axis.plot(times[known], values[known, 0], color="black", linewidth=1.2, label="observed")
    ahead = times[0] + apart * (first + np.arange(horizon))
    for family, kind in shown.items():
        said = results.curves[f"coming/{name}/{kind}" if coming else f"said/{name}/{kind}"].mean(axis=0)
        low, middle, high = (said if coming else said[-1]).T
        colour, marker = LOOKS[family]
        axis.plot(ahead, middle, color=colour, marker=marker, markersize=3, linewidth=1.2, label=kind)
        axis.fill_between(ahead, low, high, color=colour, alpha=0.2, linewidth=0)
    axis.axvline(ahead[0] - apart / 2, color="0.6", linewidth=0.8, linestyle=":")
    axis.set(title=name, ylabel=str(results.curves[f"unit/{name}"]))
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + ROOM * (high - low))
    axis.legend(loc="upper left", handlelength=1.5)


def _errors(axis, results: Results, name: str, kinds: list[str], *, labelled: bool) -> None:
    """MASE of all models with its interval over seeds; those chosen on validation are filled."""
    for place, kind in enumerate(kinds):
        if kind not in kinds_of(results, name):
            continue
        found = mase(results, name, kind)
        low, middle, high = of_mean(found)
        family = next((family for family, members in FAMILIES.items() if kind in members), "other")
        colour, marker = LOOKS[family]
        full = kind in chosen(results, name).values()
        axis.plot(middle, place, marker, color=colour, markerfacecolor=colour if full else "white", markersize=5)
        if len(found) > 1:
            axis.plot([low, high], [place, place], color=colour, linewidth=1.2)
    axis.axvline(mase(results, name, SEASONAL).mean(), color="0.6", linewidth=0.8, linestyle="--")
    middles = [mase(results, name, kind).mean() for kind in kinds_of(results, name)]
    axis.set(yticks=range(len(kinds)), yticklabels=kinds if labelled else [], xlim=(0, 1.1 * max(middles)))
    axis.set_xlabel(f"MASE, steps 1 to {int(results.curves['horizon'])}")
    axis.set_ylim(len(kinds) - 0.5, -0.5)
    axis.grid(axis="y", color="0.92")


def _finding(results: Results, names: list[str]) -> str:
    """What the data show, in one sentence."""
    if len(names) == 1:
        shown = dict.fromkeys([*chosen(results, names[0]).values(), SEASONAL])
        errors = ", ".join(f"{kind} {mase(results, names[0], kind).mean():.2f}" for kind in shown)
        return f"{names[0]}: MASE of {errors}; models chosen on validation"
    both = [name for name in names if set(FAMILIES) <= set(chosen(results, name))]
    if len(both) < len(names):
        best = {name: min(kinds_of(results, name), key=lambda kind: mase(results, name, kind).mean()) for name in names}
        return f"Least MASE: {', '.join(f'{kind} ({name})' for name, kind in best.items())}"
    wins = sum(
        mase(results, name, kinds["classical"]).mean() < mase(results, name, kinds["recurrent"]).mean()
        for name, kinds in ((name, chosen(results, name)) for name in names)
    )
    low, middle, high = of_pair(results, "recurrent", "classical")
    return (
        f"The classical model chosen on validation is ahead of the recurrent one on {wins} of {len(names)} series; "
        f"recurrent / classical MASE {middle:.2f} [{low:.2f}, {high:.2f}]"
    )
