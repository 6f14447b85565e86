"""The figure of `gradient_decay`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline
from experiments.common.intervals import Interval, of_mean
from experiments.gradient_decay.criteria import LAG, RANDOM, TOLERANCE, additive_errors, errors
from experiments.gradient_decay.rates import of_errors

LOOKS = {"tanh": ("o", PALETTE[0]), "relu": ("^", PALETTE[2]), "sigmoid": ("s", PALETTE[1]), "identity": ("D", PALETTE[6])}
NAMES = {"tanh": "tanh", "relu": "ReLU", "sigmoid": "sigmoid", "identity": "linear"}
GATED = dict.fromkeys(("lstm", "gru"), ("P", PALETTE[3]))


def plot(results: Results):
    """Draws tanh gradients against the lag, all rates against theory, the LSTM's additive path, and singular values."""
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 9), layout="constrained")
    _vanilla_curves(axes[0, 0], results)
    _rates(axes[0, 1], results)
    _additive_paths(axes[1, 0], results)
    _spectra(axes[1, 1], results)
    headline(figure, _finding(results))
    return figure


def _finding(results: Results) -> str:
    """What the run found of the claim, in words chosen by the criteria's intervals."""
    state = "after training" if results.summary["trained"] else "at initialisation"
    parts = []
    radii = tuple(sorted({row["rho"] for row in results.rows if row["rho"] <= 1}))
    if radii:
        off = of_errors(errors(results, "tanh", RANDOM, radii))
        parts.append(f"random tanh networks, ρ ≤ 1, {_follow(off)} radius times slope ({_off(off)})")
    off = of_errors(additive_errors(results))
    parts.append(f"additive paths of LSTMs {_follow(off)} their forget gates ({_off(off)}){_carried(results)}")
    return f"Gradients {state}: {'; '.join(parts)}"


def _follow(off: Interval) -> str:
    return "follow" if off.high <= TOLERANCE else "do not follow" if off.low > TOLERANCE else "may not follow"


def _off(off: Interval) -> str:
    return f"off by {off.middle:.3f} nats per step" if np.isfinite(off.middle) else "some gradients are exactly 0"


def _carried(results: Results) -> str:
    """How much of the gradient the additive path carries where it carries most."""
    names = [row["setting"] for row in results.rows if row["setting"].startswith("lstm")]
    found = [results.curves[f"share/{name}"] for name in names]
    shares = [of_mean(share[:, LAG]) for share in found if share.shape[1] > LAG]
    if not shares:
        return ""
    most = max(shares, key=lambda share: share.middle)
    return f", and carry {'at most ' if len(shares) > 1 else ''}{100 * most.middle:.0f} % of it at lag {LAG}"


def _band(axis, curves: np.ndarray, **look) -> None:
    """The median of networks `[network, lag]` over their range; exact zeros are off the axis."""
    finite = np.where(np.isfinite(curves), curves, np.nan)
    alive = np.isfinite(finite).all(axis=0)
    lags = np.flatnonzero(alive)
    middle, low, high = (10.0 ** f(finite[:, alive], axis=0) for f in (np.median, np.min, np.max))
    axis.plot(lags, middle, linewidth=2, **look)
    axis.fill_between(lags, low, high, color=look["color"], alpha=0.25, linewidth=0)


def _lag_axis(axis, title: str, ylabel: str) -> None:
    axis.set(yscale="log", xlabel="lag T - t (steps)", ylabel=ylabel, title=title)
    axis.axhline(1, color="grey", linewidth=0.5)


def _vanilla_curves(axis, results: Results) -> None:
    radii = sorted({row["rho"] for row in results.rows if row["setting"] == "tanh gaussian"})
    chosen = sorted({radii[0], min(radii, key=lambda radius: abs(radius - 1)), radii[-1]})
    for colour, style, rho in zip(PALETTE, ("-", "-.", (0, (6, 2))), chosen[::-1], strict=False):
        curves = results.curves[f"curve/tanh gaussian/{rho:g}"]
        _band(axis, curves, color=colour, linestyle=style, label=f"ρ = {rho:g}, measured")
        predicted = float(np.median(results.curves[f"predicted/tanh gaussian/{rho:g}"]))
        lags = np.arange(0, curves.shape[1], 6)
        label = f"ρ = {rho:g}, predicted: {np.exp(predicted):.2f} per step"
        axis.plot(lags, np.exp(predicted * lags), "o", color=colour, markersize=4, markerfacecolor="white", label=label)
    _lag_axis(axis, "(a) tanh, Gaussian W: median and range of the networks", "|dL/dh$_t$| relative to lag 0")
    axis.legend(loc="lower left")


