"""The figure of `lyapunov`."""

import itertools
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import ScalarFormatter

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.lyapunov.criteria import (
    AWAY,
    FEW,
    JUDGED,
    MANY,
    RANKED,
    RATE,
    counts,
    decided,
    newman,
    rank_correlation,
    rate_errors,
    spectrum_errors,
    tops,
)
from experiments.lyapunov.measures import RESTING_GAINS, STRENGTHS

Curves = dict[str, np.ndarray]
DOTS = {"linestyle": "none", "markersize": 5}
MARKERS = "os^Dv"
"""Of the driven networks, in turn."""


def plot(results: Results) -> Any:
    """Draws spectra beside their closed forms, top exponents by gain, errors of gradients' rates, and Newton's iterations."""
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 9), layout="constrained")
    _spectra(axes[0, 0], results.curves)
    _transition(axes[0, 1], results.curves)
    _rates(axes[1, 0], results.curves)
    _newton(axes[1, 1], results.curves)
    headline(figure, finding(results))
    return figure


def finding(results: Results) -> str:
    """Says whether the exponent tells how many iterations Newton's method takes, with either input, and if gradients follow."""
    curves = results.curves
    few, many = map(np.concatenate, zip(*(counts(curves, inputs) for inputs in STRENGTHS), strict=True))
    steps, rank = int(curves["newton/steps"]), rank_correlation(curves, "exponent", *STRENGTHS)
    tells = few.size and many.size and few.max() <= FEW and many.min() >= MANY * steps and rank >= RANKED
    _, errors = rate_errors(curves)
    if errors.size:
        follow = "follow" if errors.max() <= RATE else "do not always follow"
        gradients = f"gradients {follow} it, off by up to {100 * errors.max():.1f} %"
    else:
        gradients = "no gradient is judged"
    return (
        f"The top exponent {'tells' if tells else 'does not tell'} whether Newton's method is fast: {_range(few)} iterations "
        f"where it is below -{AWAY:g}, {_range(many)} of T = {steps} above {AWAY:g} (rank correlation {rank:.2f}); {gradients}"
    )


def _range(values: np.ndarray) -> str:
    if not values.size:
        return "no"
    return f"{values.min():g}" if values.min() == values.max() else f"{values.min():g} to {values.max():g}"


