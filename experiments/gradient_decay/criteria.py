"""The criteria of `gradient_decay`, judged from what a run saved."""

import dataclasses

import numpy as np

from experiments.common.checks import Check, at_least, at_most
from experiments.common.experiment import Results
from experiments.common.intervals import Interval, of_mean
from experiments.gradient_decay import laws
from experiments.gradient_decay.options import Config
from experiments.gradient_decay.rates import of_errors

LINEAR, TOLERANCE = 0.02, 0.05
"""Nats per step by which linear networks, and all others, may be off what is predicted, in the mean over settings."""
LAG, SHARE, BIAS = 20, 0.5, 3.0
"""The additive path of LSTMs with this forget bias should carry this share at this lag."""
RANDOM, ALL = ("gaussian", "orthogonal"), ("gaussian", "orthogonal", "identity")
NONLINEAR = ("tanh", "relu", "sigmoid")


def check(config: Config, results: Results) -> list[Check]:
    """Judges the laws and the run's own networks, under the published options with any seed."""
    if dataclasses.replace(config, seed=Config.seed) != Config():
        return []
    found = laws.checks({key: results.summary[name] for key, (name, _) in laws.LAWS.items()})
    linear = of_errors(errors(results, "identity", ALL, config.radii, slope=False))
    found.append(at_most("linear networks: |measured - ln(rho)|", linear, LINEAR))
    radii = tuple(radius for radius in config.radii if radius <= 1)
    for activation in NONLINEAR:
        off = errors(results, activation, RANDOM, radii)
        alone = errors(results, activation, RANDOM, radii, slope=False)
        what = f"{activation}, Gaussian and orthogonal W, rho <= 1"
        found.append(at_most(f"{what}: |measured - predicted|", of_errors(off), TOLERANCE))
        found.append(at_least(f"{what}: by how much ln(rho) alone is worse", gain(alone, off), 0))
    found.append(at_most("LSTM, additive path: |measured - mean ln f|", of_errors(additive_errors(results)), TOLERANCE))
    found.append(at_least("LSTM and GRU, whole gradient: measured - mean ln of the gate, least", least_excess(results), 0))
    share = of_mean(results.curves[f"share/lstm forget bias {BIAS:g}"][:, LAG])
    return [*found, at_least(f"LSTM, forget bias {BIAS:g}: share of the additive path at lag {LAG}", share, SHARE)]


def errors(
    results: Results, activation: str, inits: tuple[str, ...], radii: tuple[float, ...], slope: bool = True
) -> np.ndarray:
    """|measured - predicted| of every network, mean over its settings, `[seed]`; without the slope, ln ρ predicts."""
    found = []
    for init in inits:
        for radius in radii:
            setting = f"{activation} {init}/{radius:g}"
            predicted = results.curves[f"predicted/{setting}"] if slope else np.log(radius)
            found.append(np.abs(results.curves[f"rate/{setting}"] - predicted))
    return np.mean(found, axis=0)


def gain(baseline: np.ndarray, off: np.ndarray) -> Interval:
    """By how much the errors of a baseline are larger, network by network; unknown where a network is dead."""
    if not (np.isfinite(baseline).all() and np.isfinite(off).all()):
        return Interval(-np.inf, np.nan, np.inf)
    return of_mean(baseline - off)


def additive_errors(results: Results) -> np.ndarray:
    """|rate of the additive path - mean ln f| of every LSTM, mean over the forget biases, `[seed]`."""
    names = [row["setting"] for row in results.rows if row["setting"].startswith("lstm")]
    off = [results.curves[f"additive rate/{name}"] - results.curves[f"predicted/{name}"] for name in names]
    return np.mean(np.abs(off), axis=0)


def least_excess(results: Results) -> Interval:
    """Rate of the whole gradient over that of the gates, of the gated setting where it is least."""
    names = [row["setting"] for row in results.rows if row["setting"].startswith(("lstm", "gru"))]
    excess = [of_mean(results.curves[f"rate/{name}"] - results.curves[f"predicted/{name}"]) for name in names]
    return min(excess, key=lambda interval: interval.low)
