"""What an accelerator should gain from evaluation in parallel over time, as ratios of times in one run."""

import functools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from recurrent import elman, min_gru, unroll, unroll_parallel
from recurrent.initializers import normal, with_spectral_radius

INPUT_SIZE = 4
SETTINGS = {"loop over deer, 32 units, T = 65,536": (32, 65_536), "loop over deer, 1 unit, T = 100,000": (1, 100_000)}
"""Units and steps of tanh networks of radius 0.9, one sequence."""
TRAINING, TRAINED = "training step of minGRU, T = 4,096 over 512", (512, 4096)
"""Steps of the two training steps of a minGRU that are compared; 16 sequences, 128 units."""
TARGETS = dict(zip((*SETTINGS, TRAINING), (10.0, 500.0, 2.0), strict=True))
"""Aimed at on a GPU: at least the first two, at most the last (after Lim et al. 2024 and Feng et al. 2024)."""


def measure_speedups() -> dict[str, np.ndarray]:
    """Times loop and Newton's method, and training steps of two lengths."""
    found = {name: np.asarray(loop_over_deer(*setting)) for name, setting in SETTINGS.items()}
    short, long = (training_seconds(num_steps) for num_steps in TRAINED)
    return {**found, TRAINING: np.asarray(long / short)}


def loop_over_deer(hidden_size: int, num_steps: int) -> float:
    """Time of `unroll` over that of `unroll_parallel`, forward; NaN if Newton's method did not converge."""
    recurrent_init = with_spectral_radius(0.9)
    cell = elman(INPUT_SIZE, hidden_size, recurrent_init=recurrent_init, kernel_init=normal(0.5))
    params = cell.init(jax.random.key(0))
    xs = jax.random.normal(jax.random.key(1), (num_steps, INPUT_SIZE))
    fast = jax.jit(functools.partial(unroll_parallel, cell, method="deer"))
    if not fast(params, xs)[2].converged:
        return float("nan")
    return best_of_three(jax.jit(functools.partial(unroll, cell)), params, xs) / best_of_three(fast, params, xs)


def training_seconds(num_steps: int, rows: int = 16, hidden_size: int = 128) -> float:
    """Time of a training step of a minGRU by associative scan."""
    cell = min_gru(INPUT_SIZE, hidden_size)
    xs = jax.random.normal(jax.random.key(1), (num_steps, rows, INPUT_SIZE))
    step = jax.jit(jax.value_and_grad(lambda params, xs: jnp.mean(unroll_parallel(cell, params, xs)[1] ** 2)))
    return best_of_three(step, cell.init(jax.random.key(0)), xs)


def best_of_three(run: Callable[..., Any], *arguments: Any) -> float:
    """Seconds of the fastest of three calls after the first."""
    jax.block_until_ready(run(*arguments))
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        jax.block_until_ready(run(*arguments))
        seconds.append(time.perf_counter() - start)
    return min(seconds)
