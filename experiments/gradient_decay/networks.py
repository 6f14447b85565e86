"""The networks whose gradients `gradient_decay` measures, and the rates that theory predicts for them."""

from typing import Any

import jax
import jax.numpy as jnp

from experiments.common.networks import Network, draw_all, hidden
from experiments.common.training import clipped_adam, descend, start
from recurrent import Cell, activations, elman, spectral_radius, unroll
from recurrent.cells import gru_adjoint, lstm_adjoint
from recurrent.dense import add_bias, dot
from recurrent.flow import vanishing_bound
from recurrent.initializers import gaussian, identity, orthogonal, with_spectral_radius
from recurrent.losses import cross_entropy

INITIALISERS = {"gaussian": gaussian(), "orthogonal": orthogonal(), "identity": identity()}


def loss_of(network: Network, h_t: jax.Array, labels: jax.Array) -> jax.Array:
    """L_T = -ln softmax(h_T V + c)[label], summed over the batch."""
    logits = add_bias(dot(h_t, network.kernel, None), network.bias)
    return cross_entropy(logits, labels).sum()


def train(cell: Cell, network: Network, xs: jax.Array, labels: jax.Array, updates: int) -> Network:
    """Trains one network on its sequences."""

    def mean_loss(network, given, batch):
        del batch  # there is one only
        xs, labels = given
        final_state, _ = unroll(cell, network.cell, xs)
        return loss_of(network, hidden(final_state), labels) / len(labels)

    optimizer = clipped_adam(1e-3)
    return descend(mean_loss, optimizer, start(network, optimizer), (xs, labels), jnp.arange(updates))[0].params


def vanilla_rate(activation: str, cell: Cell, params: Any, xs: jax.Array) -> dict[str, jax.Array]:
    """ln ρ(W) + ½ ln mean φ'²: the spectral radius times the rms slope along the run; and the bound's ln η."""
    _, hs = unroll(cell, params, xs)
    slope = activations.get_activation(activation).slope(hs)
    bound = vanishing_bound(params.recurrent_kernel, activation)
    radius = spectral_radius(params.recurrent_kernel)
    predicted = jnp.log(radius) + 0.5 * jnp.log(jnp.mean(slope**2) + 1e-30)
    return {"predicted": predicted, "log_eta": jnp.log(bound.eta), "radius": radius}


def additive_rate(cell: Cell, params: Any, xs: jax.Array) -> dict[str, jax.Array]:
    """Mean ln of the gate on the additive path: f for the LSTM, 1 - z for the GRU."""
    adjoint = lstm_adjoint() if hasattr(cell.initial_state(params), "c") else gru_adjoint()  # the gates lie on its tape
    zs = adjoint.project(params, xs)

    def step(state, z_t):
        state, _, tape_t = adjoint.advance(params, state, z_t)
        return state, tape_t.gates

    _, gates = jax.lax.scan(step, cell.initial_state(params, xs.shape[1:-1]), zs)
    kept = gates.f if hasattr(gates, "f") else 1 - gates.z
    radius = spectral_radius(params.recurrent_kernel[:, -params.recurrent_kernel.shape[0] :])
    return {"predicted": jnp.mean(jnp.log(kept)), "log_eta": jnp.full((), jnp.nan), "radius": radius}


def vanilla_networks(hidden_size: int, radii: tuple[float, ...], features: int, classes: int, keys: jax.Array) -> Network:
    """Every initialisation at every spectral radius, `len(keys)` of each; the radii share their random matrices."""
    drawn = []
    for init in INITIALISERS.values():
        cell = elman(features, hidden_size, recurrent_init=with_spectral_radius(1.0, init))
        network = draw_all(cell, keys, classes, hidden_size)
        for radius in radii:
            kernel = radius * network.cell.recurrent_kernel
            drawn.append(network._replace(cell=network.cell._replace(recurrent_kernel=kernel)))
    return concatenate(drawn)


def concatenate(networks: list[Network]) -> Network:
    """Joins stacks of networks into one."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *networks)
