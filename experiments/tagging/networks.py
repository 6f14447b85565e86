"""The five networks that tag characters, and how they are made equal in size."""

import bisect

import jax

from experiments.tagging.data import CLASSES
from recurrent import count_parameters, lstm, stack
from recurrent.layers import bidirectional, embed, linear, scanned, serial
from recurrent.types import Layer

NETWORKS = {
    "left to right": "one LSTM from left to right",
    "bidirectional": "one bidirectional layer",
    "merged": "two layers, merged at each",
    "towers": "two layers, merged at the top",
    "alternating": "two layers, → then ←",
}
"""Kinds of networks, and what the figure calls them."""


def make_layer(kind: str, symbols: int, features: int, size: int) -> Layer:
    """Embedding, one of the five `NETWORKS` with so many units in each cell, and linear readout."""

    def cell(inputs=features):
        return lstm(inputs, size)

    def both(forward, backward):
        return bidirectional(forward, backward, backprop="explicit")

    if kind == "left to right":
        core, width = scanned(cell(), backprop="explicit"), size
    elif kind == "bidirectional":
        core, width = both(cell(), cell()), 2 * size
    elif kind == "merged":
        core, width = serial(both(cell(), cell()), both(cell(2 * size), cell(2 * size))), 2 * size
    elif kind == "towers":
        core, width = both(stack(cell(), cell(size)), stack(cell(), cell(size))), 2 * size
    elif kind == "alternating":
        back = scanned(cell(size), reverse=True, backprop="explicit")
        core, width = serial(scanned(cell(), backprop="explicit"), back), size
    else:
        raise ValueError(f"kind must be one of {tuple(NETWORKS)}; got {kind!r}")
    return serial(embed(symbols, features), core, linear(width, len(CLASSES)))


def parameters_of(layer: Layer) -> int:
    """How many numbers a layer has."""
    return count_parameters(jax.eval_shape(layer.init, jax.random.key(0)))


def matched_layers(symbols: int, embed_size: int, hidden_size: int) -> dict[str, tuple[Layer, int]]:
    """The five networks and their units per cell: the most with which they have no more parameters than the first."""

    def made(kind: str, size: int) -> Layer:
        return make_layer(kind, symbols, embed_size, size)

    target, found = parameters_of(made("left to right", hidden_size)), {}
    for kind in NETWORKS:
        sizes = range(1, hidden_size + 1)
        size = max(1, bisect.bisect(sizes, target, key=lambda size, kind=kind: parameters_of(made(kind, size))))
        found[kind] = made(kind, size), size
    return found
