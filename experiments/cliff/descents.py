"""Gradient descent from starts beside the wall, without and with clipping, at one learning rate and over a grid of them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from scipy import stats

from experiments.cliff.options import Config
from experiments.cliff.theory import wall
from experiments.cliff.unit import Unit, error
from experiments.common.intervals import LEVEL, Interval
from recurrent import clip_by_global_norm

METHODS = ("no clipping", "clipped")
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""The learning rates from which either descent chooses."""
SOLVED = 1e-3
"""The error below which a descent has solved its problem."""
FIRST, VALIDATION, TEST = 0, 1, 2
"""Which starts: those at the learning rate of the options, those to choose one on, those to compare on."""


def draw_starts(seed: int, which: int, count: int) -> Unit:
    """Draws w in [4.5, 6] and b within 0.4 of the wall; the three sets have generators of their own."""
    rng = np.random.default_rng(seed if which == FIRST else [seed, which])
    w = rng.uniform(4.5, 6, count)
    return Unit(jnp.asarray(w), jnp.asarray(wall(w) + rng.uniform(-0.4, 0.4, count)))


def follow(config: Config, start: Unit, learning_rate: Array | float, clip: bool) -> tuple[Array, Array]:
    """Descends from one start: the path `[update, 2]` and the error at its end."""
    transform = clip_by_global_norm(config.threshold) if clip else optax.identity()

    def update(point, _):
        gradient = jax.grad(error)(point, config.num_steps)
        direction, _ = transform.update(gradient, transform.init(point))  # it has no memory
        return jax.tree.map(lambda p, g: p - learning_rate * g, point, direction), jnp.stack(point)

    last, path = jax.lax.scan(update, start, length=config.updates)
    return jnp.concatenate([path, jnp.stack(last)[None]]), error(last, config.num_steps)


def descend(config: Config) -> dict[str, Array]:
    """Follows both descents from the first starts: paths `[start, update, 2]` and final errors."""
    starts, found = draw_starts(config.seed, FIRST, config.num_starts), {}
    for name in METHODS:
        run = jax.jit(jax.vmap(lambda start, clip=name == "clipped": follow(config, start, config.learning_rate, clip)))
        found[f"{name}/path"], found[f"{name}/error"] = run(starts)
    return found


def outcomes(config: Config, name: str, rates: tuple[float, ...], which: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether a descent solves its problem, and whether a step throws it off, each `[rate, start]`."""
    starts = draw_starts(config.seed, which, count)

    def one(rate, start):
        path, last = follow(config, start, rate, name == "clipped")
        return last < SOLVED, thrown_off(path)

    run = jax.jit(lambda rates: jax.lax.map(lambda rate: jax.vmap(lambda start: one(rate, start))(starts), rates))
    solved, thrown = run(jnp.asarray(rates))
    return np.asarray(solved), np.asarray(thrown)


def thrown_off(path: Array) -> Array:
    """Whether a step of a path `[..., update, 2]` is longer than 1, or not a number."""
    return ~(jnp.linalg.norm(jnp.diff(path, axis=-2), axis=-1).max(axis=-1) <= 1)


def choose_and_compare(config: Config) -> dict[str, np.ndarray]:
    """Chooses each descent's learning rate on the validation starts, the smaller of equals, and runs it on the test starts."""
    found = {}
    for name in METHODS:
        on_validation, _ = outcomes(config, name, RATES, VALIDATION, config.validation_starts)
        rate = RATES[int(on_validation.sum(axis=1).argmax())]
        on_test, thrown = outcomes(config, name, (rate,), TEST, config.test_starts)
        found[f"{name}/validation"], found[f"{name}/rate"] = on_validation, np.asarray(rate)
        found[f"{name}/test"], found[f"{name}/test thrown"] = on_test[0], thrown[0]
    return found


def share(right: np.ndarray) -> Interval:
    """The share of starts solved, with Wilson's interval."""
    test = stats.binomtest(int(right.sum()), right.size)
    low, high = test.proportion_ci(LEVEL, method="wilson")
    return Interval(float(low), float(right.mean()), float(high))
