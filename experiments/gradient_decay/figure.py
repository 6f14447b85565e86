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
FILLS = {"gaussian": "full", "orthogonal": "none", "identity": "left"}


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
    summary = results.summary
    state = "after training" if summary["trained"] else "at initialisation"
    parts = []
    radii = tuple(sorted({row["rho"] for row in results.rows if row["rho"] <= 1}))
    if radii:
        off = of_errors(errors(results, "tanh", RANDOM, radii))
        parts.append(f"spectral radius times slope {_holds(off)} the rate of random tanh networks with ρ ≤ 1 ({_off(off)})")
    off = of_errors(additive_errors(results))
    parts.append(f"the forget gates {_holds(off)} that of an LSTM's additive path ({_off(off)})")
    return f"Gradients through {summary['input']} {state}: {'; '.join(parts)}{_carried(results)}"


def _holds(off: Interval) -> str:
    return "gives" if off.high <= TOLERANCE else "misses" if off.low > TOLERANCE else "may miss"


def _off(off: Interval) -> str:
    return f"off by {off.middle:.3f} nats per step" if np.isfinite(off.middle) else "some gradients are exactly 0"


def _carried(results: Results) -> str:
    """How much of the gradient the additive path carries where it carries most."""
    names = [row["setting"] for row in results.rows if row["setting"].startswith("lstm")]
    shares = [of_mean(results.curves[f"share/{name}"][:, LAG]) for name in names if _lags(results, name) > LAG]
    if not shares:
        return ""
    most = max(shares, key=lambda share: share.middle)
    return f", which carries {'at most ' if len(shares) > 1 else ''}{100 * most.middle:.0f} % of the gradient at lag {LAG}"


def _lags(results: Results, key: str) -> int:
    return results.curves[f"curve/{key}"].shape[1]


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
    """Measured against predicted rates with intervals over networks; on the line theory is right."""
    for row in results.rows:
        kind, _, init = row["setting"].partition(" ")
        marker, colour = LOOKS.get(kind, ("P" if kind == "lstm" else "X", PALETTE[3]))
        if np.isfinite(row["measured"]):
            errors = [[row["measured"] - row["low"]], [row["high"] - row["measured"]]]
            bars = np.nan_to_num(errors, nan=0, posinf=0)
            look = {"marker": marker, "color": colour, "fillstyle": FILLS.get(init, "full"), "markerfacecoloralt": "white"}
            axis.errorbar([row["predicted"]], [row["measured"]], yerr=bars, markersize=5, linewidth=1, linestyle="", **look)
    ends = np.asarray([row[name] for row in results.rows for name in ("predicted", "measured")])
    ends = ends[np.isfinite(ends)]
    line = np.asarray([ends.min(), ends.max()])
    axis.plot(line, line, color="grey", linewidth=1, zorder=0)
    for kind, (marker, colour) in LOOKS.items():
        axis.plot([], [], marker=marker, color=colour, linestyle="", label=NAMES[kind])
    axis.plot([], [], marker="P", color=PALETTE[3], linestyle="", label="LSTM, by its gates")
    axis.plot([], [], marker="X", color=PALETTE[3], linestyle="", label="GRU, by its gates")
    for init, fill in FILLS.items():
        label = f"{init.capitalize()} W"
        axis.plot([], [], "o", color="grey", fillstyle=fill, markerfacecoloralt="white", label=label)
    _name_counterexample(axis, results)
    axis.set(xlabel="predicted rate: ln ρ + ½ ln mean φ'² (nats per step)", ylabel="measured rate (nats per step)")
    axis.set_title("(b) Measured against predicted rates of all settings")
    axis.legend(loc="lower right")


def _name_counterexample(axis, results: Results) -> None:
    """Names the identity setting that theory misses most."""
    rows = [row for row in results.rows if row["setting"].endswith(" identity") and np.isfinite(row["measured"])]
    if rows:
        worst = max(rows, key=lambda row: abs(row["measured"] - row["predicted"]))
        text = f"{NAMES[worst['setting'].split()[0]]}, identity W, ρ = {worst['rho']:g}"
        at = (worst["predicted"], worst["measured"])
        axis.annotate(text, at, (-115, 8), textcoords="offset points", arrowprops={"arrowstyle": "-", "color": "grey"})


def _additive_paths(axis, results: Results) -> None:
    names = [row["setting"] for row in results.rows if row["setting"].startswith("lstm")]
    chosen = [names[0], names[-1]] if len(names) > 1 else names
    for colour, name in zip(PALETTE, chosen, strict=False):
        bias, predicted = name.removeprefix("lstm "), float(np.median(results.curves[f"predicted/{name}"]))
        _band(axis, results.curves[f"curve/{name}"], color=colour, label=f"{bias}: whole gradient")
        additive = results.curves[f"additive/{name}"]
        _band(axis, additive, color=colour, linestyle="--", label=f"{bias}: additive path alone")
        lags = np.arange(1, additive.shape[1], 6)
        start = 10.0 ** np.median(additive[:, 1])
        label = f"{bias}: mean gate, {np.exp(predicted):.2f} per step"
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
