"""Where the wall stands and how high it is, measured without any formula of it; and a map of the error."""

import jax
import jax.numpy as jnp
from jax import Array

from experiments.cliff.theory import GROWTH_STEPS, SHORTEST, WEIGHTS, X_0, wall
from experiments.cliff.unit import Unit, error, last_state, steepness


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
    """Measures place and height of the wall for networks of several lengths, `[w, T]`."""
    ws, longest = jnp.asarray(WEIGHTS), num_steps + GROWTH_STEPS
    lengths = jnp.arange(SHORTEST, longest + 1)

    @jax.jit
    @jax.vmap
    def measure(w):
        centre = bisect_wall(w, longest)
        places, heights = jax.vmap(lambda length: steepest(w, centre, length, longest))(lengths)
        return {"place": places, "height": heights}

    return {**measure(ws), "lengths": lengths}


def draw_map(num_steps: int, resolution: int) -> dict[str, Array]:
    """Computes the error on a grid `[distance, w]` that follows the wall and is finest at it."""
    half = jnp.logspace(-6, jnp.log10(1.7), (resolution + 1) // 2)
    w, distance = jnp.meshgrid(jnp.linspace(4.3, 6.2, resolution), jnp.concatenate([-half[::-1], half]))
    points = Unit(w, wall(w) + distance)
    return {**points._asdict(), "error": jax.jit(jax.vmap(jax.vmap(lambda point: error(point, num_steps))))(points)}
