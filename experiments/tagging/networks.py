"""The networks that tag characters, and how they are made equal in size."""

import bisect

import jax
import jax.numpy as jnp

from experiments.tagging.data import CLASSES
from recurrent import Layer, bidirectional, count_parameters, lstm, scanned, serial, stack
from recurrent.layers import backwards, embed, linear

NETWORKS = {
    "left to right": "one LSTM from left to right",
    "delayed": "the same, answering later",
    "bidirectional": "one bidirectional layer",
    "merged": "two layers, merged at each",
    "towers": "two layers, merged at the top",
    "alternating": "two layers, → then ←",
}
"""Kinds of networks, and what the figure calls them."""
STACKINGS = ("merged", "towers", "alternating")
"""Those with two layers."""


def make_layer(kind: str, symbols: int, features: int, size: int, delay: int = 0) -> Layer:
    """Embedding, one of the `NETWORKS` with so many units in each cell, and linear readout; a delay is for the delayed one."""

    def layer(inputs=features):
        return scanned(lstm(inputs, size))

    def tower():
        return scanned(stack(lstm(features, size), lstm(size, size)))

    if kind in ("left to right", "delayed"):
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
    made = serial(embed(symbols, features), core, linear(width, len(CLASSES)))
    return delayed(made, delay) if kind == "delayed" else made


def delayed(layer: Layer, delay: int) -> Layer:
    """y_t = what the layer says after x_{t + delay}; beyond the sequence it reads zeros."""

    def apply(params, xs, state=None, *, lengths=None, mask=None, resets=None):
        if any(flag is not None for flag in (lengths, mask, resets)):
            raise ValueError("a delayed layer takes whole sequences only: leave lengths, mask and resets out")
        beyond = jnp.zeros((delay, *xs.shape[1:]), xs.dtype)
        state, ys = layer.apply(params, jnp.concatenate([xs, beyond]), state)
        return state, ys[delay:]

    return Layer(layer.init, apply, layer.initial_state)


def parameters_of(layer: Layer) -> int:
    """How many numbers a layer has."""
    return count_parameters(jax.eval_shape(layer.init, jax.random.key(0)))


def matched_sizes(symbols: int, embed_size: int, hidden_size: int) -> dict[str, int]:
    """Units per cell of the networks: the most with which they have no more parameters than the first."""

    def parameters(kind: str, size: int) -> int:
        return parameters_of(make_layer(kind, symbols, embed_size, size))

    target, sizes = parameters("left to right", hidden_size), range(1, hidden_size + 1)
    return {kind: max(1, bisect.bisect(sizes, target, key=lambda size, kind=kind: parameters(kind, size))) for kind in NETWORKS}
