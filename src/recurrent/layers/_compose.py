"""Layers on top of each other, and in both directions."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from recurrent import checks, pytrees
from recurrent.layers._direction import backwards
from recurrent.made import remembered
from recurrent.types import ApplyFn, Cell, Layer, PyTree


@remembered
def serial(*layers: Layer) -> Layer:
    """Feeds each layer's output to the next; params and state are tuples with one entry per layer.

    Raises:
      ValueError: no layers, or something that is not a layer; when run, params of another number of layers.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import recurrent
    >>> layer = recurrent.serial(recurrent.scanned(recurrent.lstm(3, 8)), recurrent.layers.linear(8, 5))
    >>> states, ys = layer.apply(layer.init(jax.random.key(0)), jnp.ones((5, 2, 3)), lengths=jnp.array([5, 2]))
    >>> ys.shape
    (5, 2, 5)
    """
    if not layers:
        raise ValueError("serial needs at least one layer; got none")
    _check_layers("serial", *layers)

    def init(key):
        return tuple(layer.init(k) for layer, k in zip(layers, jax.random.split(key, len(layers)), strict=True))

    def initial_state(params, batch_shape=()):
        return tuple(layer.initial_state(p, batch_shape) for layer, p in zip(layers, params, strict=True))

    return Layer(init, _applied(layers), initial_state, _applied(tuple(map(backwards, layers))))


def _applied(layers: Sequence[Layer]) -> ApplyFn:
    def apply(params, xs, state=None, *, lengths=None, mask=None, resets=None):
        states = (None,) * len(layers) if state is None else state
        for what, given in (("params", params), ("states", states)):
            if not isinstance(given, tuple) or len(given) != len(layers):
                found = len(given) if isinstance(given, tuple) else f"a {type(given).__name__}"
                raise ValueError(f"serial: expected {what} of {len(layers)} layers, got {found}")
        after = []
        for layer, layer_params, layer_state in zip(layers, params, states, strict=True):
            layer_state, xs = layer.apply(layer_params, xs, layer_state, lengths=lengths, mask=mask, resets=resets)
            after.append(layer_state)
        return tuple(after), xs

    return apply


class BidirectionalParams(NamedTuple):
    """Parameters of the two directions."""

    forward: PyTree
    backward: PyTree


class BidirectionalState(NamedTuple):
    """States of the two directions: the backward one is that before the last step, or after the first."""

    forward: PyTree
    backward: PyTree


@remembered
def bidirectional(forward: Layer, backward: Layer, *, merge: Literal["concat", "sum"] = "concat") -> Layer:
    """y_t = [→y_t, ←y_t]: one layer reads the sequence forwards, the other backwards.

    A learned linear merge is `serial(bidirectional(a, b), linear(2 * h, k))`.

    Args:
      forward: reads x_1 ... x_T.
      backward: reads x_T ... x_1, each row from its own last valid step; give the layer itself, it is turned round here.
      merge: "concat" joins the two outputs along the features, "sum" adds them.

    Raises:
      ValueError: something that is not a layer, an unknown merge, or a sum of outputs of different widths.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import recurrent
    >>> one_way = recurrent.scanned(recurrent.gru(3, 8))
    >>> layer = recurrent.bidirectional(one_way, one_way)
    >>> state, ys = layer.apply(layer.init(jax.random.key(0)), jnp.ones((5, 2, 3)))
    >>> ys.shape, state.backward.shape
    ((5, 2, 16), (2, 8))

    Reference: Schuster & Paliwal (1997), Bidirectional recurrent neural networks.
    """
    checks.choice("merge", merge, ("concat", "sum"))
    _check_layers("bidirectional", forward, backward)

    def init(key):
        k_forward, k_backward = jax.random.split(key)
        return BidirectionalParams(forward.init(k_forward), backward.init(k_backward))

    def initial_state(params, batch_shape=()):
        states = (forward.initial_state(params.forward, batch_shape), backward.initial_state(params.backward, batch_shape))
        return BidirectionalState(*states)

    in_time = _side_by_side(forward, backwards(backward), merge)
    return Layer(init, in_time, initial_state, _side_by_side(backwards(forward), backward, merge))


def _side_by_side(one: Layer, two: Layer, merge: str) -> ApplyFn:
    def apply(params, xs, state=None, *, lengths=None, mask=None, resets=None):
        checks.params("bidirectional", params, BidirectionalParams)
        before, flags = (None, None) if state is None else state, {"lengths": lengths, "mask": mask, "resets": resets}
        state_one, ys_one = one.apply(params.forward, xs, before[0], **flags)
        state_two, ys_two = two.apply(params.backward, xs, before[1], **flags)
        return BidirectionalState(state_one, state_two), _merged(ys_one, ys_two, merge)

    return apply


def _merged(left: PyTree, right: PyTree, merge: str) -> PyTree:
    if merge == "concat":
        return jax.tree.map(lambda a, b: jnp.concatenate([a, b], axis=-1), left, right)
    widths = [[leaf.shape[-1] for leaf in jax.tree.leaves(ys)] for ys in (left, right)]
    if widths[0] != widths[1]:
        raise ValueError(f'bidirectional: merge="sum" needs outputs of equal width; got {widths[0]} and {widths[1]}')
    return pytrees.add(left, right)


def _check_layers(name: str, *layers: Any) -> None:
    for layer in layers:
        if isinstance(layer, Cell):
            raise ValueError(f"{name} takes layers, and {layer} is a cell: scanned({layer}) makes it one")
        if not isinstance(layer, Layer):
            raise ValueError(f"{name} takes layers as separate arguments; got a {type(layer).__name__}")
