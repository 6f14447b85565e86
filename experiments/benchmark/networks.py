"""What `benchmark` runs: networks, sizes, weights and inputs that every library gets, and how much work they are."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

import recurrent
from experiments.benchmark.peephole import peephole_lstm
from recurrent import Cell

GATES = {"elman": 1, "lstm": 4, "gru": 3}
"""Cells that most libraries have, and how many matrices lie side by side in theirs."""
OWN: dict[str, Callable[[int, int], Cell]] = {
    "layer_norm_lstm": recurrent.cells.layer_norm_lstm,
    "stack": lambda d, h: recurrent.stack(recurrent.lstm(d, h), recurrent.lstm(h, h)),
    "residual": lambda d, h: recurrent.residual(recurrent.lstm(d, h), d, h),
    "mlp_output": lambda d, h: recurrent.wrappers.mlp_output(recurrent.lstm(d, h), (h, h, h)),
    "min_gru": recurrent.min_gru,
    "peephole": peephole_lstm,
}
"""Cells, made of input and hidden size, whose explicit pass is compared with autodiff in this library only."""


class Size(NamedTuple):
    """Batch, steps, input features, hidden units."""

    batch: int
    steps: int
    features: int
    hidden: int

    def __str__(self) -> str:
        """As in the table: B T D H."""
        return f"B{self.batch} T{self.steps} D{self.features} H{self.hidden}"


SIZES = {
    "S": Size(32, 100, 64, 128),
    "M": Size(64, 256, 128, 256),
    "L": Size(128, 100, 256, 512),
    "stream": Size(1, 1000, 32, 64),
}


class Network(NamedTuple):
    """One layer of a cell, two of them, or one in both directions.

    Attributes:
      cell: "elman", "lstm", "gru", or one of `OWN`.
      arrangement: "single", "two-layer" or "bidirectional".
      reset: where the reset gate of a GRU acts, before or after the product; a library has one form only.
    """

    cell: str
    arrangement: str = "single"
    reset: str = "after"

    def __str__(self) -> str:
        """The name in the table."""
        name = f"{self.cell}, reset {self.reset}" if self.cell == "gru" else self.cell
        return name if self.arrangement == "single" else f"{self.arrangement} {name}"

    def make_cell(self, input_size: int, hidden_size: int) -> Cell:
        """Makes the cell of this library."""
        if self.cell in OWN:
            return OWN[self.cell](input_size, hidden_size)
        options = {"reset": self.reset} if self.cell == "gru" else {}
        return getattr(recurrent, self.cell)(input_size, hidden_size, **options)


NETWORKS = {
    **{cell: Network(cell) for cell in GATES},
    "gru-before": Network("gru", reset="before"),
    **{arrangement: Network("lstm", arrangement) for arrangement in ("two-layer", "bidirectional")},
    **{cell: Network(cell) for cell in OWN},
}
"""Everything that is timed, by the names of the command line."""
TABLE = {name: network for name, network in NETWORKS.items() if network.cell in GATES and network.arrangement == "single"}
"""The main table: one layer of a cell that other libraries have, at every size, forward and training."""


def draw(network: Network, size: Size, seed: int = 0) -> tuple[tuple[Any, ...], np.ndarray]:
    """Draws the parameters of every layer or direction, biases not zero, and inputs `[T, B, D]`."""
    keys = jax.random.split(jax.random.key(seed), 2)
    second = size.hidden if network.arrangement == "two-layer" else size.features
    inputs = (size.features,) if network.arrangement == "single" else (size.features, second)
    weights = tuple(_draw_layer(network, d, size.hidden, key) for d, key in zip(inputs, keys, strict=False))
    xs = np.random.default_rng(seed).normal(size=(size.steps, size.batch, size.features)).astype(np.float32)
    return weights, xs


def _draw_layer(network: Network, input_size: int, hidden_size: int, key: jax.Array) -> Any:
    k_cell, k_bias = jax.random.split(key)
    params = network.make_cell(input_size, hidden_size).init(k_cell)
    if network.cell in OWN:
        return _with_biases(params, k_bias)
    # not every library has the second bias of the GRU: it stays 0, and its gradient is not compared
    return params._replace(bias=params.bias + 0.1 * jax.random.normal(k_bias, params.bias.shape))


def _with_biases(params: Any, key: jax.Array) -> Any:
    """Adds noise to all vectors, most of which are drawn as constants."""
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    noisy = [p + 0.1 * jax.random.normal(k, p.shape) if p.ndim == 1 else p for p, k in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(structure, noisy)


def comparable(network: Network, gradient: Any) -> list[np.ndarray]:
    """The gradients that every library has, kernels and the bias of every layer; all of them where there is one library."""
    if network.cell in OWN:
        return [np.asarray(leaf) for leaf in jax.tree.leaves(gradient)]
    return [np.asarray(leaf) for layer in gradient for leaf in (layer.input_kernel, layer.recurrent_kernel, layer.bias)]


def flops(network: Network, size: Size, *, training: bool) -> float:
    """Counts the multiplications and additions of the matrix products of one of `GATES`, without the gradient of the inputs."""
    width = GATES[network.cell] * size.hidden
    rows = 2 * size.batch * size.steps

    def layer(input_size: int, input_gradient: bool) -> float:
        forward = rows * width * (input_size + size.hidden)
        backward = forward + rows * width * (size.hidden + input_size * input_gradient)
        return forward + backward * training

    first = layer(size.features, False)
    return {
        "single": first,
        "bidirectional": 2 * first,
        "two-layer": first + layer(size.hidden, True),
    }[network.arrangement]


def arrange(network: Network, run: Any, weights: tuple[Any, ...], xs: Any, concatenate: Any) -> Any:
    """Runs the layers of a network in a library: `run(layer, weights, xs, reverse) -> ys`."""
    if network.arrangement == "bidirectional":
        return concatenate([run(0, weights[0], xs, False), run(1, weights[1], xs, True)])
    for layer, layer_weights in enumerate(weights):
        xs = run(layer, layer_weights, xs, False)
    return xs