def _rates(axis, results: Results) -> None:
    """How far measured rates are from the predicted ones; the gated networks stand at the right."""
    rows = [row for row in results.rows if np.isfinite(row["measured"])]
    gated = [row["setting"] for row in rows if np.isnan(row["rho"])]
    radii = sorted({row["rho"] for row in rows if np.isfinite(row["rho"])})
    places = {**{radius: i for i, radius in enumerate(radii)}, **{name: len(radii) + i for i, name in enumerate(gated)}}
    axis.axhspan(-TOLERANCE, TOLERANCE, color="grey", alpha=0.2, linewidth=0, label=f"within {TOLERANCE:g}")
    for row in rows:
        kind, _, init = row["setting"].partition(" ")
        beside = 0.0 if kind in GATED else 0.16 * list(NAMES).index(kind) - 0.24 + 0.05 * (init == "orthogonal")
        at = places[row["setting"] if kind in GATED else row["rho"]] + beside
        bars = np.nan_to_num([[row["measured"] - row["low"]], [row["high"] - row["measured"]]], nan=0, posinf=0)
        axis.errorbar([at], [row["measured"] - row["predicted"]], yerr=bars, linewidth=1, **_look(row["setting"]))
    for kind, name in NAMES.items():
        axis.plot([], [], label=f"{name}, random W", **_look(f"{kind} gaussian"))
    axis.plot([], [], label="the same, identity W", **_look("linear identity"))
    axis.plot([], [], label="LSTM, GRU: by their gates", **_look("gru"))
    axis.axhline(0, color="grey", linewidth=0.5)
    ticks = [f"{radius:g}" for radius in radii] + [_short(name) for name in gated]
    axis.set_xticks(range(len(ticks)), ticks)
    low, high = axis.get_ylim()
    axis.set(xlabel="spectral radius ρ, or gated network (forget bias)", ylabel="measured - predicted (nats per step)")
    axis.set(title="(b) Measured rates minus ln ρ + ½ ln mean φ'²", ylim=(low, high + 0.6 * (high - low)))
    axis.legend(loc="upper left", ncols=2)


def _short(gated: str) -> str:
    return gated.upper().replace(" FORGET BIAS ", "\n")


def _look(setting: str) -> dict[str, object]:
    """Marker and colour of a setting; those of identity matrices are hollow."""
    kind, _, init = setting.partition(" ")
    marker, colour = {"linear": ("o", "grey"), **LOOKS, **GATED}[kind]
    fill = "white" if init == "identity" else colour
    return {"marker": marker, "color": colour, "markerfacecolor": fill, "markersize": 5, "linestyle": ""}


def _additive_paths(axis, results: Results) -> None:
    names = [row["setting"] for row in results.rows if row["setting"].startswith("lstm")]
    chosen = [names[0], names[-1]] if len(names) > 1 else names
    for colour, name in zip(PALETTE, chosen, strict=False):
        bias, predicted = name.removeprefix("lstm "), float(np.median(results.curves[f"predicted/{name}"]))
        _band(axis, results.curves[f"curve/{name}"], color=colour, label=f"{bias}, whole gradient")
        additive = results.curves[f"additive/{name}"]
        _band(axis, additive, color=colour, linestyle="--", label=f"{bias}, additive path")
        lags = np.arange(1, additive.shape[1], 6)
        start = 10.0 ** np.median(additive[:, 1])
        label = f"{bias}, mean gate {np.exp(predicted):.2f}"
        look = {"color": colour, "markersize": 4, "markerfacecolor": "white", "label": label}
        axis.plot(lags, start * np.exp(predicted * (lags - 1)), "o", **look)
    _lag_axis(axis, "(c) LSTM: the whole gradient, and its additive path alone", "|dL/ds$_t$| relative to lag 0")
    axis.legend(loc="lower left")


def _spectra(axis, results: Results) -> None:
    for colour, style, name in zip(PALETTE, ("-", "--"), ("orthogonal", "gaussian"), strict=False):
        values = results.curves[f"singular/{name}"]  # [network, lag, n]; nan where float64 cannot resolve them
        for place, width, word in ((0, 2.5, "largest"), (values.shape[2] // 2, 1.2, "middle")):
            known = values[:, :, place]
            lags = np.flatnonzero(np.isfinite(known).all(axis=0))
            label = f"{name.capitalize()} W: {word} singular value"
            axis.plot(lags, 10.0 ** np.median(known[:, lags], axis=0), style, color=colour, linewidth=width, label=label)
    _lag_axis(axis, "(d) tanh, ρ = 1, untrained: how many directions last", "singular values of dh$_T$/dh$_t$, median")
    axis.legend(loc="lower left")
