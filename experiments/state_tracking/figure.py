"""The figure of `state_tracking`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.state_tracking.findings import SOLVED, accuracy, lengths_at
from experiments.state_tracking.levels import Kept, level
from experiments.state_tracking.networks import ALL, NETWORKS, PAIRS, PARITY, REFLECTS, TASKS, TRANSPOSITIONS, WORDS

COLOURS = dict(zip(NETWORKS, (PALETTE[6], PALETTE[5], PALETTE[2], PALETTE[4], PALETTE[1], PALETTE[3], PALETTE[0]), strict=True))
MARKERS = dict(zip(NETWORKS, "osDv^PX", strict=True))
TITLES = {
    PARITY: "(a) Parity of bits",
    TRANSPOSITIONS: "(b) Products of transpositions, S3",
    ALL: "(c) Products of all permutations, S3",
}
NEAR = 0.05
"""How near to a level an accuracy is called that level."""


def plot(results: Results) -> Any:
    """Draws accuracies against the length, with levels of chance, for each task."""
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 5.2), layout="constrained", sharey=True)
    for axis, task in zip(axes, TASKS, strict=True):
        _accuracies(axis, results, task)
    axes[0].set_ylabel("right answers at the last step: mean, 95 %")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """Says in words which networks track parity beyond trained lengths, which guess, and how far reflections get in S3."""
    longest, trained = int(results.curves["longest"]), int(results.curves["lengths"][-1])
    found = {network: accuracy(results, PARITY, network, longest) for network in NETWORKS}
    right = [network for network, interval in found.items() if interval.low >= SOLVED]
    guesses = [network for network, interval in found.items() if interval.high <= 0.5 + NEAR]
    between = [f"{n} {100 * found[n].middle:.0f} %" for n in NETWORKS if n not in (*right, *guesses)]
    transpositions, every = (100 * accuracy(results, task, REFLECTS, longest).middle for task in (TRANSPOSITIONS, ALL))
    return (
        f"Parity of {longest} bits after training on {trained} at most: right for {_listed(right)}; a guess for "
        f"{_listed(guesses)}{f'; {_listed(between)}' if between else ''}. Products in S3 by {_listed([REFLECTS])}: right "
        f"{transpositions:.0f} % of the time for transpositions, {every:.0f} % for all permutations"
    )


def _listed(names: list[str]) -> str:
    """Names with their spaces kept together, where a title is broken into lines."""
    return (
        " and ".join(", ".join(name.replace(" ", "\N{NO-BREAK SPACE}") for name in names).rsplit(", ", 1)) if names else "none"
    )


def _accuracies(axis: Any, results: Results, task: str) -> None:
    longest, trained = int(results.curves["longest"]), int(results.curves["lengths"][-1])
    lengths = np.unique(np.round(np.geomspace(min(4, longest), longest, 40)).astype(int))
    networks = [network for about, network in PAIRS if about == task]
    axis.axvspan(lengths[0] / 1.15, trained, color="0.93", zorder=0)
    axis.text(lengths[0], 1.045, "trained", fontsize=9, color="0.35", va="center")
    for i, network in enumerate(networks):
        low, middle, high = np.transpose([accuracy(results, task, network, length) for length in lengths])
        # each network has its markers at lengths of its own, so that curves that coincide are all seen
        turn = {"markevery": (i, len(networks)), "errorevery": (i, len(networks))}
        look = {"color": COLOURS[network], "marker": MARKERS[network], "markersize": 6, "linewidth": 1.2, "capsize": 2}
        axis.errorbar(lengths, middle, yerr=[middle - low, high - middle], label=network, **turn, **look)
    levels: dict[Kept, str] = {"parity": "parity of the product known", "nothing": "chance"}
    for kept, name in levels.items():
        chance = level(WORDS[task], lengths_at(task, longest), kept)
        if chance < 1:
            axis.axhline(chance, color="0.35", linestyle=":", linewidth=1.2, zorder=1)
            axis.text(lengths[0], chance - 0.04, name, fontsize=9, color="0.35", va="center")
    axis.set_xscale("log", base=2)
    ticks = [length for length in (4, 8, 16, 40, 64, 128, 256) if length <= longest]
    axis.set_xticks(ticks, [str(length) for length in ticks])
    axis.set(title=TITLES[task], xlabel="length (steps)", ylim=(-0.03, 1.09))
