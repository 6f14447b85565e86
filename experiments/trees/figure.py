"""The figure of `trees`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline, lead
from experiments.common.intervals import of_mean
from experiments.trees.compositions import BALANCED, COMPOSITIONS, GIVEN, SEQUENTIAL
from experiments.trees.findings import arrival, gain, right
from experiments.trees.problems import DEEPER, DEPTH, LISTS, NEIGHBOURS, OUTERMOST, PARENT, SYNTAX, TESTED

COLOURS = dict(zip(COMPOSITIONS, (PALETTE[2], PALETTE[0], PALETTE[1]), strict=True))
MARKERS = dict(zip(COMPOSITIONS, "osD", strict=True))
GUESSES = {OUTERMOST: (PALETTE[6], ":"), PARENT: (PALETTE[6], ":"), NEIGHBOURS: ("0.5", "--")}
STAGES = {"untrained": "--", "trained": "-"}
FEWEST = 0.02
"""Share of examples that a depth must have for a point."""


def plot(results: Results) -> Any:
    """Draws accuracy by depth in both problems, gradients by distance, and depths by length."""
    figure, ((lists, syntax), (gradients, depths)) = plt.subplots(2, 2, figsize=(WIDTH, 8.6), layout="constrained")
    _accuracies(lists, results, LISTS, [TESTED, DEEPER], [OUTERMOST])
    lists.axvline(DEPTH + 0.5, color="0.7", linewidth=1)
    lists.text(DEPTH + 0.56, 0.02, "deeper than trained", color="0.4", fontsize=9)
    lists.set_title("(a) List operations: accuracy by depth")
    _accuracies(syntax, results, SYNTAX, [TESTED], [PARENT, NEIGHBOURS])
    syntax.set_title("(b) Kind of a hidden node: accuracy by depth of the tree")
    _gradients(gradients, results)
    _depths(depths, results)
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """Says in words how the compositions compare, and what arrives of gradients."""
    deeper = lead(gain(results, LISTS, DEEPER, GIVEN, SEQUENTIAL))
    syntax = lead(gain(results, SYNTAX, TESTED, GIVEN, SEQUENTIAL))
    found = arrival(results, "trained", BALANCED, SEQUENTIAL)
    effect = "more" if found.low > 0 else "less" if found.high < 0 else "not surely more or less"
    return (
        f"Along the given tree an LSTM is {deeper} one from left to right on list operations deeper than trained, and {syntax} "
        f"it on hidden nodes; in balanced trees {effect} of a gradient arrives at the first digits than in sequences"
    )


def _accuracies(axis: Any, results: Results, problem: str, tests: list[str], guesses: list[str]) -> None:
    depth = np.concatenate([results.curves[f"{problem}/depths/{test}"] for test in tests])
    places = [d for d in np.unique(depth) if (depth == d).mean() >= FEWEST]
    for i, name in enumerate((*COMPOSITIONS, *guesses)):
        answers = np.concatenate([right(results, problem, test, name) for test in tests], axis=1)
        means = [answers[:, depth == d].mean(axis=1) for d in places]
        if name in guesses:
            colour, style = GUESSES[name]
            axis.plot(places, np.ravel(means), color=colour, linestyle=style, label=name)
            continue
        low, middle, high = np.transpose([of_mean(values) for values in means])
        bounds = np.nan_to_num(np.stack([middle - low, high - middle]), posinf=0)
        look = {"color": COLOURS[name], "marker": MARKERS[name], "markersize": 5, "capsize": 3}
        axis.errorbar(np.array(places) + 0.06 * (i - 1), middle, bounds, label=name, **look)
    axis.set_xticks(places)
    axis.set(xlabel="edges from the root to the deepest leaf", ylabel="accuracy: mean, 95 % over seeds", ylim=(0, 1.02))
    handles, labels = axis.get_legend_handles_labels()
    order = [labels.index(name) for name in (*COMPOSITIONS, *guesses)]
    place = "lower left" if problem == SYNTAX else "upper right"
    axis.legend([handles[i] for i in order], [labels[i] for i in order], loc=place)


def _gradients(axis: Any, results: Results) -> None:
    for stage, style in STAGES.items():
        for name in COMPOSITIONS:
            curve = np.mean(results.curves[f"{LISTS}/{name}/decay/{stage}"], axis=0)
            there = ~np.isnan(curve)
            look = {"color": COLOURS[name], "linestyle": style, "marker": MARKERS[name], "markersize": 4}
            axis.plot(np.arange(len(curve))[there], curve[there], label=f"{name}, {stage}", **look)
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.6 * (high - low))
    axis.set_title("(c) Gradient that arrives at a digit, longer list operations")
    axis.set(xlabel="compositions between the digit and the answer", ylabel="log10 of the norm of dL/dx: mean")
    axis.legend(loc="upper right")


def _depths(axis: Any, results: Results) -> None:
    tokens = results.curves["tokens"]
    for name, law, text in ((SEQUENTIAL, tokens - 1, "n - 1"), (BALANCED, np.ceil(np.log2(tokens)), "⌈log2 n⌉")):
        axis.plot(tokens, law, color=COLOURS[name], linewidth=1, label=text)
        axis.plot(tokens, results.curves[f"depth/{name}"], ".", color=COLOURS[name], label=f"{name}, measured")
    axis.set_yscale("symlog", linthresh=1)
    axis.set_yticks([0, 1, 2, 4, 6, 16, 63], ["0", "1", "2", "4", "6", "16", "63"])
    axis.set_title("(d) The longest path of a gradient")
    axis.set(xlabel="n tokens", ylabel="compositions from a token to the root")
    axis.legend(loc="center right")
