"""The figure of `reservoirs`."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.reservoirs.capacity import DIAGONAL, KINDS, LINE

STYLES = dict(zip(KINDS, ("o-", "s-", "x", "^-"), strict=True))
COLOURS = dict(zip(KINDS, (PALETTE[1], PALETTE[0], PALETTE[6], PALETTE[2]), strict=True))


def plot(results: Results) -> Any:
    """Draws memory against size and input scaling, errors of free runs by horizon, and NARMA10."""
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 7.6), layout="constrained")
    _sizes(axes[0, 0], results)
    _strengths(axes[0, 1], results)
    _free_runs(axes[1, 0], results)
    _narma(axes[1, 1], results)
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """Says how much is held, and how far ahead readouts see, in numbers of this run."""
    curves = results.curves
    held = {kind: curves[f"memory/{kind}"].mean(axis=1)[-1] for kind in KINDS}
    memory = ", ".join(f"{kind} {held[kind]:.0f}" for kind in KINDS if kind != DIAGONAL)
    errors = ", ".join(f"{np.median(curves[f'errors/{name}'][:, -1]):.2g} ({name})" for name in curves["settings"])
    return (
        f"Inputs that {curves['sizes'][-1]} units hold: {memory}. Median error 84 steps ahead, in standard deviations: {errors}"
    )


def _sizes(axis: Any, results: Results) -> None:
    sizes = results.curves["sizes"]
    axis.plot(sizes, sizes, color="0.6", linewidth=6, alpha=0.5, label="N, which no reservoir exceeds")
    for kind in KINDS:
        found = results.curves[f"memory/{kind}"]
        axis.plot(sizes, found.mean(axis=1), STYLES[kind], color=COLOURS[kind], markersize=7 if kind == LINE else 5, label=kind)
    axis.set(xscale="log", yscale="log", xlabel="units N", ylabel="memory capacity (inputs)")
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.minorticks_off()
    axis.set_yticks([10, 100], ["10", "100"])
    axis.legend()
    axis.set_title("(a) memory by size, means over networks")


def _strengths(axis: Any, results: Results) -> None:
    strengths, found = results.curves["strengths"], results.curves["memory/strength"]
    axis.plot(strengths, found, "o", color=PALETTE[1], markersize=4, alpha=0.5)
    axis.plot(strengths, found.mean(axis=1), "-", color=PALETTE[1])
    axis.set(xscale="log", xlabel="input scaling", ylabel="memory capacity (inputs)", ylim=(0, None))
    axis.set_xticks(strengths, [f"{strength:g}" for strength in strengths])
    axis.minorticks_off()
    axis.set_title(f"(b) tanh reservoirs of {int(results.curves['middle'])} units: every network, and the mean")


def _free_runs(axis: Any, results: Results) -> None:
    for name, published, colour in zip(results.curves["settings"], results.curves["published"], PALETTE, strict=False):
        errors = results.curves[f"errors/{name}"]
        steps = np.arange(1, errors.shape[1] + 1)
        axis.fill_between(steps, errors.min(axis=0), errors.max(axis=0), color=colour, alpha=0.15, linewidth=0)
        axis.plot(steps, np.median(errors, axis=0), color=colour, label=name)
        axis.plot(steps[-1] + 2, published, marker="D", color=colour, markersize=7, clip_on=False)
    axis.plot([], [], "D", color="0.4", label="published, at 84 steps")
    axis.set(yscale="log", xlabel="steps into the free run", ylabel="NRMSE (standard deviations)")
    axis.set_ylim(top=100 * axis.get_ylim()[1])
    axis.legend(loc="upper left")
    axis.set_title("(c) Mackey-Glass series: median and range of networks")


def _narma(axis: Any, results: Results) -> None:
    names = [str(name) for name in results.curves["narma"]]
    for place, name in enumerate(names):
        found = results.curves[f"narma/{name}"]
        colour = COLOURS[LINE] if place == 0 else PALETTE[1]
        axis.plot(np.full(len(found), place), found, "o", color=colour, markersize=4, alpha=0.5)
        axis.plot([place - 0.25, place + 0.25], [found.mean()] * 2, color=colour, linewidth=2)
    axis.set_xticks(range(len(names)), [names[0], *(f"{name} units" for name in names[1:])])
    axis.set(ylabel="NRMSE (standard deviations)", ylim=(0, None), xlim=(-0.6, len(names) - 0.4))
    axis.set_title("(d) NARMA10, test: every network, and the mean")
