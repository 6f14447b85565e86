"""The figure of `memory_network`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.common.intervals import of_mean
from experiments.memory_network.networks import HOPS, LSTM, MOST, NETWORKS
from experiments.memory_network.world import TASKS, WORDS, text

COLOURS = dict(zip(NETWORKS, (PALETTE[5], PALETTE[0], PALETTE[6], PALETTE[1], PALETTE[4]), strict=True))
MARKERS = dict(zip(NETWORKS, "o^Ds*", strict=True))


def plot(results: Results) -> Any:
    """Draws accuracies by kinds of questions, and where three hops look in one story."""
    figure, (scores, story) = plt.subplots(
        1, 2, figsize=(WIDTH, 5.2), layout="constrained", gridspec_kw={"width_ratios": (1.5, 1)}
    )
    _scores(scores, results)
    _story(story, results)
    figure.legend(*scores.get_legend_handles_labels(), loc="outside lower center", ncols=len(NETWORKS) + 1)
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """Says what each network gets right of the questions that take several facts."""
    found = []
    for task in ("two facts", "three facts"):
        means = {name: results.curves[f"accuracy/{name}"][:, TASKS.index(task)].mean() for name in (*HOPS, LSTM)}
        hops = ", ".join(f"{100 * means[name]:.0f}" for name in HOPS[:-1])
        found.append(f"{task} {hops} and {100 * means[MOST]:.0f} % (LSTM {100 * means[LSTM]:.0f} %)")
    return f"Questions that memory networks with 1, 2 and 3 hops answer right, on average: {'; '.join(found)}"


def _scores(axis: Any, results: Results) -> None:
    places = np.arange(len(TASKS))
    for i, name in enumerate(NETWORKS):
        accuracy, shift = results.curves[f"accuracy/{name}"], 0.15 * (i - (len(NETWORKS) - 1) / 2)
        middle = [of_mean(values).middle for values in accuracy.T]
        look = {"color": COLOURS[name], "marker": MARKERS[name], "linestyle": "none"}
        axis.plot(np.repeat(places + shift, len(accuracy)), accuracy.T.ravel(), markersize=4, alpha=0.5, **look)
        axis.plot(places + shift, middle, markersize=8, label=name, **look)
    for place, level in zip(places, results.curves["frequent"], strict=True):
        label = "most frequent answer" if place == 0 else None
        axis.plot([place - 0.42, place + 0.42], [level, level], color="0.4", linestyle="--", linewidth=1, label=label)
    axis.set_xticks(places, TASKS)
    axis.set(ylim=(0, 1.03), ylabel="accuracy: networks, and their mean", title="(a) new stories, by kinds of questions")


def _story(axis: Any, results: Results) -> None:
    of = {key: results.curves[f"{key}/{MOST}"] for key in ("facts", "question", "answer", "support", "attention")}
    there = of["facts"].any(axis=1)
    weights = of["attention"][:, there].T
    axis.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (fact, hop), weight in np.ndenumerate(weights):
        axis.text(hop, fact, f"{weight:.2f}", ha="center", va="center", fontsize=9, color="white" if weight > 0.5 else "0.2")
    facts = [text(fact) for fact in of["facts"][there]]
    axis.set_yticks(range(len(facts)), facts)
    for label, supports in zip(axis.get_yticklabels(), of["support"][there], strict=True):
        label.set_fontweight("bold" if supports else "normal")
    axis.set_xticks(range(len(HOPS)), [f"hop {i}" for i in range(1, 1 + len(HOPS))])
    question = f"{text(of['question'])}? {WORDS[int(of['answer'])]}"
    axis.set_title(f"(b) weights of 3 hops; the answer follows from the bold facts:\n{question}", loc="right")
