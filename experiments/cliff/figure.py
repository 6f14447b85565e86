"""The figure of `cliff`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.cliff.descents import METHODS, share
from experiments.cliff.theory import GROWTH_STEPS, SLOPE, WEIGHTS, wall
from experiments.common.experiment import Results
from experiments.common.figures import PALETTE, WIDTH, headline

LOOKS = {
    "no clipping": {"color": PALETTE[1], "marker": "s", "linestyle": "--"},
    "clipped": {"color": PALETTE[0], "marker": "o", "linestyle": "-"},
}


def plot(results: Results):
    """Draws the surface, two descents from one start on its map, the growth of the wall, and starts solved by learning rate."""
    figure = plt.figure(figsize=(WIDTH, 9), layout="constrained")
    _surface(figure.add_subplot(2, 2, 1, projection="3d"), results.curves)
    _descents(figure.add_subplot(2, 2, 2), results)
    _growth(figure.add_subplot(2, 2, 3), results)
    _solved(figure.add_subplot(2, 2, 4), results)
    headline(figure, _finding(results))
    return figure


def _finding(results: Results) -> str:
    found, summary = {row["setting"]: row for row in results.rows}, results.summary
    low, middle, high = summary["more solved with clipping, each at its best rate"]
    best = {name: found[f"{name}, test"] for name in METHODS}
    word = "more than" if low > 0 else "fewer than" if high < 0 else "not told apart from"
    clipped, plain = (
        f"{100 * row['share']:.0f} % of the test starts and takes a step above 1 from "
        f"{100 * row['jumped'] / row['starts']:.0f} %"
        for row in (best["clipped"], best["no clipping"])
    )
    return (
        f"One sigmoid unit, T = {summary['num_steps']}. Each at its best learning rate, clipped descent solves {clipped}; "
        f"that is {word} plain descent, which solves {plain.replace(' of the test starts', '')}"
    )


def _surface(axis, curves: dict[str, np.ndarray]) -> None:
    near = np.abs(curves["b"] - wall(curves["w"])).max(axis=1) < 0.9
    grid = [curves[name][near] for name in ("w", "b", "error")]
    axis.plot_surface(*grid, cmap="cividis", rcount=300, ccount=60, linewidth=0, antialiased=False, rasterized=True)
    axis.view_init(elev=30, azim=40)
    axis.set(xlabel="weight w", ylabel="bias b", zlabel="error E", title="(a) The error as a surface")


def _descents(axis, results: Results) -> None:
    """Draws both descents from one start, where plain descent is thrown off if there is such a one."""
    curves = results.curves
    mesh = axis.pcolormesh(curves["w"], curves["b"], curves["error"], cmap="Greys", vmin=0, vmax=0.8, rasterized=True)
    axis.figure.colorbar(mesh, ax=axis, label="error E")
    axis.plot(curves["w"][0], wall(curves["w"][0]), "k:", linewidth=1.5, label="wall b* = 0.5 - 0.6225 w")
    i = _shown(curves["no clipping/path"])
    for name, look in LOOKS.items():
        path = curves[f"{name}/path"][i]
        jumps = np.flatnonzero(~(np.linalg.norm(np.diff(path, axis=0), axis=1) <= 1))
        end = int(jumps[0]) + 1 if jumps.size else len(path)
        every = {"markevery": max(end // 8, 1), "markersize": 6, "markerfacecolor": "white"}
        length = np.linalg.norm(path[end] - path[end - 1]) if jumps.size else 0
        label = f"{name}: thrown off by a step of {length:.2g}" if jumps.size else f"{name}: no step above 1"
        axis.plot(*path[:end].T, linewidth=1.3, label=label, **look, **every)
        if jumps.size:
            away = path[end] - path[end - 1]
            tip = path[end - 1] + 0.35 * away / max(length, 1e-9) if np.isfinite(length) else path[end - 1]
            axis.annotate("", tip, path[end - 1], arrowprops={"arrowstyle": "->", "color": look["color"], "linewidth": 1.5})
        else:
            axis.plot(*path[-1], "*", color=look["color"], markersize=16, markeredgecolor="white", zorder=4)
    axis.plot(*curves["clipped/path"][i, 0], "X", color="black", markersize=8, zorder=5, label="start", linestyle="")
    axis.set(xlim=(4.3, 6.0), ylim=(-3.5, -1.9), xlabel="weight w", ylabel="bias b")
    axis.set_title(f"(b) Two descents from one start, learning rate {results.summary['learning_rate']:g}")
    axis.legend(loc="upper right", framealpha=1)


def _shown(plain: np.ndarray) -> int:
    """The start in the middle, by w, of those from which plain descent is thrown off; of all if there is none."""
    jumped = ~(np.linalg.norm(np.diff(plain, axis=1), axis=-1).max(axis=1) <= 1)
    candidates = np.flatnonzero(jumped) if jumped.any() else np.arange(len(plain))
    return int(candidates[np.argsort(plain[candidates, 0, 0])[len(candidates) // 2]])


def _growth(axis, results: Results) -> None:
    curves, lengths, last = results.curves, results.curves["lengths"], -1 - GROWTH_STEPS
    for i, (w, row) in enumerate(zip(WEIGHTS, results.rows, strict=False)):
        if w in (5.0, 6.0, 7.0):
            colour, marker = PALETTE[i % len(PALETTE)], "os^Dvx"[i]
            label = f"w = {w:g}: {row['growth']:.4f} nats per step, theory {row['ln(0.235 w)']:.4f}"
            look = {"marker": marker, "linestyle": "", "markersize": 5, "markerfacecolor": "white", "color": colour}
            line = curves["height"][i, last] * (SLOPE * w) ** (lengths - lengths[last])
            axis.semilogy(lengths, line, color=colour, linewidth=1)
            axis.semilogy(lengths[::3], curves["height"][i, ::3], label=label, **look)
    axis.set(xlabel="steps T", ylabel="largest gradient norm at the wall, max |g|")
    axis.set_ylim(top=30 * curves["height"].max())
    axis.set_title("(c) The height of the wall against the steps; lines: theory")
    axis.legend(loc="upper left")


def _solved(axis, results: Results) -> None:
    """Shares solved of the validation starts at every rate, and of the test starts at the chosen one."""
    curves, summary = results.curves, results.summary
    for shift, (name, look) in zip((0.96, 1.04), LOOKS.items(), strict=True):
        low, middle, high = np.transpose([share(right) for right in curves[f"{name}/validation"]])
        bars = np.maximum([middle - low, high - middle], 0)
        label = f"{name}, {summary['validation_starts']} validation starts"
        axis.errorbar(curves["rates"] * shift, middle, yerr=bars, capsize=3, label=label, markersize=5, **look)
        low, middle, high = share(curves[f"{name}/test"])
        bars = np.maximum([[middle - low], [high - middle]], 0)
        star = {"fmt": "*", "color": look["color"], "markersize": 15, "markeredgecolor": "black", "zorder": 5}
        label = f"    at its best rate, {summary['test_starts']} test starts"
        axis.errorbar([curves[f"{name}/rate"] * shift**6], [middle], yerr=bars, capsize=3, label=label, **star)
    axis.set(xscale="log", ylim=(-0.03, 1.45), xlabel="learning rate", ylabel="share of starts solved (Wilson, 95 %)")
    axis.set_yticks(np.linspace(0, 1, 6))
    axis.set_title("(d) Both descents over the same learning rates")
    axis.legend(loc="upper left")
