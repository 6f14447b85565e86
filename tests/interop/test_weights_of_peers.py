"""Networks of two bidirectional layers in every library: outputs, and gradients in the library's own layout."""

import functools
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from helpers import random_array, relative_error, usual_promotion

from recurrent import Cell, bidirectional, elman, gru, lstm, scanned, serial
from recurrent.cells import lstm_variant
from recurrent.interop import filled, named_arrays, params_from, weights_for

NUM_STEPS, BATCH, INPUT, HIDDEN = 5, 2, 3, 4
PLACES = [(layer, side) for layer in range(2) for side in ("forward", "backward")]
TOLERANCE = 1e-10


class Kind(NamedTuple):
    """A cell of this library, and the peer's name for it and its options."""

    make: Callable[..., Cell]
    name: str
    options: dict[str, Any] = {}
    width: int = HIDDEN

    def __str__(self) -> str:
        return "-".join([self.name, *map(str, self.options)])

    @property
    def network(self):
        cells = [self.make(INPUT if layer == 0 else 2 * self.width, HIDDEN, param_dtype=jnp.float64) for layer, _ in PLACES]
        first, second = (bidirectional(scanned(a), scanned(b)) for a, b in (cells[:2], cells[2:]))
        return serial(first, second)


relu = functools.partial(elman, activation="relu")
after, before = (functools.partial(gru, reset=reset) for reset in ("after", "before"))


def kinds(*rows):
    return pytest.mark.parametrize("kind", [Kind(*row) for row in rows], ids=str)


def inputs():
    return random_array((NUM_STEPS, BATCH, INPUT), seed=1)


def drawn_weights(library, kind, at=None):
    """Random weights, second biases included."""
    params = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), jax.eval_shape(kind.network.init, jax.random.key(0)))
    shapes = weights_for(library, kind.network, params, at=at)
    return {name: 0.5 * random_array(array.shape, seed) for seed, (name, array) in enumerate(shapes.items())}


def outputs_and_gradients(run, weights, xs):
    """The outputs, and the gradients of the sum of their sines by weights and inputs."""

    @jax.jit
    def both(weights, xs):
        loss = lambda *arguments: (lambda ys: (jnp.sum(jnp.sin(ys)), ys))(run(*arguments))  # noqa: E731
        (_, ys), gradients = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(weights, xs)
        return ys, gradients

    return both(weights, xs)


def assert_same(library, kind, run, at=None, weights=None):
    """Compares what the peer computes to what the network computes with the same weights."""
    weights, xs, network = weights or drawn_weights(library, kind, at), inputs(), kind.network

    def ours(weights, xs):
        return network.apply(params_from(library, network, weights, at=at), xs)[1]

    with usual_promotion():
        expected = outputs_and_gradients(run, weights, xs)
    assert all(np.any(np.asarray(leaf)) for leaf in jax.tree.leaves(expected))
    assert relative_error(outputs_and_gradients(ours, weights, xs), expected) < TOLERANCE


@kinds((elman, "SimpleCell"), (relu, "SimpleCell", {"activation_fn": jax.nn.relu}), (lstm, "LSTMCell"), (after, "GRUCell"))
def test_linen(kind):
    def rnn():
        return nn.RNN(
            getattr(nn, kind.name)(HIDDEN, dtype=jnp.float64, param_dtype=jnp.float64, **kind.options), time_major=True
        )

    model = nn.Sequential([nn.Bidirectional(rnn(), rnn(), time_major=True) for _ in range(2)])
    shapes = jax.eval_shape(model.init, jax.random.key(0), inputs())
    at = [f"params/layers_{layer}/{side}_rnn/cell" for layer, side in PLACES]
    assert set(named_arrays(shapes)) == set(drawn_weights("linen", kind, at))
    assert_same("linen", kind, lambda weights, xs: model.apply(filled(shapes, weights), xs), at)


@kinds((elman, "SimpleCell"), (lstm, "OptimizedLSTMCell"))
def test_nnx(kind):
    def rnn(width):
        cell = getattr(nnx, kind.name)(width, HIDDEN, dtype=jnp.float64, param_dtype=jnp.float64, rngs=nnx.Rngs(0))
        return nnx.RNN(cell, time_major=True)

    layers = [nnx.Bidirectional(rnn(width), rnn(width), time_major=True) for width in (INPUT, 2 * HIDDEN)]
    graph, state, rest = nnx.split(nnx.List(layers), nnx.Param, ...)
    at = [f"{layer}/{side}_rnn/cell" for layer, side in PLACES]
    assert set(named_arrays(state)) == set(drawn_weights("nnx", kind, at))

    def run(weights, xs):
        for layer in nnx.merge(graph, filled(state, weights), rest):
            xs = layer(xs, rngs=nnx.Rngs(0))
        return xs

    assert_same("nnx", kind, run, at)


def both_directions(steps, xs):
    """Runs `steps[layer, side](xs, reverse)` for both sides of every layer, and joins them."""
    for layer in range(2):
        xs = jnp.concatenate([steps[layer, side](xs, side == "backward") for side in ("forward", "backward")], axis=-1)
    return xs


