"""The five networks that tag characters, and how they are made equal in size."""

import bisect

import jax

from experiments.tagging.data import CLASSES
from recurrent import Layer, bidirectional, count_parameters, lstm, scanned, serial, stack
from recurrent.layers import backwards, embed, linear

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

    def layer(inputs=features):
        return scanned(lstm(inputs, size))

    def tower():
        return scanned(stack(lstm(features, size), lstm(size, size)))

    if kind == "left to right":
        core, width = layer(), size
    elif kind == "bidirectional":
        core, width = bidirectional(layer(), layer()), 2 * size
    elif kind == "merged":
        core, width = serial(bidirectional(layer(), layer()), bidirectional(layer(2 * size), layer(2 * size))), 2 * size
    elif kind == "towers":
        core, width = bidirectional(tower(), tower()), 2 * size
    elif kind == "alternating":
        core, width = serial(layer(), backwards(layer(size))), size
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
