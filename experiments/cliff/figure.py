"""The figure of `cliff`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.cliff.theory import COLOURS, GROWTH_STEPS, SLOPE, WEIGHTS, wall
from experiments.common.experiment import Results


def plot(results: Results):
    """Draws the surface, the descents on its map, the gradient against the distance from the wall, and its growth."""
    figure = plt.figure(figsize=(16, 13), layout="constrained")
    _surface(figure.add_subplot(2, 2, 1, projection="3d"), results.curves)
    _descents(figure.add_subplot(2, 2, 2), results.curves)
    _profiles_and_growth(figure.add_subplot(2, 2, 3), figure.add_subplot(2, 2, 4), results)
    found, summary = {row["setting"]: row for row in results.rows}, results.summary
    steep, plain, clipped = found["w = 6"], *(found[name] for name in COLOURS)
    figure.suptitle(
        f"One sigmoid unit, T = {summary['num_steps']}: at w = 6 the gradient reaches {steep['max |g|']:.2e} on a wall that "
        f"stands {abs(steep['wall - b*']):.0e} from b* = 0.5 - 0.6225 w.\nOf {summary['starts']} starts beside the wall, plain "
        f"descent solves {plain['solved']} and is thrown off from {plain['jumped']}; "
        f"clipped at norm {summary['threshold']:g} it solves {clipped['solved']} and is thrown off from {clipped['jumped']}.",
        fontsize=14,
    )
    return figure


def _surface(axis, curves: dict[str, np.ndarray]) -> None:
    near = np.abs(curves["b"] - wall(curves["w"])).max(axis=1) < 0.9
    grid = [curves[name][near] for name in ("w", "b", "error")]
    axis.plot_surface(*grid, cmap="cividis", rcount=300, ccount=60, linewidth=0, antialiased=False, rasterized=True)
    axis.view_init(elev=30, azim=40)
    axis.set(xlabel="weight w", ylabel="bias b", zlabel="error E", title="(a) The error has a wall")


def _descents(axis, curves: dict[str, np.ndarray]) -> None:
    """Draws two starts from which plain descent leaves the wall, far apart in w."""
    mesh = axis.pcolormesh(curves["w"], curves["b"], curves["error"], cmap="Greys", vmin=0, vmax=0.8, rasterized=True)
    axis.figure.colorbar(mesh, ax=axis, label="error E")
    axis.plot(curves["w"][0], wall(curves["w"][0]), "k--", linewidth=1, label="wall b* = 0.5 - 0.6225 w")
    plain = curves["no clipping/path"]
    jumps = np.linalg.norm(np.diff(plain, axis=1), axis=-1).max(axis=1) > 1
    order = np.lexsort((plain[:, 0, 0], ~jumps))[: max(int(jumps.sum()), 1)]
    for (name, colour), width in zip(COLOURS.items(), (4, 1), strict=True):
        for i in {order[len(order) // 4], order[3 * len(order) // 4]}:
            path = curves[f"{name}/path"][i]
            axis.plot(*path.T, ".-", color=colour, markersize=3, linewidth=width)
            axis.plot(*path[0], "ko", markerfacecolor="white", markersize=9, zorder=4)
            axis.plot(*path[-1], "*", color=colour, markersize=18, markeredgecolor="white", zorder=4)
        step = np.linalg.norm(np.diff(curves[f"{name}/path"], axis=1), axis=-1).max()
        axis.plot([], [], color=colour, linewidth=width, label=f"{name}: longest step of all starts {step:.3g}")
    axis.plot([], [], "ko", markerfacecolor="white", label="start", linestyle="")
    axis.plot([], [], "*", color=COLOURS["clipped"], markersize=14, linestyle="", label="end, if on the map")
    axis.set(xlim=(4.3, 6.0), ylim=(-3.5, -1.9), xlabel="weight w", ylabel="bias b")
    axis.set_title("(b) Plain descent is thrown off the wall, clipped descent follows it")
    axis.legend(loc="lower left", framealpha=1)


def _profiles_and_growth(left, right, results: Results) -> None:
    curves, lengths, last = results.curves, results.curves["lengths"], -1 - GROWTH_STEPS
    for i, (w, row) in enumerate(zip(WEIGHTS, results.rows, strict=False)):
        colour = plt.get_cmap("viridis")(0.9 * i / (len(WEIGHTS) - 1))
        left.loglog(curves["distances"], curves["profile"][i, 1], color=colour, label=f"w = {w:g}")
        left.loglog(curves["distances"], curves["profile"][i, 0], "--", color=colour)
        if w in (5.0, 5.5, 6.0):
            label = f"w = {w:g}: ln max |g| grows by {row['growth']:.4f} per step"
            right.semilogy(lengths, curves["height"][i], "o", markersize=5, color=colour, label=label)
            line = curves["height"][i, last] * (SLOPE * w) ** (lengths - lengths[last])
            right.semilogy(lengths, line, color=colour, label=f"    theory: ln(0.235004 w) = {row['ln(0.235 w)']:.4f}")
    left.plot([], [], "k", label="b above the wall (dip: there E = 0)")
    left.plot([], [], "k--", label="b below the wall")
    left.set(xlabel="distance from the wall |b - b*|", ylabel="gradient norm |g|")
    left.set_title("(c) The steeper the wall, the closer one must come to see it")
    right.set(xlabel="steps T", ylabel="largest gradient norm at the wall, max |g|")
    right.set_title("(d) The wall grows as (0.235 w)$^T$")
    left.legend()
    right.legend()