@pytest.mark.peers
@kinds((relu, "VanillaRNN"), (lstm, "LSTM"), (before, "GRU"))
def test_haiku(kind):
    import haiku as hk

    def unrolled(xs):
        cores = {place: getattr(hk, kind.name)(HIDDEN) for place in PLACES}

        def step(core, xs, reverse):
            return hk.dynamic_unroll(core, xs, core.initial_state(BATCH), reverse=reverse)[0]

        return both_directions({place: functools.partial(step, core) for place, core in cores.items()}, xs)

    network = hk.without_apply_rng(hk.transform(unrolled))
    with usual_promotion():
        shapes = jax.eval_shape(network.init, jax.random.key(0), inputs())
    module = {"VanillaRNN": "vanilla_rnn"}.get(kind.name, kind.name.lower())
    at = [module, *(f"{module}_{i}" for i in (1, 2, 3))]
    assert set(named_arrays(shapes)) == set(drawn_weights("haiku", kind, at))
    assert_same("haiku", kind, lambda weights, xs: network.apply(filled(shapes, weights), xs), at)


@pytest.mark.peers
@kinds((lstm, "LSTMCell"), (after, "GRUCell"))
def test_equinox(kind):
    import equinox as eqx

    def cell(layer):
        return getattr(eqx.nn, kind.name)(INPUT if layer == 0 else 2 * HIDDEN, HIDDEN, key=jax.random.key(0))

    modules = [{side: cell(layer) for side in ("forward", "backward")} for layer in range(2)]
    arrays = eqx.filter(modules, eqx.is_array)
    assert set(named_arrays(arrays)) == set(drawn_weights("equinox", kind))

    def run(weights, xs):
        cells = eqx.combine(filled(arrays, weights), modules)
        zeros = jnp.zeros((BATCH, HIDDEN))

        def scan(cell, xs, reverse):
            def step(state, x_t):
                state = jax.vmap(cell)(x_t, state)
                return state, state[0] if isinstance(state, tuple) else state

            return jax.lax.scan(step, (zeros, zeros) if kind.name == "LSTMCell" else zeros, xs, reverse=reverse)[1]

        return both_directions({place: functools.partial(scan, cells[place[0]][place[1]]) for place in PLACES}, xs)

    assert_same("equinox", kind, run)


@pytest.mark.peers
@kinds(
    (elman, "SimpleRNN"),
    (elman, "SimpleRNN", {"use_bias": False}),
    (lstm, "LSTM"),
    (after, "GRU", {"reset_after": True}),
    (before, "GRU", {"reset_after": False}),
)
def test_keras(kind):
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")

    @keras.saving.register_keras_serializable()
    def tanh(x):  # keras' own rounds to float32 on JAX
        return jnp.tanh(x)

    options = {"activation": tanh, "return_sequences": True, **kind.options}

    def layer():
        return keras.layers.Bidirectional(getattr(keras.layers, kind.name)(HIDDEN, **options))

    with usual_promotion():
        model = keras.Sequential([layer(), layer()])
        model.build((None, NUM_STEPS, INPUT))
    others = [variable.value for variable in model.non_trainable_variables]  # of generators of random numbers
    weights = {str(i): 0.5 * random_array(weight.shape, i) for i, weight in enumerate(model.weights)}

    def run(weights, xs):
        return model.stateless_call([weights[str(i)] for i in range(len(weights))], others, xs.swapaxes(0, 1))[0].swapaxes(0, 1)

    assert_same("keras", kind, run, weights=weights)


@pytest.mark.peers
@kinds(
    (elman, "RNN"),
    (relu, "RNN", {"nonlinearity": "relu"}),
    (lstm, "LSTM"),
    (after, "GRU"),
    (functools.partial(lstm_variant, projection_size=2), "LSTM", {"proj_size": 2}, 2),
)
def test_torch(kind):
    import torch

    model = getattr(torch.nn, kind.name)(INPUT, HIDDEN, 2, bidirectional=True, dtype=torch.float64, **kind.options)
    weights, xs = drawn_weights("torch", kind), inputs()
    assert {name: tuple(value.shape) for name, value in model.state_dict().items()} == {k: v.shape for k, v in weights.items()}
    leaves = {name: torch.tensor(np.asarray(value), requires_grad=True) for name, value in weights.items()}
    given = torch.tensor(np.asarray(xs), requires_grad=True)
    ys, _ = torch.func.functional_call(model, leaves, (given,))
    ys.sin().sum().backward()
    expected = ys.detach().numpy(), ({name: leaf.grad.numpy() for name, leaf in leaves.items()}, given.grad.numpy())

    def ours(weights, xs):
        return kind.network.apply(params_from("torch", kind.network, weights), xs)[1]

    assert relative_error(outputs_and_gradients(ours, weights, xs), expected) < TOLERANCE
    model.load_state_dict(leaves)
    again = params_from("torch", kind.network, model.state_dict())
    assert relative_error(kind.network.apply(again, xs)[1], ys.detach().numpy()) < TOLERANCE
