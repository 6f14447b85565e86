"""The laws of gradient flow as checks: closed forms against measurements on random networks."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common.checks import Check
from recurrent import elman, gradient_decay, lstm
from recurrent.activations import ACTIVATIONS
from recurrent.flow import decay_rate, vanishing_bound
from recurrent.initializers import gaussian, normal, orthogonal, with_spectral_radius, zeros


def all_checks() -> list[Check]:
    """Runs every check; about ten seconds."""
    return [linear_slope(), orthogonal_is_flat(), sufficient_condition(), constant_gates()]


def linear_slope(size: int = 64, num_steps: int = 1000) -> Check:
    """A linear network's gradient decays by ln ρ per step: slope over lags 200 to 1,000, for five radii and three seeds."""
    xs = jnp.zeros((num_steps, 1, 1))
    worst = 0.0
    for radius in (0.5, 0.9, 0.99, 1.0, 1.1):
        cell = elman(1, size, activation="identity", recurrent_init=with_spectral_radius(radius, gaussian()))
        for seed in range(3):
            params = cell.init(jax.random.key(seed))
            curve = _decay(cell, params, xs)
            rate = decay_rate(curve, 200, 1000)
            worst = max(worst, float(jnp.abs(rate - np.log(radius)).max()))
    return Check("linear networks: |slope - ln(rho)|, lags 200-1000", worst, "<= 0.005", worst <= 0.005)


def orthogonal_is_flat(size: int = 64, num_steps: int = 1000) -> Check:
    """An orthogonal linear network neither loses nor gains."""
    cell = elman(1, size, activation="identity", recurrent_init=orthogonal())
    rates = [
        float(jnp.abs(decay_rate(_decay(cell, cell.init(jax.random.key(s)), jnp.zeros((num_steps, 1, 1))))).max())
        for s in range(3)
    ]
    return Check("orthogonal linear networks: |slope| per step", max(rates), "<= 1e-5", max(rates) <= 1e-5)


def sufficient_condition(count: int = 1000, size: int = 16, num_steps: int = 50) -> Check:
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

        keys = jax.random.split(jax.random.key(7), count // 2)
        excess, last_bound = jax.jit(lambda keys, f=lag_excess: jax.lax.map(f, keys))(keys)
        violations += int(jnp.sum((excess > 1e-4) | ~(last_bound < 0)))  # 1e-4 decades: float32 over 50 steps
    name = f"networks of {count} with sigma_max < 1/gamma that exceed the bound eta^lag"
    return Check(name, violations, "== 0", violations == 0)


def constant_gates(size: int = 16, num_steps: int = 64) -> Check:
    """With constant gates the cell state's gradient is f^lag exactly: largest relative error over lags and forget biases."""
    worst = 0.0
    for bias in (0.0, 1.0, 3.0):
        cell = lstm(1, size, kernel_init=zeros, recurrent_init=zeros, forget_bias=bias)
        params = cell.init(jax.random.key(0))
        decay = gradient_decay(cell, params, jnp.zeros((num_steps, 1, 1)), lambda s: s.c.sum())
        measured = np.asarray(decay.leaves.c[::-1, 0] - decay.leaves.c[-1, 0], np.float64)
        theory = np.arange(num_steps + 1) * np.log10(1 / (1 + np.exp(-bias)))
        worst = max(worst, float(np.max(np.abs(10 ** (measured - theory) - 1))))
    return Check("LSTM with constant gates: relative error of f^lag", worst, "<= 0.01", worst <= 0.01)


def _decay(cell, params, xs) -> jax.Array:
    """log10 norms of dL/dh_t for L = v · h_T with random v."""
    probe = jax.random.normal(jax.random.key(1), (params.bias.shape[0],))
    return _jitted(cell)(params, xs, probe)


def _jitted(cell):
    return jax.jit(lambda params, xs, probe: gradient_decay(cell, params, xs, lambda h: (h * probe[None]).sum()).total)
