"""The figure of `agreement`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.agreement.scores import beyond, difference
from experiments.agreement.sentences import MOST
from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.common.intervals import Interval, of_mean

LOOKS = {
    "LSTM": {"color": PALETTE[0], "marker": "o", "linestyle": "-"},
    "GRU": {"color": PALETTE[1], "marker": "s", "linestyle": "--"},
    "tanh": {"color": PALETTE[2], "marker": "^", "linestyle": "-."},
    "n-gram": {"color": PALETTE[6], "marker": "D", "linestyle": ":"},
    "last pronoun": {"color": "#888888", "marker": "x", "linestyle": (0, (1, 3))},
}
GROUP = 4
"""Neighbouring distances drawn as one point."""


def plot(results: Results):
    """Draws accuracy against distance, and against the number of competing pronouns that are all opposed."""
    figure, (near, far) = plt.subplots(1, 2, figsize=(WIDTH, 4.6), layout="constrained", width_ratios=(1.5, 1), sharey=True)
    _by_distance(near, results)
    _by_clauses(far, results)
    headline(figure, _finding(results))
    return figure


def _by_distance(axis, results: Results) -> None:
    distance, longest = results.curves["distance"], results.summary["longest"]
    groups = [g for part in (distance <= longest, distance > longest) for g in _groups(np.flatnonzero(part))]
    axis.axvspan(longest + 0.5, distance[-1] + 0.5, color="0.92", linewidth=0, zorder=0)
    axis.text(distance[-1], 0.03, "longer than any\nin training", ha="right", va="bottom")
    for i, (name, look) in enumerate(LOOKS.items()):
        accuracy = results.curves[f"accuracy/{name}"]
        found = [of_mean(accuracy[:, group].mean(axis=(1, 2, 3))) for group in groups]
        _draw(axis, np.array([distance[group].mean() for group in groups]) + 0.7 * (i - 2), found, look, name)
    axis.set(xlabel="words between subject and reflexive", ylabel="share of right reflexives", ylim=(-0.05, 1.05))
    axis.set_title("(a) All test sentences: mean and 95 % interval over seeds")
    axis.legend(loc="center left", bbox_to_anchor=(0, 0.28), ncols=2)


def _by_clauses(axis, results: Results) -> None:
    longest, distance = results.summary["longest"], results.curves["distance"]
    for i, (name, look) in enumerate(LOOKS.items()):
        opposed = results.curves[f"accuracy/{name}"][:, distance > longest, :, 1].mean(axis=1)
        places = np.arange(1, opposed.shape[1] + 1) + 0.1 * (i - 2)
        _draw(axis, places, [of_mean(column) for column in opposed.T], look, name)
    axis.set(xlabel="competing pronouns, all of the other gender", xticks=range(1, MOST + 1))
    axis.set_title(f"(b) {results.summary['distances']} words between, opposed")


def _draw(axis, places: np.ndarray, found: list[Interval], look: dict, name: str) -> None:
    low, middle, high = np.array(found).T
    axis.errorbar(places, middle, (middle - low, high - middle), label=name, capsize=2.5, markersize=5, **look)


def _groups(places: np.ndarray) -> list[np.ndarray]:
    return np.array_split(places, -(-len(places) // GROUP))


def _finding(results: Results) -> str:
    """Says what the intervals allow to say."""
    longest = results.summary["longest"]
    accuracy = {name: results.curves[f"accuracy/{name}"] for name in LOOKS}
    mean = {name: f"{beyond(found, longest).mean():.0%}" for name, found in accuracy.items()}
    verbs = {name: _against_tanh(accuracy, name, longest) for name in ("LSTM", "GRU")}
    groups = {verb: [f"{name} ({mean[name]})" for name in verbs if verbs[name] == verb] for verb in verbs.values()}
    compared = ", ".join(f"{' and '.join(names)} {verb} tanh ({mean['tanh']})" for verb, names in groups.items())
    return (
        f"{results.summary['distances']} words after the subject, past competing pronouns: {compared}; "
        f"the n-gram is right in {mean['n-gram']}, the last pronoun in {mean['last pronoun']}"
    )


def _against_tanh(accuracy: dict[str, np.ndarray], name: str, longest: int) -> str:
    apart = difference(accuracy[name], accuracy["tanh"], longest)
    if apart.low > 0:
        return "did better than"
    return "did worse than" if apart.high < 0 else "cannot be told apart from"
