"""The laws of gradient flow: closed forms against measurements on random networks of their own, whatever the options."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common.checks import Check, at_most
from recurrent import Cell, elman, gradient_decay, lstm
from recurrent.activations import ACTIVATIONS
from recurrent.flow import decay_rate, vanishing_bound
from recurrent.initializers import gaussian, normal, orthogonal, with_spectral_radius, zeros

LAWS = {
    "linear": ("linear networks: |slope - ln(rho)|, lags 200-1000", 0.005),
    "orthogonal": ("orthogonal linear networks: |slope| per step", 1e-5),
    "exceeding": ("networks with sigma_max < 1/gamma that exceed the bound eta^lag", 0.0),
    "gates": ("LSTM with constant gates: relative error of f^lag", 0.01),
}
"""What each law is called, and the largest deviation that it allows."""


def measure(networks: int) -> dict[str, float]:
    """Measures how far every law is off; the bound on that many networks."""
    return {
        "linear": linear_slope(),
        "orthogonal": orthogonal_is_flat(),
        "exceeding": sufficient_condition(networks),
        "gates": constant_gates(),
    }


def checks(found: dict[str, float]) -> list[Check]:
    """One criterion per law."""
    return [at_most(name, float(found[key]), target) for key, (name, target) in LAWS.items()]


def linear_slope(size: int = 64, num_steps: int = 1000) -> float:
    """A linear network's gradient decays by ln ρ per step: slope over lags 200 to 1,000, for five radii and three seeds."""
    radii = jnp.asarray([0.5, 0.9, 0.99, 1.0, 1.1])
    cell = elman(1, size, activation="identity", recurrent_init=with_spectral_radius(1.0, gaussian()))
    unit = jax.jit(jax.vmap(cell.init))(_keys(3))

    def error(radius, params):
        curve = _decay(cell, params._replace(recurrent_kernel=radius * params.recurrent_kernel), jnp.zeros((num_steps, 1, 1)))
        return jnp.abs(decay_rate(curve, 200, num_steps) - jnp.log(radius)).max()

    over_seeds = lambda radius: jax.lax.map(lambda params: error(radius, params), unit)  # noqa: E731
    return float(jax.jit(lambda radii: jax.lax.map(over_seeds, radii))(radii).max())


def orthogonal_is_flat(size: int = 64, num_steps: int = 1000) -> float:
    """The largest |slope| of orthogonal linear networks, which neither lose nor gain; three seeds."""
    cell = elman(1, size, activation="identity", recurrent_init=orthogonal())
    slope = lambda params: jnp.abs(decay_rate(_decay(cell, params, jnp.zeros((num_steps, 1, 1))))).max()  # noqa: E731
    return float(jax.jit(lambda stack: jax.lax.map(slope, stack))(jax.jit(jax.vmap(cell.init))(_keys(3))).max())


def sufficient_condition(count: int, size: int = 16, num_steps: int = 50) -> float:
    """σ_max < 1/γ: every lag of every network lies below η^lag, and η^lag falls. Counts networks that do not obey."""
    violations = 0
    for activation in ("tanh", "sigmoid"):
        cell = elman(3, size, activation=activation, kernel_init=normal(1.0), bias_init=normal(1.0))
        gamma = ACTIVATIONS[activation].max_slope

        def lag_excess(key, cell=cell, activation=activation, gamma=gamma):
            k_params, k_eta, k_xs = jax.random.split(key, 3)
            params = cell.init(k_params)
            kernel = params.recurrent_kernel * jnp.exp(0.5 * jax.random.normal(k_xs, (size, 1)))  # not orthogonal
            eta = jax.random.uniform(k_eta, minval=0.05, maxval=0.999)
            kernel = kernel * (eta / (gamma * jnp.linalg.norm(kernel, ord=2)))
            params = params._replace(recurrent_kernel=kernel)
            curve = _decay(cell, params, jax.random.normal(k_xs, (num_steps, 1, 3)))[::-1, 0]
            bound = jnp.arange(num_steps + 1) * jnp.log10(vanishing_bound(kernel, activation).eta)
            return jnp.max(curve - curve[0] - bound), bound[-1]

        keys = jax.random.split(jax.random.key(7), (count + 1) // 2)
        excess, last_bound = jax.jit(lambda keys, f=lag_excess: jax.lax.map(f, keys))(keys)
        violations += int(jnp.sum((excess > 1e-4) | ~(last_bound < 0)))  # 1e-4 decades: float32 over 50 steps
    return float(violations)


def constant_gates(size: int = 16, num_steps: int = 64) -> float:
    """With constant gates the cell state's gradient is f^lag exactly: largest relative error over lags and forget biases."""
    biases = (0.0, 1.0, 3.0)
    cells = [lstm(1, size, kernel_init=zeros, recurrent_init=zeros, forget_bias=bias) for bias in biases]
    stack = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(cell.init(jax.random.key(0)) for cell in cells))

    def curve(params):
        decay = gradient_decay(cells[0], params, jnp.zeros((num_steps, 1, 1)), lambda s: s.c.sum())
        return decay.leaves.c[::-1, 0] - decay.leaves.c[-1, 0]

    measured = np.asarray(jax.jit(lambda stack: jax.lax.map(curve, stack))(stack), np.float64)
    theory = np.arange(num_steps + 1) * np.log10(1 / (1 + np.exp(-np.asarray(biases)[:, None])))
    return float(np.max(np.abs(10 ** (measured - theory) - 1)))


def _keys(count: int) -> jax.Array:
    return jax.vmap(jax.random.key)(jnp.arange(count))


def _decay(cell: Cell, params, xs: jax.Array) -> jax.Array:
    """log10 norms of dL/dh_t for L = v · h_T with random v."""
    probe = jax.random.normal(jax.random.key(1), (params.bias.shape[0],))
    return gradient_decay(cell, params, xs, lambda h: (h * probe[None]).sum()).total
