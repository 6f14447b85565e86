"""Networks of this package as modules of flax nnx, and cells of nnx as cells of this package."""

from collections.abc import Callable, Mapping
from typing import Any

from flax import nnx
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


class NnxNetwork(nnx.Module):
    """A cell or layer as a module; `as_nnx` makes it. No call changes it.

    Attributes:
      network: the cell or layer.
    """

    def __init__(self, network: Cell | Layer, sharding: Sharding, rngs: nnx.Rngs):
        self.network = network
        for name, value in _variables(entries(network.init(rngs.params())), sharding).items():
            if hasattr(self, name):
                raise ValueError(f"as_nnx: a parameter of {network} is called {name!r}, which is taken by modules of nnx")
            setattr(self, name, value)

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
        return apply(self._params(), xs, state, lengths=lengths, mask=mask, resets=resets)

    def step(self, state: State, x_t: PyTree) -> tuple[State, PyTree]:
        """Takes one step, for cells: the state after it, and y_t."""
        return as_cell(self.network).step(self._params(), state, x_t)

    def initial_state(self, batch_shape: tuple[int, ...] = ()) -> State:
        """The state before the first step."""
        return self.network.initial_state(self._params(), batch_shape)

    def _params(self) -> Params:
        return params_of(nnx.to_pure_dict(nnx.state(self, nnx.Param)), drawn_shapes(self.network))


def as_nnx(network: Cell | Layer, rngs: nnx.Rngs, *, sharding: Sharding = NOT_SHARDED) -> NnxNetwork:
    """A cell or layer as a module of flax nnx: state, ys = module(xs, state, lengths=..., mask=..., resets=...).

    Its parameters are those of the network, an `nnx.Param` for each leaf under the names of `plain(params)`, drawn with the key
    of `rngs.params()`. Cells run over time with the explicit backward pass (`as_nnx(scanned(cell, backprop="autodiff"), rngs)`
    differentiates the loop), and have `module.step(state, x_t)`, from `module.initial_state(batch_shape)` on. Noise comes from
    the keys in the network's state, so that a call changes nothing, and `jax.jit` takes it as well as `nnx.jit`.

    Args:
      network: the cell or layer.
      rngs: only its stream "params" is used.
      sharding: a mesh axis or None for every axis of some parameters, by their paths, as `out_sharding` of their `nnx.Param`.

    Raises:
      ValueError: something that is neither a cell nor a layer; sharding that does not fit its parameters; parameters named as
        attributes of modules are; when run, parameters of other shapes.
    """
    check_network("as_nnx", network, sharding)
    return NnxNetwork(network, sharding, rngs)


def _variables(held: Mapping[str, Any], sharding: Sharding, above: str = "") -> dict[str, Any]:
    def variable(name, value):
        if isinstance(value, dict):
            return nnx.Dict(_variables(value, sharding, f"{above}{name}/"))
        axes = sharding.get(above + name)
        return nnx.Param(value) if axes is None else nnx.Param(value, out_sharding=axes)

    return {name: variable(name, value) for name, value in held.items()}


@remembered
def from_nnx(make: Callable[[nnx.Rngs], nnx.RNNCellBase], input_size: int) -> Cell:
    """A recurrent cell of nnx as a `Cell`: `from_nnx(lambda rngs: nnx.GRUCell(3, 8, rngs=rngs), 3)`.

    Its params are the module's `nnx.Param`s, as nested dicts. The carry that it starts from is drawn from the same key for
    every sequence; nnx's own cells start from zeros.

    Raises:
      ValueError: what does not make a recurrent cell; one with several feature axes, or with variables besides parameters, such
        as random streams; when run, inputs of another size.
    """
    checks.sizes("from_nnx", input_size=input_size)
    module = nnx.eval_shape(lambda: make(nnx.Rngs(0)))
    if not isinstance(module, nnx.RNNCellBase):
        raise ValueError(f"from_nnx takes a function from rngs to a recurrent cell; it made a {type(module).__name__}")
    if module.num_feature_axes != 1:
        raise ValueError(f"from_nnx takes cells of vectors; {type(module).__name__} has {module.num_feature_axes} feature axes")
    graph, _, others = nnx.split(module, nnx.Param, ...)
    if others:
        raise ValueError(
            f"from_nnx: a cell is a pure function of params and state; {type(module).__name__} also has "
            f"{sorted(nnx.to_pure_dict(others))}: keep them in the carry"
        )

    def initial_state(params, batch_shape=()):
        carry = nnx.merge(graph, params).initialize_carry((*batch_shape, input_size), nnx.Rngs(0))
        return state_of(carry, params)

    def step(params, state, x_t):
        checks.features("from_nnx", x_t, input_size)
        carry, y_t = nnx.merge(graph, params)(state, x_t)
        return state_of(carry, params), y_t

    return Cell(lambda key: nnx.to_pure_dict(nnx.state(make(nnx.Rngs(key)))), initial_state, step)
