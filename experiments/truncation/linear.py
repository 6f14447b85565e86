"""Linear networks, in which the bias of a truncated gradient has a closed form."""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.common.intervals import of_mean
from recurrent import Cell, elman
from recurrent.flow import truncation_bias

INPUTS = 8
"""Numbers that a linear network reads per step."""


def law(radius: float, window: float, steps: int) -> float:
    """√((ρ^2k - ρ^2T) / (1 - ρ^2T)), at ρ = 1 √(1 - k/T): the relative error of dL/dU with windows of k steps, k dividing T.

    Let h_t = x_t U + h_{t-1} W with W = ρ Q, Q orthogonal, h_0 = 0, and L = ⟨a, h_T⟩ with a that does not depend on the
    inputs. The gradient is a sum over lags, and a window of k steps keeps the first k of them:

        dL/dU = Σ_{j<T} G_j,  G_j = x_{T-j}' (a W'^j).

    Inputs are white, E[x_s · x_t] = d [s = t]. So the terms are orthogonal in expectation, and Q keeps lengths:

        E⟨G_i, G_j⟩ = E[x_{T-i} · x_{T-j}] (a W'^i) · (a W'^j) = d ‖a‖² ρ^2j [i = j],

    whatever Q, and for the sum over the rows of a batch as well, whose inputs are independent. What is cut off, of the whole:

        E‖Σ_{j≥k} G_j‖² / E‖Σ_j G_j‖² = Σ_{k≤j<T} ρ^2j / Σ_{j<T} ρ^2j = (ρ^2k - ρ^2T) / (1 - ρ^2T).

    Measured is the ratio of the norms of one draw, whose mean is near the root of this if norms vary little from draw to draw:
    with d times as many numbers as units in the gradient, they do. For dL/dW there is no such law: its terms hold states, and
    states at two lags are correlated through the same W that carries the gradient.
    """
    if radius == 1:
        return math.sqrt(1 - window / steps)
    return math.sqrt((radius ** (2 * window) - radius ** (2 * steps)) / (1 - radius ** (2 * steps)))


def of_input_kernel(cell: Cell, params) -> Cell:
    """The same cell, its parameters being the input kernel alone; the others are those of `params`."""

    def whole(kernel):
        return params._replace(input_kernel=kernel)

    return Cell(
        init=lambda key: cell.init(key).input_kernel,
        initial_state=lambda params, batch_shape=(): cell.initial_state(whole(params), batch_shape),
        step=lambda kernel, state, x_t: cell.step(whole(kernel), state, x_t),
    )


def measurer(hidden_size: int, batch_size: int, steps: int, window: int) -> Callable[[Array, float], Array]:
    """Returns `(keys [draw], radius) -> relative errors of dL/dU [draw]`; network, inputs and loss are drawn from the key."""
    cell = elman(INPUTS, hidden_size, activation="identity")  # its recurrent kernel is orthogonal

    def one(radius, key):
        k_params, k_inputs, k_loss = jax.random.split(key, 3)
        params = cell.init(k_params)
        params = params._replace(recurrent_kernel=radius * params.recurrent_kernel)
        xs = jax.random.normal(k_inputs, (steps, batch_size, INPUTS))
        directions = jax.random.normal(k_loss, (batch_size, hidden_size))
        own = of_input_kernel(cell, params)
        found = truncation_bias(own, params.input_kernel, xs, lambda h, hs: jnp.vdot(directions, h), window=window)
        return found.relative_error

    return jax.jit(lambda keys, radius: jax.lax.map(functools.partial(one, radius), keys))


def distance(curves: dict[str, np.ndarray], radius: float, window: int, steps: int) -> float:
    """How far the farther bound of the mean measured error lies from the law, of the law."""
    found, expected = of_mean(curves[f"linear/{radius:g}/{window}"]), law(radius, window, steps)
    return max(abs(found.low - expected), abs(found.high - expected)) / expected
