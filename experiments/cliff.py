"""The cliff in the error surface of one recurrent unit: where the wall stands, how high it is, what clipping does there."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from jax import Array

from experiments._run import Check, Experiment, Part, Results, compute_now, main
from recurrent import Cell, clip_by_global_norm, unroll

X_0, TARGET = 0.5, 0.7
SIGMA = float(1 / (1 + np.exp(-X_0)))
SLOPE = SIGMA * (1 - SIGMA)
"""σ'(x_0): along the wall dx_t/dx_{t-1} = 0.235004 w."""
WEIGHTS = (4.5, 5.0, 5.5, 6.0, 6.5, 7.0)
SHORTEST, GROWTH_STEPS = 10, 10
COLOURS = {"no clipping": "#D55E00", "clipped": "#0072B2"}


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    num_steps: int = 50
    """Steps T of the network."""
    learning_rate: float = 0.1
    """Learning rate of gradient descent."""
    threshold: float = 1.0
    """Gradient norm above which the clipped descent scales it down."""
    num_starts: int = 30
    """Starting points, with w in [4.5, 6] and b within 0.4 of the wall."""
    updates: int = 800
    """Updates per descent."""
    resolution: int = 300
    """Points per axis of the map of the error."""
    seed: int = 0
    """Seed of the starting points."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        least = {"num_steps": SHORTEST, "num_starts": 1, "updates": 1, "resolution": 2, "seed": 0}
        for name, value in least.items():
            if getattr(self, name) < value:
                raise ValueError(f"{name} must be at least {value}; got {getattr(self, name)}: give a larger number")
        for name in ("learning_rate", "threshold"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be positive and finite; got {getattr(self, name)}: try 0.1 or 1")


class Unit(NamedTuple):
    """The two parameters of the network."""

    w: Array
    b: Array


def wall(w):
    """b*(w) = x_0 - w σ(x_0): there x_0 is the unstable fixed point, so that every x_t stays on it."""
    return X_0 - w * SIGMA


def unit() -> Cell:
    """x_t = w σ(x_{t-1}) + b, x_0 = 0.5; no input is read."""

    def init(key):
        del key
        return Unit(jnp.asarray(WEIGHTS[0]), jnp.asarray(wall(WEIGHTS[0])))

    def initial_state(params, batch_shape=()):
        return jnp.full(batch_shape, X_0, params.w.dtype)

    def step(params, state, x_t):
        del x_t
        state = params.w * jax.nn.sigmoid(state) + params.b
        return state, state

    return Cell(init, initial_state, step)


def last_state(point: Unit, num_steps: int, length: Array | None = None) -> Array:
    """x_T, where T is `num_steps`, or a traced `length` up to that."""
    return unroll(unit(), point, jnp.zeros((num_steps, 1)), lengths=length)[0]


def error(point: Unit, num_steps: int, length: Array | None = None) -> Array:
    """E = (σ(x_T) - 0.7)²."""
    return (jax.nn.sigmoid(last_state(point, num_steps, length)) - TARGET) ** 2


def steepness(point: Unit, num_steps: int, length: Array | None = None) -> Array:
    """|(dE/dw, dE/db)|."""
    return optax.tree.norm(jax.grad(error)(point, num_steps, length))


def bisect_wall(w: Array, num_steps: int) -> Array:
    """Narrows [-w, 0] down to the b where x_T changes from below x_0 to above; uses no formula of the wall."""

    def halve(_, bracket):
        low, high = bracket
        middle = (low + high) / 2
        above = last_state(Unit(w, middle), num_steps) > X_0
        return jnp.where(above, low, middle), jnp.where(above, middle, high)

    low, high = jax.lax.fori_loop(0, 60, halve, (-w, jnp.zeros_like(w)))
    return (low + high) / 2


def steepest(w: Array, centre: Array, length: Array, num_steps: int) -> tuple[Array, Array]:
    """Returns the b of the largest gradient around `centre` and that gradient: logarithmic samples, then four closer looks."""
    slopes = jax.vmap(lambda b: steepness(Unit(w, b), num_steps, length))
    distances = jnp.logspace(-15, -1, 300)
    candidates = centre + jnp.concatenate([-distances[::-1], distances])
    for _ in range(4):
        best = jnp.clip(jnp.argmax(slopes(candidates)), 1, len(candidates) - 2)
        candidates = jnp.linspace(candidates[best - 1], candidates[best + 1], 41)
    values = slopes(candidates)
    return candidates[jnp.argmax(values)], values.max()


def measure_walls(num_steps: int) -> dict[str, Array]:
    """Measures place and height of the wall, `[w, T]`, and the gradient against the distance from it, `[w, side, distance]`."""
    ws, longest = jnp.asarray(WEIGHTS), num_steps + GROWTH_STEPS
    lengths = jnp.arange(SHORTEST, longest + 1)
    distances = jnp.logspace(-15, np.log10(0.5), 600)

    @jax.jit
    @jax.vmap
    def measure(w):
        centre = bisect_wall(w, longest)
        places, heights = jax.vmap(lambda length: steepest(w, centre, length, longest))(lengths)
        at = jax.vmap(jax.vmap(lambda b: steepness(Unit(w, b), num_steps)))
        return {"place": places, "height": heights, "profile": at(centre + jnp.stack([-distances, distances]))}

    return {**measure(ws), "lengths": lengths, "distances": distances}


def descend(config: Config) -> dict[str, Array]:
    """Follows gradient descent from every start, without and with clipping: paths `[start, update, 2]` and final errors."""
    rng = np.random.default_rng(config.seed)
    w = rng.uniform(4.5, 6, config.num_starts)
    starts = Unit(jnp.asarray(w), jnp.asarray(wall(w) + rng.uniform(-0.4, 0.4, config.num_starts)))

    def follow(optimizer, start):
        def update(point, _):
            gradient = jax.grad(error)(point, config.num_steps)
            updates, _ = optimizer.update(gradient, optimizer.init(point))  # nothing in the chain has a memory
            return jax.tree.map(jnp.add, point, updates), jnp.stack(point)

        last, path = jax.lax.scan(update, start, length=config.updates)
        return jnp.concatenate([path, jnp.stack(last)[None]]), error(last, config.num_steps)

    found, plain = {}, optax.sgd(config.learning_rate)
    chains = (plain, optax.chain(clip_by_global_norm(config.threshold), plain))
    for name, optimizer in zip(COLOURS, chains, strict=True):
        run_all = jax.jit(jax.vmap(lambda start, optimizer=optimizer: follow(optimizer, start)))
        found[f"{name}/path"], found[f"{name}/error"] = run_all(starts)
    return found


def draw_map(config: Config) -> dict[str, Array]:
    """Computes the error on a grid `[distance, w]` that follows the wall and is finest at it."""
    half = jnp.logspace(-6, np.log10(1.7), (config.resolution + 1) // 2)
    w, distance = jnp.meshgrid(jnp.linspace(4.3, 6.2, config.resolution), jnp.concatenate([-half[::-1], half]))
    points = Unit(w, wall(w) + distance)
    return {**points._asdict(), "error": jax.jit(jax.vmap(jax.vmap(lambda point: error(point, config.num_steps))))(points)}


def run(config: Config, part: Part = compute_now) -> Results:
    """Measures the wall, descends from every start and maps the surface, all in float64."""
    with jax.enable_x64(True):
        parts = {
            "walls": lambda: measure_walls(config.num_steps),
            "descents": lambda: descend(config),
            "map": lambda: draw_map(config),
        }
        curves = {key: np.asarray(value) for name, job in parts.items() for key, value in part(name, job).items()}
    rows = [_wall_row(curves, i) for i in range(len(WEIGHTS))] + [_descent_row(curves, name) for name in COLOURS]
    summary = {"num_steps": config.num_steps, "starts": config.num_starts, "threshold": config.threshold}
    return Results(rows, summary, curves)


def _wall_row(curves: dict[str, np.ndarray], i: int) -> dict[str, float | str]:
    w, last = WEIGHTS[i], -1 - GROWTH_STEPS
    growth = np.polyfit(curves["lengths"][last:], np.log(curves["height"][i, last:]), 1)[0]
    row = {"wall": curves["place"][i, last], "b*": wall(w), "wall - b*": curves["place"][i, last] - wall(w)}
    row |= {"max |g|": curves["height"][i, last], "growth": growth, "ln(0.235 w)": np.log(SLOPE * w)}
    return {"setting": f"w = {w:g}", **{name: float(value) for name, value in row.items()}, "solved": "", "jumped": ""}


def _descent_row(curves: dict[str, np.ndarray], name: str) -> dict[str, float | str]:
    """Counts starts that end below E = 1e-3, and those with a step longer than 1."""
    longest = np.linalg.norm(np.diff(curves[f"{name}/path"], axis=1), axis=-1).max(axis=1)
    empty = dict.fromkeys(("wall", "b*", "wall - b*", "max |g|", "growth", "ln(0.235 w)"), "")
    solved = int(np.sum(curves[f"{name}/error"] < 1e-3))
    return {"setting": name, **empty, "solved": solved, "jumped": int(np.sum(~(longest <= 1)))}


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


def check(config: Config, results: Results) -> list[Check]:
    """Tests wall, height, growth and clipping under the published settings, whatever the options; the seed is the run's."""
    published = Config(seed=config.seed)
    rows = (results if config == published else run(published)).rows
    found = {row["setting"]: row for row in rows}
    plain, clipped = (found[name] for name in COLOURS)
    steep = [found[f"w = {w:g}"] for w in WEIGHTS if w >= 5]
    offset = max(abs(row["wall - b*"]) for row in steep)
    growth = max(abs(row["growth"] / row["ln(0.235 w)"] - 1) for row in steep)
    five, six = found["w = 5"]["max |g|"], found["w = 6"]["max |g|"]
    return [
        Check("largest distance of the wall from b*, w in [5, 7]", offset, "at most 1e-4", offset <= 1e-4),
        Check("max |g| at w = 5", five, "6.76e3 within 2 %", abs(five / 6.76e3 - 1) <= 0.02),
        Check("max |g| at w = 6", six, "1.96e7 within 5 %", abs(six / 1.96e7 - 1) <= 0.05),
        Check("largest relative error of the growth rate, w in [5, 7]", growth, "at most 0.01", growth <= 0.01),
        Check("solved of 30, clipped", clipped["solved"], "at least 28", clipped["solved"] >= 28),
        Check("thrown off of 30, clipped", clipped["jumped"], "none", clipped["jumped"] == 0),
        Check("solved of 30, no clipping", plain["solved"], "at most 15", plain["solved"] <= 15),
    ]


EXPERIMENT = Experiment(
    name="cliff",
    claim="The error of one recurrent unit has a wall that grows exponentially with time; clipped descent gets along it.",
    source="Pascanu, Mikolov & Bengio (2013), section 2.3 and figure 6",
    duration="5 seconds",
    config=Config,
    run=run,
    plot=plot,
    check=check,
)

if __name__ == "__main__":
    main(EXPERIMENT)