def _spectra(axis: Any, curves: Curves) -> None:
    """Means over networks where the closed form is one for all; at rest it is every network's own, and the first is shown."""
    products, orthogonal = curves["products/exponents"].mean(axis=0), curves["orthogonal/exponents"].mean(axis=0)
    places = (np.arange(products.size) + 0.5) / products.size
    every = max(products.size // 32, 1)
    axis.plot(places, newman(products.size), color="0.3", linewidth=1, label="closed forms")
    axis.plot(places[::every], products[::every], "o", color=PALETTE[0], label="random products", **_hollow())
    axis.plot(places, np.zeros(products.size), color="0.3", linewidth=1)
    axis.plot(places[::every], orthogonal[::every], "s", color=PALETTE[1], label="orthogonal", **_hollow())
    pairs = zip(RESTING_GAINS, PALETTE[2:], "^D", curves["resting/exponents"], curves["resting/log_moduli"], strict=False)
    for gain, colour, marker, exponents, log_moduli in pairs:
        upper = places[: exponents.shape[-1]]
        axis.plot(upper, log_moduli[0], color="0.3", linewidth=1)
        axis.plot(
            upper[::every], exponents[0, ::every], marker, color=colour, label=f"tanh at rest, gain {gain:g}", **_hollow()
        )
    off = max(errors.max() for _, errors in spectrum_errors(curves).values())
    axis.set(xlabel="index of the exponent / n", ylabel="Lyapunov exponent, nats per step")
    axis.set_title(f"(a) Closed forms: off by up to {off:.4f} in the upper half")
    axis.legend(loc="lower left")


def _hollow() -> dict[str, Any]:
    return {"markerfacecolor": "white", **DOTS}


def _transition(axis: Any, curves: Curves) -> None:
    gains, found = curves["gains"], tops(curves)
    low, middle, high = np.transpose([interval for _, interval in found])
    bars = {"yerr": [middle - low, high - middle], "capsize": 3, "markersize": 5}
    axis.errorbar(gains, middle, color=PALETTE[0], marker="o", label="no input: mean, 95 %", **bars)
    driven = curves["gradients/exponent"]
    axis.plot(gains, driven.mean(axis=1), "--", color=PALETTE[1], marker="s", markersize=5, label="driven: mean")
    closed = curves["transition/log_radius"].mean() + np.log(gains)
    axis.plot(gains[closed < 0], closed[closed < 0], "k:", linewidth=2, label="ln(gain · spectral radius)", zorder=3)
    axis.axhline(0, color="grey", linewidth=1)
    axis.set(xlabel="gain", ylabel="top exponent, nats per step", title=f"(b) Without input: {_signs(found)}")
    axis.legend(loc="lower right")


def _signs(found: list[tuple[float, Any]]) -> str:
    """Up to which gain the sign is surely negative, and from which on it is surely positive."""
    below = [gain for gain, _ in itertools.takewhile(lambda one: one[1].high < 0, found)]
    above = [gain for gain, _ in itertools.takewhile(lambda one: one[1].low > 0, reversed(found))]
    words = [f"negative up to gain {below[-1]:g}"] if below else []
    words += [f"positive from {above[-1]:g}"] if above else []
    return ", ".join(words) or "no sign is sure"


def _rates(axis: Any, curves: Curves) -> None:
    exponent, off = curves["gradients/exponent"], curves["gradients/slope"] - curves["gradients/exponent"]
    for i in range(exponent.shape[1]):
        colour, marker = PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]
        axis.plot(exponent[:, i], off[:, i], marker, color=colour, label=f"network {i + 1}", **DOTS)
    edge = 1.6 * max(float(np.abs(off).max()), RATE * JUDGED)
    reach = np.array([min(exponent.min(), -JUDGED) - 0.05, -JUDGED, JUDGED, max(exponent.max(), JUDGED) + 0.05])
    for side, label in ((reach[:2], f"within {100 * RATE:g} %"), (reach[2:], None)):
        axis.fill_between(side, -RATE * np.abs(side), RATE * np.abs(side), color="grey", alpha=0.25, linewidth=0, label=label)
    axis.axhline(0, color="grey", linewidth=1)
    axis.set(xlim=(reach[0], reach[-1]), ylim=(-edge, edge), xlabel="top Lyapunov exponent, nats per step")
    axis.set_ylabel("slope of ln |dE/dh$_k$| minus exponent")
    _, errors = rate_errors(curves)
    worst = f"off by up to {100 * errors.max():.1f} %" if errors.size else "none"
    axis.set_title(f"(c) Rates of gradients; beyond ±{JUDGED:g}: {worst}")
    axis.legend(loc="upper left")


def _newton(axis: Any, curves: Curves) -> None:
    """Published inputs are filled, ten times as strong ones hollow, and what did not converge is crossed out."""
    steps = int(curves["newton/steps"])
    exponents = np.stack([curves[f"{inputs}/exponent"] for inputs in STRENGTHS])
    for inputs in STRENGTHS:
        exponent, iterations, converged = (curves[f"{inputs}/{name}"] for name in ("exponent", "iterations", "converged"))
        look = DOTS if inputs == "newton" else _hollow()
        for i in range(exponent.shape[1]):
            colour, marker = PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]
            axis.plot(exponent[:, i], iterations[:, i], marker, color=colour, **look)
        axis.plot(exponent[~converged], iterations[~converged], "kx", markersize=9)
    axis.plot([], [], "ko", label="published inputs", **DOTS)
    axis.plot([], [], "ko", label="ten times as strong", **_hollow())
    if not all(curves[f"{inputs}/converged"].all() for inputs in STRENGTHS):
        axis.plot([], [], "kx", markersize=9, linestyle="none", label="not converged")
    left, right = min(exponents.min(), -AWAY) - 0.05, max(exponents.max(), AWAY) + 0.05
    axis.plot([left, -AWAY], [FEW, FEW], "k--", linewidth=1.2, label=f"at most {FEW}, at least T/{1 / MANY:g}")
    axis.plot([AWAY, right], [MANY * steps] * 2, "k--", linewidth=1.2)
    axis.axvspan(-AWAY, AWAY, color="grey", alpha=0.15, linewidth=0)
    axis.set(yscale="log", xlim=(left, right), xlabel="top exponent along the same steps, nats per step")
    axis.yaxis.set_major_formatter(ScalarFormatter())
    axis.set_ylabel(f"Newton iterations for T = {steps}")
    gains = decided(curves)
    found = f"Gain {_range(gains)}: fast with stronger inputs only" if gains.size else "At no gain do the inputs alone decide"
    axis.set_title(f"(d) {found}")
    axis.legend(loc="upper left")
