"""The figure of `names`."""

import matplotlib.pyplot as plt

from experiments.common.experiment import Results
from experiments.names.data import LANGUAGES


def plot(results: Results):
    """Draws accuracies and the confusions of the best network."""
    figure, (bars, matrix) = plt.subplots(1, 2, figsize=(15, 6), layout="constrained")
    names, values = [r["model"] for r in results.rows], [r["accuracy"] for r in results.rows]
    bars.barh(names, values, color=["#BBBBBB", "#D55E00"] + ["#0072B2"] * (len(names) - 2))
    for i, value in enumerate(values):
        bars.text(value, i, f" {value:.1%}", va="center")
    bars.invert_yaxis()
    bars.set(xlabel="accuracy on territories never seen in any language", xlim=(0, 1), title="(a) Each model")
    shares = results.curves["network"] / results.curves["network"].sum(axis=1, keepdims=True)
    image = matrix.imshow(shares, cmap="cividis", vmin=0, vmax=1)
    figure.colorbar(image, ax=matrix, label="share of the names")
    matrix.set_xticks(range(len(LANGUAGES)), LANGUAGES)
    matrix.set_yticks(range(len(LANGUAGES)), LANGUAGES)
    matrix.set(
        xlabel="guessed", ylabel="language", title=f"(b) Confusions of the best network ({results.summary['best network']})"
    )
    best = max(values[2:])
    figure.suptitle(
        f"{results.summary['languages']} languages, {results.summary['names']} territory names: best network {best:.1%}, "
        f"letter n-grams {values[1]:.1%}, most frequent language {values[0]:.1%}",
        fontsize=14,
    )
    return figure
