"""The cliff in the error surface of one recurrent unit: where the wall stands, how high it is, what clipping does there."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from experiments.cliff.figure import plot
from experiments.cliff.theory import COLOURS, GROWTH_STEPS, SHORTEST, SLOPE, TARGET, WEIGHTS, X_0, wall
from experiments.common.checks import Check
from experiments.common.experiment import Experiment, Results
from experiments.common.options import check_counts, check_positive
from experiments.common.parts import Part, compute_now
from recurrent import Cell, clip_by_global_norm, unroll


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
            check_counts(self, name, least=value)
        check_positive(self, "learning_rate", "threshold")


class Unit(NamedTuple):
    """The two parameters of the network."""

    w: Array
    b: Array


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
    config=Config,
    run=run,
    plot=plot,
    check=check,
)
