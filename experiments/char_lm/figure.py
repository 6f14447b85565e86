"""The figure of `char_lm`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"


def plot(results: Results):
    """Draws bits per character by model, the loss of closing brackets by distance, and how one wrong character spreads."""
    figure, (bars, lags, spread) = plt.subplots(1, 3, figsize=(19, 6), layout="constrained")
    _bars(bars, results)
    _by_distance(lags, results.curves)
    _spread(spread, results.curves)
    ours, ngram = (results.summary[f"nats per character, {name}"] for name in ("lstm", "best n-gram"))
    figure.suptitle(
        f"{results.summary['text']}: the LSTM needs {ours / np.log(2):.2f} bits ({ours:.3f} nats) per character, "
        f"the best n-gram (order {results.summary['best n-gram']}) {ngram / np.log(2):.2f} ({ngram:.3f})",
        fontsize=14,
    )
    return figure


def _bars(axis, results: Results) -> None:
    names, bits = [r["model"] for r in results.rows], [r["bits"] for r in results.rows]
    colours = [BLUE if name.startswith("lstm") else "#BBBBBB" for name in names]
    axis.barh(names, bits, color=colours)
    for i, value in enumerate(bits):
        axis.text(value, i, f" {value:.2f}", va="center", fontsize=9)
    axis.invert_yaxis()
    axis.set(xlabel="bits per character, validation tenth", title="(a) Each model on the same text")


def _by_distance(axis, curves: dict[str, np.ndarray]) -> None:
    edges = np.array([1, 2, 4, 8, 16, 32, 64, 128, 256, 100_000])
    places = np.digitize(curves["distance"], edges) - 1
    middles = np.sqrt(edges[:-1] * np.minimum(edges[1:], 512))
    for name, colour in (("lstm", BLUE), ("ngram", ORANGE)):
        kept = [i for i in range(len(middles)) if (places == i).sum() >= 10]
        means = [curves[name][places == i].mean() for i in kept]
        errors = [curves[name][places == i].std() / (places == i).sum() ** 0.5 for i in kept]
        axis.errorbar(middles[kept], means, errors, marker="o", color=colour, label="LSTM" if name == "lstm" else "best n-gram")
    axis.set(
        xscale="log",
        xlabel="characters since the bracket or quote was opened",
        ylabel="loss of the closing one (nats, ± standard error)",
        title="(b) Closing brackets and quotes",
    )
    axis.legend()


def _spread(axis, curves: dict[str, np.ndarray]) -> None:
    axis.plot(
        np.arange(1, len(curves["free"]) + 1),
        curves["free"],
        color=ORANGE,
        label="running free: share of characters that differ",
    )
    axis.plot(
        np.arange(1, len(curves["forced"]) + 1),
        curves["forced"],
        color=BLUE,
        label="reading the true text: distance of predictions",
    )
    axis.set(
        xlabel="characters since one wrong character was fed",
        ylabel="difference from the undisturbed run",
        ylim=(0, 1.05),
        title="(c) An early error stays when the model feeds itself",
    )
    axis.legend()
