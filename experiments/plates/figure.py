"""The figure of `plates`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, headline
from experiments.common.intervals import Interval, of_mean
from experiments.plates.comparisons import LABELS, at_never_trained, gru_minus_convolution
from experiments.plates.data import trained_slots
from experiments.plates.models import OLDER, SHARED

COLOURS = dict(zip(LABELS, (PALETTE[0], PALETTE[5], PALETTE[1], PALETTE[4], PALETTE[3]), strict=True))
HATCHES = dict(zip(LABELS, ("", "//", "..", "xx", "--"), strict=True))
BAR = 0.2


def plot(results: Results):
    """Draws the accuracy of each model by place, and at the last place with and without the margin."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained", width_ratios=(2.6, 1), sharey=True)
    _places(left, results)
    _margins(right, results)
    for axis in (left, right):
        axis.axhline(0.1, color="black", linestyle=":", linewidth=1.2, label="chance")
    shown = {label: handle for axis in (left, right) for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=3)
    headline(figure, _finding(results))
    return figure


def _places(axis, results: Results) -> None:
    count = results.curves["gru"].shape[1]
    for i, name in enumerate(name for name in LABELS if name != OLDER):
        _bars(axis, name, np.arange(count) + BAR * (i - 1.5), results.curves[name], label=LABELS[name])
    trained = trained_slots(count)
    axis.set_xticks(range(count), [f"place {p}\n{'trained' if p in trained else 'never trained'}" for p in range(count)])
    axis.set(title="(a) Held-out digits by place: mean and its 95 % interval over runs", ylabel="accuracy", ylim=(0, 1.03))


def _margins(axis, results: Results) -> None:
    for i, name in enumerate(SHARED):
        both = np.stack([results.curves[name][:, -1], results.curves[f"{name}, no margin"][:, -1]], axis=1)
        _bars(axis, name, np.arange(2) + BAR * (i - 1), both, label=LABELS[name])
    axis.set_xticks(range(2), ["with the\nempty margin", "without"])
    axis.set(title=f"(b) Last place, {results.curves['gru'].shape[1] - 1}", xlim=(-0.6, 1.6))


def _bars(axis, name: str, places: np.ndarray, values: np.ndarray, **options) -> None:
    """Draws means of `[run, place]` with their intervals."""
    found = np.array([of_mean(column) for column in values.T])
    low, middle, high = found.T
    look = {"color": COLOURS[name], "hatch": HATCHES[name], "edgecolor": "white", "linewidth": 0}
    axis.bar(places, middle, 0.9 * BAR, **look, **options)
    axis.errorbar(places, middle, np.stack([middle - low, high - middle]), fmt="none", ecolor="black", capsize=2, linewidth=1.2)


def _finding(results: Results) -> str:
    gru, convolution, *unshared, _ = (100 * float(at_never_trained(results, name).mean()) for name in LABELS)
    return (
        f"At places never trained a GRU gets {gru:.0f} % of the digits right, {_words(gru_minus_convolution(results))} a "
        f"convolution of equal size ({convolution:.0f} %); models of the whole plate get at most {max(unshared):.0f} %"
    )


def _words(found: Interval) -> str:
    if found.low > 0:
        return f"{100 * found.middle:.1f} points more than"
    if found.high < 0:
        return f"{-100 * found.middle:.1f} points fewer than"
    return "about as many as"
