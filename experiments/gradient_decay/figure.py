"""The figure of `gradient_decay`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE


def plot(results: Results):
    """Draws the curves against lag, the rates against the spectral radius, singular values, and the LSTM's two paths."""
    figure, axes = plt.subplots(2, 3, figsize=(18, 10.5), layout="constrained")
    _vanilla_curves(axes[0, 0], results)
    _gated_curves(axes[0, 1], results)
    _rates(axes[0, 2], results)
    _spectra(axes[1, 0], results, "orthogonal")
    _spectra(axes[1, 1], results, "gaussian")
    low, high = zip(axes[1, 0].get_ylim(), axes[1, 1].get_ylim(), strict=True)
    axes[1, 0].set_ylim(min(low), max(high))
    axes[1, 1].set_ylim(min(low), max(high))
    _paths(axes[1, 2], results)
    figure.suptitle(_finding(results), fontsize=14)
    return figure


def _finding(results: Results) -> str:
    rows = {(r["setting"], r["rho"]): r for r in results.rows}
    rates = {r["setting"]: np.exp(r["measured"]) for r in results.rows if r["setting"].startswith(("lstm", "gru"))}
    best, factor = min(rates.items(), key=lambda item: abs(np.log(item[1])))
    vanilla = [r for (setting, _), r in rows.items() if setting == "tanh gaussian"]
    middle = min(vanilla, key=lambda r: abs(r["rho"] - 1))
    state = "after training" if results.summary["trained"] else "at initialisation"
    return (
        f"Gradients through {results.summary['input']} {state}: linear networks follow the spectral radius to "
        f"{results.summary['largest error of ln(rho), linear orthogonal']:.0e} nats per step;\n"
        f"tanh (Gaussian, ρ = {middle['rho']:g}) multiplies them by {np.exp(middle['measured']):.3f} per step, "
        f"the gated network nearest to 1 ({best}) by {factor:.3f}"
    )


def _band(axis, samples: np.ndarray, colour: str, label: str) -> None:
    lags = np.arange(len(samples))
    low, median, high = 10.0 ** np.nanpercentile(np.where(np.isfinite(samples), samples, np.nan), (10, 50, 90), axis=1)
    axis.plot(lags, median, color=colour, label=label, linewidth=2)
    axis.fill_between(lags, low, high, color=colour, alpha=0.2, linewidth=0)


def _lag_axis(axis, title: str) -> None:
    axis.set(yscale="log", xlabel="lag T - t (steps)", ylabel="|dL_T/dh_t| relative to lag 0", title=title)
    axis.axhline(1, color="grey", linewidth=0.5)
    axis.legend(fontsize=8, loc="lower left")


def _vanilla_curves(axis, results: Results) -> None:
    radii = sorted({r["rho"] for r in results.rows if r["setting"] == "tanh gaussian"})
    chosen = sorted({radii[0], min(radii, key=lambda r: abs(r - 1)), radii[-1]})
    floor = 1.0
    for colour, rho in zip(PALETTE, chosen, strict=False):
        samples = results.curves[f"tanh gaussian/{rho:g}"]
        predicted, log_eta = np.median(results.curves[f"theory/tanh gaussian/{rho:g}"], axis=1)
        lags = np.arange(len(samples))
        _band(axis, samples, colour, f"ρ = {rho:g}: median, 10-90 %")
        axis.plot(lags, np.exp(predicted * lags), "--", color=colour, label=f"    rate ρ·rms φ' = {np.exp(predicted):.2f}")
        if log_eta < 0.5:
            axis.plot(lags, np.exp(log_eta * lags), ":", color=colour, label=f"    bound η^lag, η = {np.exp(log_eta):.2f}")
        finite = samples[np.isfinite(samples)]
        floor = min(floor, 10.0 ** max(finite.min(), -60))
    axis.set_ylim(bottom=floor / 10)
    _lag_axis(axis, "(a) tanh networks, Gaussian W: each follows its rate")


def _gated_curves(axis, results: Results) -> None:
    gated = [r["setting"] for r in results.rows if r["setting"].startswith(("lstm", "gru"))]
    for colour, name in zip(PALETTE, gated, strict=False):
        samples = results.curves[f"{name}/nan"]
        predicted = np.median(results.curves[f"theory/{name}/nan"][0])
        lags = np.arange(len(samples))
        _band(axis, samples, colour, name)
        gate = "1 - z" if name == "gru" else "f"
        axis.plot(lags, np.exp(predicted * lags), "--", color=colour, label=f"    mean gate {gate} = {np.exp(predicted):.2f}")
    _lag_axis(axis, "(a') gated networks: slower than their gates alone (dashed)")


def _rates(axis, results: Results) -> None:
    markers = {"gaussian": "o", "orthogonal": "s", "identity": "^"}
    activations = list(dict.fromkeys(r["setting"].split()[0] for r in results.rows if np.isfinite(r["rho"])))
    for colour, activation in zip(PALETTE, activations, strict=False):
        for init, marker in markers.items():
            rows = [r for r in results.rows if r["setting"] == f"{activation} {init}" and np.isfinite(r["measured"])]
            label = activation if init == "gaussian" else None
            axis.plot([r["rho"] for r in rows], [r["measured"] for r in rows], marker=marker, color=colour, label=label)
    low, high = axis.get_xlim()
    radii = np.linspace(max(low, 0.01), high, 200)
    axis.plot(radii, np.log(radii), "k--", linewidth=1, label="ln ρ")
    for init, marker in markers.items():
        axis.plot([], [], "k", marker=marker, linestyle="", label=init)
    axis.axhline(0, color="grey", linewidth=0.5)
    axis.set(
        xlabel="spectral radius ρ(W)",
        ylabel="measured rate (nats per step)",
        title="(b) linear networks lie on ln ρ, others on or below",
    )
    axis.legend(fontsize=8, loc="upper left", ncols=2)
    axis.set_ylim(top=axis.get_ylim()[1] + 0.9)


def _spectra(axis, results: Results, init: str) -> None:
    values = results.curves[f"singular/{init}"]
    lags, count = np.arange(len(values)), values.shape[1]
    places = {"largest": 0, "upper tenth": count // 10, "median": count // 2, "lower tenth": count - 1 - count // 10}
    for colour, (label, index) in zip(PALETTE, [*places.items(), ("smallest", count - 1)], strict=False):
        axis.plot(lags, 10.0 ** values[:, index], color=colour, label=label)
    last = 10.0 ** values[-1, 0]
    axis.set(
        yscale="log",
        xlabel="lag T - t (steps)",
        ylabel="singular values of dh_T/dh_t",
        title=f"(c) {init} W, tanh, ρ = 1: the largest ends at {last:.1e}\n(lines stop where float64 cannot resolve them)",
    )
    axis.legend(fontsize=8, loc="lower left")


def _paths(axis, results: Results) -> None:
    names = [k for k in results.curves if k.startswith("path/")]
    for colour, name in zip(PALETTE, names, strict=False):
        share = np.median(results.curves[name], axis=0)
        bias = name.removeprefix("path/")
        axis.plot(share, color=colour, linewidth=2, label=f"through c only, forget bias {bias}")
        axis.plot(1 - share, "--", color=colour, label=f"through h and W, forget bias {bias}")
    axis.set(
        xlabel="lag T - t (steps)",
        ylabel="share of |dL_T/ds_t|",
        ylim=(0, 1),
        title="(d) LSTM: the additive path and the matrix path",
    )
    axis.legend(fontsize=8, loc="center right")
