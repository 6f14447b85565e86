"""The rates that theory predicts for a network on its sequences, in nats per step."""

from typing import Any

import jax
import jax.numpy as jnp

from recurrent import Cell, activations, spectral_radius, unroll
from recurrent.cells import gru_adjoint, lstm_adjoint
from recurrent.flow import vanishing_bound


def vanilla_rate(activation: str, cell: Cell, params: Any, xs: jax.Array) -> dict[str, jax.Array]:
    """ln ρ(W) + ½ ln mean φ'²: the spectral radius times the rms slope along the run; and the bound's ln η."""
    _, hs = unroll(cell, params, xs)
    slope = activations.get_activation(activation).slope(hs)
    log_radius = jnp.log(spectral_radius(params.recurrent_kernel))
    predicted = log_radius + 0.5 * jnp.log(jnp.mean(slope**2) + 1e-30)
    return {"predicted": predicted, "log_eta": jnp.log(vanishing_bound(params.recurrent_kernel, activation).eta)}


def additive_rate(cell: Cell, params: Any, xs: jax.Array) -> dict[str, jax.Array]:
    """Mean ln of the gate on the additive path: f for the LSTM, 1 - z for the GRU."""
    adjoint = lstm_adjoint() if hasattr(cell.initial_state(params), "c") else gru_adjoint()  # the gates lie on its tape
    zs = adjoint.project(params, xs)

    def step(state, z_t):
        state, _, tape_t = adjoint.advance(params, state, z_t)
        return state, tape_t.gates

    _, gates = jax.lax.scan(step, cell.initial_state(params, xs.shape[1:-1]), zs)
    kept = gates.f if hasattr(gates, "f") else 1 - gates.z
    return {"predicted": jnp.mean(jnp.log(kept))}
