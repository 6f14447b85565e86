"""What the modules of linen and nnx share: which network they run, and what their parameters are called."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax.core import FrozenDict

from recurrent import pytrees
from recurrent.interop._networks import drawn_shapes
from recurrent.interop._plain import named_leaves, path, plain, structured
from recurrent.layers import scanned
from recurrent.types import Cell, Layer, Params, PyTree, State

AxisNames = tuple[str | None, ...]
Sharding = Mapping[str, AxisNames]
"""The mesh axis, or None, of every axis of some parameters, by their paths: `{"0/input_kernel": (None, "model")}`."""
NOT_SHARDED: Sharding = FrozenDict()


def check_network(name: str, network: Any, sharding: Sharding) -> None:
    """Raises ValueError unless it is given a cell or layer, and sharding for parameters that it has."""
    if not isinstance(network, Cell | Layer):
        raise ValueError(f"{name} takes a Cell or a Layer of this package, such as lstm(3, 8); got a {type(network).__name__}")
    ranks = {path(keys): jnp.ndim(leaf) for keys, leaf in named_leaves(entries(drawn_shapes(network))).items()}
    for parameter, axes in sharding.items():
        if parameter not in ranks:
            raise ValueError(f"{name}: sharding names {parameter!r}, but the parameters are {', '.join(ranks)}")
        if len(axes) != ranks[parameter]:
            raise ValueError(
                f"{name}: sharding needs a mesh axis or None for all {ranks[parameter]} axes of {parameter}; got {axes}"
            )


def as_cell(network: Cell | Layer) -> Cell:
    """The network as something that takes steps; raises ValueError for a layer."""
    if not isinstance(network, Cell):
        raise ValueError(f"only cells have a step, and {network} is a layer: call the module on xs[None] and the state instead")
    return network


def as_layer(network: Cell | Layer) -> Layer:
    """The network over whole sequences: a cell runs with the explicit backward pass."""
    return scanned(network) if isinstance(network, Cell) else network


def entries(params: Params) -> dict[str, Any]:
    """What a module holds: the plain params; those that are one array are called "weights"."""
    nested = plain(params)
    return nested if isinstance(nested, dict) else {"weights": nested}


def params_of(held: Mapping[str, Any], like: PyTree) -> Params:
    """The inverse of `entries`."""
    return structured(held if isinstance(plain(like), dict) else held["weights"], like)


def state_of(carry: PyTree, params: Params) -> State:
    """A carry of flax in the dtype that states here have: that of the params, and at least float32."""
    dtypes = [leaf.dtype for leaf in jax.tree.leaves(params) if pytrees.is_inexact(leaf)]
    if not dtypes:
        return carry
    dtype = pytrees.at_least_float32(jnp.result_type(*dtypes))
    return jax.tree.map(lambda leaf: leaf.astype(dtype) if pytrees.is_inexact(leaf) else leaf, carry)
