"""The figure of `agreement`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import running_mean

COLOURS = {"tanh": "#E69F00", "LSTM": "#0072B2", "GRU": "#D55E00"}
STYLES = {"tanh": "-", "LSTM": "--", "GRU": ":"}
WIDTHS = {"tanh": 7, "LSTM": 4, "GRU": 3}
"""The curves lie on top of each other."""


def plot(results: Results):
    """Draws accuracy against distance, and the losses of training."""
    figure, (accuracy, losses) = plt.subplots(1, 2, figsize=(16, 6.5), layout="constrained", width_ratios=(1.5, 1))
    curves, summary = results.curves, results.summary
    distance, ngram, longest = curves["distance"], summary["n-gram"], summary["longest"]
    label = f"{ngram}, with backoff"
    accuracy.plot(distance, curves[f"accuracy/{ngram}"][0], "o:", color="black", markersize=3, label=label)
    for name, colour in COLOURS.items():
        scores, look = curves[f"accuracy/{name}"], {"color": colour, "linestyle": STYLES[name]}
        accuracy.plot(
            distance, np.median(scores, axis=0), linewidth=2.5, label=f"{name}: median of {len(scores)} seeds", **look
        )
        accuracy.fill_between(distance, scores.min(axis=0), scores.max(axis=0), color=colour, alpha=0.15, linewidth=0)
        loss = curves[f"loss/{name}"]
        smooth = running_mean(loss, 20)
        updates = np.arange(loss.shape[1] - smooth.shape[1], loss.shape[1]) + 1
        losses.semilogy(updates, np.median(smooth, axis=0), linewidth=2.5, label=name, color=colour)
        losses.semilogy(updates, smooth.T, linewidth=0.6, alpha=0.6, color=colour)
    accuracy.axhline(0.5, color="grey", linewidth=0.8)
    accuracy.annotate("chance", (distance[-1], 0.5), (0, -34), textcoords="offset points", color="grey", ha="right")
    seen = int(ngram.split("-")[0]) - 2
    accuracy.axvline(seen + 0.5, color="black", linewidth=0.8)
    accuracy.annotate(
        f"left of here the {ngram} sees the pronoun,\nbut it has to have met the very words between, too",
        (seen + 0.5, 0.8),
        (8, 0),
        textcoords="offset points",
    )
    if distance[-1] > longest:
        accuracy.axvspan(longest + 0.5, distance[-1] + 0.5, color="grey", alpha=0.12, linewidth=0, label="never trained on")
    accuracy.set(xlabel="words between pronoun and reflexive", ylabel="accuracy on fresh sentences", ylim=(0.4, 1.03))
    accuracy.set_title("(a) himself or herself? Shaded: lowest to highest seed")
    accuracy.legend(loc="center right", bbox_to_anchor=(1, 0.4))
    losses.axhline(np.log(2), color="grey", linewidth=0.8, label="chance: ln 2")
    losses.set(xlabel="update", ylabel="loss (nats), mean of 20 updates", title="(b) Training; bold: median")
    losses.legend()
    at = f"accuracy at {longest}"
    found = ", ".join(f"{name} {summary[f'{at}, {name}, median']:.1%}" for name in (*COLOURS, ngram))
    figure.suptitle(
        f"{longest} words after the pronoun: {found} right (medians over seeds).\n"
        f"The {ngram} sees the pronoun only up to {seen} words back; a recurrent network carries it in its state",
        fontsize=14,
    )
    return figure
