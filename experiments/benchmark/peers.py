"""The same network in each library, from the same weights: how they are converted, and how one layer is run.

Every library gets one layer at a time; arrangements of layers are the same code for all. The libraries are imported where
they are used: a process holds one of them.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from experiments.benchmark.networks import OWN, Network, Size, arrange
from recurrent import Cell, unroll
from recurrent.interop import weights_for

PEERS = ("explicit", "autodiff", "flax linen", "flax nnx", "haiku", "equinox", "torch")
"""The first two are this project: `unroll` with `backprop="explicit"` and `backprop="autodiff"`."""
JAX_PEERS = ("flax linen", "flax nnx", "haiku", "equinox")


class Layer(NamedTuple):
    """One layer in a library.

    Attributes:
      convert: this project's params -> the library's; differentiable, so that gradients come back through its transpose.
      run: `(weights, xs, reverse) -> ys`, time-major.
    """

    convert: Callable[[Any], Any]
    run: Callable[[Any, Any, bool], Any]


def has(peer: str, network: Network) -> bool:
    """Tells whether the library computes this network.

    Haiku's vanilla network is relu only, and equinox has none; haiku's GRU resets before the product, all others' after it.
    """
    if peer in ("explicit", "autodiff"):
        return True
    if network.cell == "gru":
        return (network.reset == "before") == (peer == "haiku")
    return network.cell not in OWN and not (network.cell == "elman" and peer in ("haiku", "equinox"))


def build(peer: str, network: Network, size: Size) -> tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]:
    """Returns `(convert, outputs)` of a whole network in a library that runs on JAX: `outputs(weights, xs) -> ys`."""
    second = size.hidden if network.arrangement == "two-layer" else size.features
    layers = [MAKERS[peer](network, d, size) for d in (size.features, second)]

    def convert(weights):
        return tuple(layer.convert(params) for layer, params in zip(layers, weights, strict=False))

    def outputs(weights, xs):
        def run(index, layer_weights, xs, reverse):
            return layers[index].run(layer_weights, xs, reverse)

        return arrange(network, run, weights, xs, lambda parts: jnp.concatenate(parts, axis=-1))

    return convert, outputs


def _ours(backprop: Any):
    def make(network: Network, input_size: int, size: Size) -> Layer:
        cell = network.make_cell(input_size, size.hidden)
        return Layer(
            lambda params: params,
            lambda params, xs, reverse: unroll(cell, params, xs, reverse=reverse, backprop=backprop)[1],
        )

    return make


def _flax_linen(network: Network, input_size: int, size: Size) -> Layer:
    import flax.linen as nn
    from flax.traverse_util import unflatten_dict

    kind = {"elman": nn.SimpleCell, "lstm": nn.OptimizedLSTMCell, "gru": nn.GRUCell}[network.cell]
    cell, ours = kind(size.hidden), network.make_cell(input_size, size.hidden)

    def convert(params):
        return unflatten_dict(weights_for("linen", ours, params, at="params/cell"), sep="/")

    def run(weights, xs, reverse):
        return nn.RNN(cell, time_major=True, reverse=reverse, keep_order=True).apply(weights, xs)

    return Layer(convert, run)


def _flax_nnx(network: Network, input_size: int, size: Size) -> Layer:
    from flax import nnx
    from flax.traverse_util import unflatten_dict

    kind = {"elman": nnx.SimpleCell, "lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell}[network.cell]
    rnn = nnx.RNN(kind(input_size, size.hidden, rngs=nnx.Rngs(0)), time_major=True, keep_order=True)
    ours = network.make_cell(input_size, size.hidden)

    def convert(params):
        return unflatten_dict(weights_for("nnx", ours, params), sep="/")

    graph, _, rest = nnx.split(rnn, nnx.Param, ...)

    def run(weights, xs, reverse):
        model = nnx.merge(graph, nnx.State({"cell": jax.tree.map(nnx.Param, weights)}), rest)
        return model(xs, reverse=reverse, rngs=nnx.Rngs(0))

    return Layer(convert, run)


def _haiku(network: Network, input_size: int, size: Size) -> Layer:
    import haiku as hk  # pyright: ignore[reportMissingImports]

    kind = {"lstm": hk.LSTM, "gru": hk.GRU}[network.cell]

    def forward(xs, reverse):
        core = kind(size.hidden)
        return hk.dynamic_unroll(core, xs, core.initial_state(size.batch), reverse=reverse)[0]

    apply = hk.without_apply_rng(hk.transform(forward)).apply

    ours = network.make_cell(input_size, size.hidden)

    def convert(params):
        modules: dict[str, dict[str, jax.Array]] = {}
        for name, array in weights_for("haiku", ours, params, at=network.cell).items():
            module, _, own = name.rpartition("/")
            modules.setdefault(module, {})[own] = array
        return modules

    return Layer(convert, lambda weights, xs, reverse: apply(weights, xs, reverse))


def _equinox(network: Network, input_size: int, size: Size) -> Layer:
    import equinox as eqx  # pyright: ignore[reportMissingImports]

    kind = {"lstm": eqx.nn.LSTMCell, "gru": eqx.nn.GRUCell}[network.cell]
    template = kind(input_size, size.hidden, key=jax.random.key(0))

    ours = network.make_cell(input_size, size.hidden)

    def run(weights, xs, reverse):
        names = list(weights)
        cell = eqx.tree_at(lambda c: [getattr(c, name) for name in names], template, [weights[name] for name in names])

        def step(state, x_t):
            state = jax.vmap(cell)(x_t, state)
            return state, state[0] if network.cell == "lstm" else state

        zeros = jnp.zeros((size.batch, size.hidden))
        return jax.lax.scan(step, (zeros, zeros) if network.cell == "lstm" else zeros, xs, reverse=reverse)[1]

    return Layer(functools.partial(weights_for, "equinox", ours), run)


def torch_weights(cell: Cell, params: Any) -> dict[str, jax.Array]:
    """The weights of one layer of torch, by names without the number of the layer; of its two biases the second is 0."""
    return {name.removesuffix("_l0"): array for name, array in weights_for("torch", cell, params).items()}


MAKERS = {
    "explicit": _ours("explicit"),
    "autodiff": _ours("autodiff"),
    "flax linen": _flax_linen,
    "flax nnx": _flax_nnx,
    "haiku": _haiku,
    "equinox": _equinox,
}
