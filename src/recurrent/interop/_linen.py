"""Networks of this package as modules of flax linen, and cells of linen as cells of this package."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.core import FrozenDict
from flax.errors import InvalidRngError
from jax import Array

from recurrent import checks
from recurrent.interop._modules import (
    NOT_SHARDED,
    Sharding,
    as_cell,
    as_layer,
    check_network,
    entries,
    params_of,
    state_of,
)
from recurrent.interop._networks import drawn_shapes
from recurrent.made import remembered
from recurrent.types import Cell, Layer, Params, PyTree, State


class LinenNetwork(nn.Module):
    """A cell or layer as a module; `as_linen` makes it.

    Attributes:
      network: the cell or layer.
      sharding: see `as_linen`.
    """

    network: Cell | Layer
    sharding: Sharding = NOT_SHARDED

    def setup(self) -> None:
        """Declares the parameters, all of them drawn from one key."""
        drawn: dict[str, Any] = {}

        def draw(name):
            if not drawn:
                drawn.update(_partitioned(entries(self.network.init(self.make_rng("params"))), self.sharding))
            return drawn[name]

        like = drawn_shapes(self.network)
        held = {name: self.variable("params", name, draw, name).value for name in entries(like)}
        params = params_of(held, like)
        # as an attribute of its own, linen would freeze the dicts in it
        self.params_given: Callable[[], Params] = lambda: params

    def __call__(
        self,
        xs: PyTree,
        state: State | None = None,
        *,
        lengths: Array | None = None,
        mask: Array | None = None,
        resets: Array | None = None,
    ) -> tuple[State, PyTree]:
        """state, ys = network(xs, state) for xs `[T, *batch, features]`; the arguments are those of a `Layer`."""
        apply = as_layer(self.network).apply
        return apply(self.params_given(), xs, state, lengths=lengths, mask=mask, resets=resets)

    def step(self, state: State, x_t: PyTree) -> tuple[State, PyTree]:
        """Takes one step, for cells: the state after it, and y_t."""
        return as_cell(self.network).step(self.params_given(), state, x_t)

    def initial_state(self, batch_shape: tuple[int, ...] = ()) -> State:
        """The state before the first step."""
        return self.network.initial_state(self.params_given(), batch_shape)


def as_linen(network: Cell | Layer, *, sharding: Sharding = NOT_SHARDED, name: str | None = None) -> LinenNetwork:
    """A cell or layer as a module of flax linen: state, ys = module.apply(variables, xs, state, lengths=..., resets=...).

    Its parameters are those of the network as nested dicts, `variables = {"params": plain(params)}`. Cells run over time with
    the explicit backward pass (`as_linen(scanned(cell, backprop="autodiff"))` differentiates the loop), and have
    `module.apply(variables, state, x_t, method="step")`, from `method="initial_state"` on. Noise comes from the keys in the
    network's state, not from rngs of flax.

    Args:
      network: the cell or layer.
      sharding: a mesh axis or None for every axis of some parameters, by their paths; they are drawn as `nn.Partitioned`.
      name: of the module in its parent.

    Raises:
      ValueError: something that is neither a cell nor a layer; sharding that does not fit its parameters; when run, params of
        another network.
    """
    check_network("as_linen", network, sharding)
    hashable = FrozenDict({path: tuple(axes) for path, axes in sharding.items()})
    return LinenNetwork(network, hashable, name=name)


def _partitioned(held: Mapping[str, Any], sharding: Sharding) -> Any:
    def box(keys, leaf):
        axes = sharding.get(jax.tree_util.keystr(keys, simple=True, separator="/"))
        return leaf if axes is None else nn.Partitioned(leaf, names=axes)

    return jax.tree_util.tree_map_with_path(box, held)


@remembered
def from_linen(module: nn.RNNCellBase, input_size: int) -> Cell:
    """A recurrent cell of linen, such as `nn.GRUCell(8)`, as a `Cell`; params are its "params", nested dicts as in flax.

    The carry that it starts from is drawn from the same key for every sequence; linen's own cells start from zeros.

    Raises:
      ValueError: what is not a recurrent cell; one with several feature axes, or with variables besides params; when run,
        inputs of another size.
    """
    checks.sizes("from_linen", input_size=input_size)
    if not isinstance(module, nn.RNNCellBase):
        raise ValueError(f"from_linen takes a recurrent cell of linen, such as nn.GRUCell(8); got a {type(module).__name__}")
    if module.num_feature_axes != 1:
        raise ValueError(
            f"from_linen takes cells of vectors; {type(module).__name__} has {module.num_feature_axes} feature axes"
        )
    module = module.clone(parent=None)  # made inside another module, it would belong to it

    def fresh(batch_shape=()):
        return module.initialize_carry(jax.random.key(0), (*batch_shape, input_size))

    def variables(key):
        carry = fresh()
        x_t = jnp.zeros((input_size,), jax.tree.leaves(carry)[0].dtype)
        return nn.unbox(module.init(key, carry, x_t))

    def initial_state(params, batch_shape=()):
        return state_of(fresh(batch_shape), params)

    def step(params, state, x_t):
        checks.features("from_linen", x_t, input_size)
        carry, y_t = module.apply({"params": params}, state, x_t)
        return state_of(carry, params), y_t

    others = set(jax.eval_shape(variables, jax.random.key(0))) - {"params"}
    if others:
        raise ValueError(
            f"from_linen: a cell is a pure function of params and state; {type(module).__name__} also has {sorted(others)}: "
            "keep them in the carry"
        )
    shapes = jax.eval_shape(variables, jax.random.key(0)).get("params", {})
    try:
        jax.eval_shape(lambda params: step(params, initial_state(params), jnp.zeros(input_size)), shapes)
    except InvalidRngError as error:
        raise ValueError(
            f"from_linen: {type(module).__name__} draws random numbers in its step; keep a key in the carry"
        ) from error
    return Cell(lambda key: variables(key).get("params", {}), initial_state, step)
