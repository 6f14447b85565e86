"""The figure of `neural_turing`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.neural_turing.networks import LSTM, MACHINE, NETWORKS

COLOURS = dict(zip(NETWORKS, PALETTE, strict=False))
MARKERS = dict(zip(NETWORKS, "os", strict=True))
LEAST = 1e-2
"""Bits at the lower end of an axis; what lies below is drawn there."""
LEARNED = 0.05
"""Nats per step at the end of a training, below which a machine may be shown."""


def plot(results: Results) -> Any:
    """Draws costs in training, costs against length, and where the heads of one machine stand at every step."""
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 7.6), layout="constrained")
    _training(axes[0, 0], results)
    _lengths(axes[0, 1], results)
    for axis, letter, head in zip(axes[1], "cd", ("write", "read"), strict=True):
        _addressing(axis, results, letter, head)
    figure.legend(*axes[0, 1].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    headline(figure, finding(results))
    return figure


def of_seeds(results: Results, key: str, name: str) -> list[np.ndarray]:
    """One array per seed."""
    return [values for other, values in results.curves.items() if other.startswith(f"{key}/{name}/")]


def finding(results: Results) -> str:
    """Says what the median seeds pay at once, twice and four times the trained length."""
    longest, bits = int(results.curves["longest"]), int(results.curves["bits"])
    lengths = [times * longest for times in (1, 2, 4)]
    places = [int(np.argmax(results.curves["lengths"] == length)) for length in lengths]
    paid = {name: [np.median([one[place] for one in of_seeds(results, "cost", name)]) for place in places] for name in NETWORKS}
    return (
        f"Trained to copy up to {longest} vectors of {bits} bits, the median machine pays {_listed(paid[MACHINE])} bits for "
        f"{_listed(lengths)} of them, the median LSTM {_listed(paid[LSTM])}; guessing costs "
        f"{_listed([bits * length for length in lengths])}"
    )


def _listed(numbers: Any) -> str:
    return "{:.3g}, {:.3g} and {:.3g}".format(*numbers)


def _training(axis: Any, results: Results) -> None:
    """A loss per step, times the mean number of steps that count, in bits."""
    longest = int(results.curves["longest"])
    for name in NETWORKS:
        for updates, losses in zip(of_seeds(results, "updates", name), of_seeds(results, "losses", name), strict=True):
            bits = losses / np.log(2) * (longest + 1) / 2
            axis.plot(updates, bits, color=COLOURS[name], marker=MARKERS[name], markersize=3, linewidth=1)
    axis.set(yscale="log", xlabel="updates", ylabel="bits per sequence")
    axis.set_title(f"(a) training on 1 to {longest} vectors, every seed")


def _lengths(axis: Any, results: Results) -> None:
    of, longest, bits = results.curves["lengths"], int(results.curves["longest"]), int(results.curves["bits"])
    for name in NETWORKS:
        costs = np.maximum(np.stack(of_seeds(results, "cost", name)), LEAST)
        look = {"color": COLOURS[name], "marker": MARKERS[name], "markersize": 4}
        for cost in costs:
            axis.plot(of, cost, linewidth=0.8, alpha=0.5, **look)
        axis.plot(of, np.median(costs, axis=0), linewidth=2.5, label=f"{name}: in (b) thin seeds, bold median", **look)
    axis.plot(of, bits * of, color="0.4", linestyle="--", linewidth=1, label="guessing")
    axis.axvline(longest, color="0.4", linestyle=":", linewidth=1)
    axis.set(yscale="log", xlabel="vectors to copy; dotted: the most that were trained", ylabel="bits per sequence")
    axis.set_title(f"(b) fresh sequences of one length, at least {LEAST:g}")


def shown(results: Results) -> int:
    """The first machine that learned, or the first one."""
    return next((i for i, losses in enumerate(of_seeds(results, "losses", MACHINE)) if losses[-1] < LEARNED), 0)


def _addressing(axis: Any, results: Results, letter: str, head: str) -> None:
    longest, weights = int(results.curves["longest"]), of_seeds(results, f"{head}_weights", MACHINE)[shown(results)]
    picture = axis.imshow(weights.T, origin="lower", aspect="auto", cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
    axis.axvline(2 * longest, color=PALETTE[1], linewidth=1)
    axis.set(xlabel="step; the line is the delimiter", ylabel="slot")
    axis.set_title(f"({letter}) {head} weights of machine {1 + shown(results)}, {2 * longest} vectors")
    axis.figure.colorbar(picture, ax=axis, shrink=0.8)
