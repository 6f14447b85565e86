"""Values and gradients of the cells against flax, haiku and torch, run side by side in float64.

Gradients are compared in the peer's own layout: ours are taken through the conversion of its weights.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, random_array, relative_error, usual_promotion
from jax import Array

from recurrent import Cell, elman, gru, lstm, unroll
from recurrent.cells import LSTMState, lstm_variant
from recurrent.interop import params_from

NUM_STEPS, BATCH, INPUT, HIDDEN = 7, 4, 3, 5
TOLERANCE = 1e-10


class Peer(NamedTuple):
    """One of our cells, the peer's name for it, and further options of it."""

    cell: Cell
    name: str
    options: Mapping[str, Any] = {}

    def __str__(self) -> str:
        return "-".join([self.name, *self.options])


F64 = {"param_dtype": jnp.float64}
FLAX_PEERS = [
    Peer(elman(INPUT, HIDDEN, **F64), "SimpleCell"),
    Peer(lstm(INPUT, HIDDEN, **F64), "OptimizedLSTMCell"),
    Peer(gru(INPUT, HIDDEN, reset="after", **F64), "GRUCell"),
]

HAIKU_PEERS = [
    Peer(elman(INPUT, HIDDEN, activation="relu", **F64), "VanillaRNN"),
    Peer(lstm(INPUT, HIDDEN, **F64), "LSTM"),
    Peer(gru(INPUT, HIDDEN, reset="before", **F64), "GRU"),
]

TORCH_PEERS = [
    Peer(elman(INPUT, HIDDEN, **F64), "RNN"),
    Peer(lstm(INPUT, HIDDEN, **F64), "LSTM"),
    Peer(gru(INPUT, HIDDEN, reset="after", **F64), "GRU"),
    Peer(lstm_variant(INPUT, HIDDEN, projection_size=2, **F64), "LSTM", {"proj_size": 2}),
]


def by_name(peers: list[Peer]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("peer", peers, ids=str)


def draw(shapes: Any, seed: int, scale: float = 1.0) -> Any:
    """Random numbers, biases included, for a tree of anything that has a shape."""
    return perturbed(jax.tree.map(lambda leaf: np.zeros(tuple(leaf.shape)), shapes), seed, scale)


def inputs_and_state(cell: Cell) -> tuple[Array, Any]:
    """Inputs that grow over time, so that a run in the wrong direction shows, and an initial state that is not zero."""
    growth = jnp.linspace(0.5, 1.5, NUM_STEPS)[:, None, None]
    shapes = jax.eval_shape(lambda key: cell.initial_state(cell.init(key), (BATCH,)), jax.random.key(0))
    return growth * random_array((NUM_STEPS, BATCH, INPUT), seed=1), draw(shapes, seed=2)


def loss_weights(results: Any) -> Any:
    """The weights of a loss that is linear in outputs and final state: random, the same for the same shapes."""
    return draw(results, seed=3)


def results_and_gradients(run: Callable, *arguments: Any) -> tuple[Any, Any]:
    """(final state, outputs) of `run`, and the gradients of the loss by every argument."""

    def loss(arguments):
        results = run(*arguments)
        products = jax.tree.map(lambda weight, value: jnp.sum(weight * value), loss_weights(results), results)
        return jax.tree.reduce(jnp.add, products), results

    (_, results), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(arguments)
    return results, gradients


def assert_same(library: str, peer: Peer, arguments: tuple, expected: tuple, at=None, lengths: Array | None = None) -> None:
    """Compares `unroll` of our cell, with both backward passes, to the peer's results and gradients."""
    for backprop in ("autodiff", "explicit"):

        def run(weights, xs, state, backprop=backprop):
            params = params_from(library, peer.cell, weights, at=at)
            return unroll(peer.cell, params, xs, state, lengths=lengths, backprop=backprop)

        found = results_and_gradients(run, *arguments)
        chex.assert_tree_all_finite((found, expected))
        for what, a, b in zip(("results", "gradients"), found, expected, strict=True):
            assert relative_error(a, b) < TOLERANCE, f"{what} with {backprop}"


@by_name(FLAX_PEERS)
def test_flax(peer):
    xs, state = inputs_and_state(peer.cell)
    cell = getattr(nn, peer.name)(HIDDEN, dtype=jnp.float64, param_dtype=jnp.float64)
    network = nn.RNN(cell, time_major=True, return_carry=True)

    def run(weights, xs, state):
        is_pair = isinstance(state, LSTMState)
        variables = {"params": {"cell": weights}}
        final, ys = network.apply(variables, xs, initial_carry=tuple(state) if is_pair else state)
        return LSTMState(*final) if is_pair else final, ys

    with usual_promotion():
        weights = draw(jax.eval_shape(network.init, jax.random.key(0), xs)["params"]["cell"], seed=0, scale=0.5)
        expected = results_and_gradients(run, weights, xs, state)
    assert_same("linen", peer, (weights, xs, state), expected)


@pytest.mark.peers
@by_name(HAIKU_PEERS)
def test_haiku(peer):
    import haiku as hk

    xs, state = inputs_and_state(peer.cell)

    def unrolled(xs, state):
        is_pair = isinstance(state, LSTMState)
        core = getattr(hk, peer.name)(HIDDEN)
        ys, final = hk.dynamic_unroll(core, xs, hk.LSTMState(hidden=state.h, cell=state.c) if is_pair else state)
        return LSTMState(c=final.cell, h=final.hidden) if is_pair else final, ys

    network = hk.without_apply_rng(hk.transform(unrolled))
    with usual_promotion():
        weights = draw(jax.eval_shape(network.init, jax.random.key(0), xs, state), seed=0, scale=0.5)
        expected = results_and_gradients(network.apply, weights, xs, state)
    module = "vanilla_rnn" if peer.name == "VanillaRNN" else peer.name.lower()
    assert_same("haiku", peer, (weights, xs, state), expected, at=module)


@pytest.mark.peers
@by_name(TORCH_PEERS)
def test_torch_packed_sequences(peer):
    """Rows of different lengths: held final states, outputs of 0 and inputs without gradient in the padding."""
    import torch

    network = getattr(torch.nn, peer.name)(INPUT, HIDDEN, dtype=torch.float64, **peer.options)
    weights = draw(dict(network.named_parameters()), seed=0, scale=0.5)
    arguments = (weights, *inputs_and_state(peer.cell))
    lengths = (3, 7, 1, 5)

    def run(weights, xs, state):
        is_pair = isinstance(state, LSTMState)
        given = (state.h[None], state.c[None]) if is_pair else state[None]
        packed = torch.nn.utils.rnn.pack_padded_sequence(xs, lengths, enforce_sorted=False)
        ys, final = torch.func.functional_call(network, weights, (packed, given))
        ys, _ = torch.nn.utils.rnn.pad_packed_sequence(ys, total_length=NUM_STEPS)
        return LSTMState(c=final[1][0], h=final[0][0]) if is_pair else final[0], ys

    leaves = jax.tree.map(lambda value: torch.tensor(np.asarray(value), requires_grad=True), arguments)
    results = run(*leaves)
    factors = jax.tree.map(lambda weight: torch.tensor(np.asarray(weight)), loss_weights(results))
    products = jax.tree.map(lambda factor, value: (factor * value).sum(), factors, results)
    sum(jax.tree.leaves(products)).backward()
    expected = (
        jax.tree.map(lambda value: value.detach().numpy(), results),
        jax.tree.map(lambda leaf: leaf.grad.numpy(), leaves),
    )
    assert_same("torch", peer, arguments, expected, lengths=jnp.asarray(lengths))
