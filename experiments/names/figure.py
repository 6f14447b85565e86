"""The figure of `names`."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullLocator

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.common.intervals import Interval
from experiments.names.scores import CHOSEN, FIRST, MAJORITY, NGRAMS, ahead, gain, over_folds

LOOKS = {
    NGRAMS: {"color": PALETTE[6], "marker": "D"},
    CHOSEN: {"color": PALETTE[1], "marker": "s"},
    MAJORITY: {"color": "0.5", "marker": "v"},
}
OTHER = {"color": PALETTE[0], "marker": "o"}


def plot(results: Results):
    """Draws accuracies, the differences that are claimed, and how accuracy grows with the number of names."""
    figure, axes = plt.subplot_mosaic(
        [["accuracy", "curve"], ["difference", "curve"]],
        figsize=(WIDTH, 5.4),
        layout="constrained",
        width_ratios=(1.2, 1),
        height_ratios=(2, 1),
    )
    _accuracies(axes["accuracy"], results.curves)
    _differences(axes["difference"], results.curves)
    _learning(axes["curve"], results.curves)
    headline(figure, _finding(results.curves))
    return figure


def _accuracies(axis, curves) -> None:
    models = [name.removeprefix("test/") for name in curves if name.startswith("test/")]
    order = [MAJORITY, *sorted(set(models) - {MAJORITY, CHOSEN, NGRAMS}), CHOSEN, NGRAMS]
    for place, model in enumerate(order):
        _draw(axis, place, curves[f"test/{model}"], LOOKS.get(model, OTHER))
    _label(axis, order)
    axis.set(xlabel="accuracy on territories unknown in any language", xlim=(0, 1))
    axis.set_title("(a) Every model: folds (small), mean and 95 % interval")


def _differences(axis, curves) -> None:
    rows = {f"{kind}: last minus mean": (f"{kind}, last", f"{kind}, mean") for kind in _kinds(curves)}
    rows["n-grams minus network"] = (NGRAMS, CHOSEN)
    for place, (ours, theirs) in enumerate(rows.values()):
        _draw(axis, place, curves[f"test/{ours}"] - curves[f"test/{theirs}"], LOOKS.get(ours, OTHER))
    axis.axvline(0, color="0.4", linewidth=0.8)
    axis.plot([FIRST] * 2, [len(rows) - 1.4, len(rows) - 0.6], ":", color="0.4")
    _label(axis, list(rows))
    axis.set(xlabel="difference in accuracy, paired by folds")
    axis.set_title("(b) Differences; dotted: what the first criterion allows")


def _learning(axis, curves) -> None:
    sizes = curves["curve/names"].mean(axis=0)
    for name, style, aside in ((NGRAMS, "-", 0.98), (CHOSEN, "--", 1.02)):
        found = [over_folds(column) for column in curves[f"curve/{name}"].T]
        low, middle, high = np.array(found).T
        errors = (middle - low, high - middle)
        axis.errorbar(sizes * aside, middle, errors, linestyle=style, capsize=3, label=name, **LOOKS[name])
    axis.set_xscale("log", base=2)
    axis.set_xticks(sizes, [f"{size:,.0f}" for size in sizes])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set(xlabel="training names (logarithmic)", ylabel="accuracy on test territories", ylim=(0, 1))
    axis.set_title("(c) Fewer training territories")
    axis.legend(loc="lower right")


def _draw(axis, place: int, values: np.ndarray, look: dict[str, str]) -> None:
    low, middle, high = over_folds(values)
    above = place + 0.25
    axis.plot(values, np.full(len(values), above), ".", color="0.6", markersize=4)
    axis.errorbar(middle, place, xerr=[[middle - low], [high - middle]], capsize=3, markersize=6, **look)
    axis.annotate(f"{middle:.3f}", (high, place), (6, 0), textcoords="offset points", va="center")


def _label(axis, names: list[str]) -> None:
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(-0.6, len(names) - 0.4)
    axis.margins(x=0.2)


def _kinds(curves) -> list[str]:
    return sorted(
        name.removeprefix("test/").removesuffix(", last") for name in curves if name.endswith(", last") and "test/" in name
    )


def _finding(curves) -> str:
    """Says what the intervals allow to say."""
    mean = {name: f"{curves[f'test/{name}'].mean():.0%}" for name in (NGRAMS, CHOSEN)}
    order = _said(ahead(curves), "beat", "lose to", "are not told apart from")
    gains = {kind: _said(gain(curves, kind), "beats", "loses to", "is not told apart from") for kind in _kinds(curves)}
    parts = [f"{verb} their mean in the {kind}" for kind, verb in gains.items()]
    if len(set(gains.values())) == 1:
        parts = [f"{next(iter(gains.values()))} their mean in {' and '.join(gains)}"]
    return (
        f"On unseen territories letter n-grams ({mean[NGRAMS]}) {order} the recurrent network ({mean[CHOSEN]}); "
        f"the last of all states {' and '.join(parts)}"
    )


def _said(difference: Interval, better: str, worse: str, neither: str) -> str:
    return better if difference.low > 0 else worse if difference.high < 0 else neither
