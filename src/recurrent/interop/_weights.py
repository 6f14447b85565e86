"""Weights of other libraries as params of this one, and back."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer

from recurrent.interop._blocks import Blocks, blocks_of, fields_of, homeless, read_blocks, tensor_shape, write_blocks
from recurrent.interop._networks import Network, assemble, drawn_shapes, kind_of, part_of
from recurrent.interop._places import Place, places_in, strangers
from recurrent.interop._trees import as_array, named_arrays
from recurrent.pytrees import leaf_names
from recurrent.types import Params, PyTree


def params_from(library: str, network: Network, weights: PyTree, *, at: str | Sequence[str] | None = None) -> Params:
    """Returns the params of a network that computes what the library's layers with these weights compute.

    Smooth in the weights: `jax.grad` through this function is the gradient in the library's own layout.

    Args:
      library: "torch", "keras", "linen", "nnx", "haiku", "equinox", "onnx", or "recurrent" for this one's own names.
      network: what the weights belong to: `elman`, `lstm`, `gru` or `lstm_variant` (with peepholes or a projection), and
        `scanned`, `serial`, `bidirectional` and `stack` of them. It decides the dtype.
      weights: torch's state dict; keras' list of `get_weights()`; the variables of a cell of flax or haiku as nested dicts; a
        cell of equinox; or a dict by name, as `weights_for` returns it. (A model of ONNX goes to `params_from_onnx`.)
      at: where the weights lie among others: the prefix of torch's module ("encoder.lstm"), or for flax, haiku and equinox
        one path for each cell of the network, layer by layer, forward before backward ("params/RNN_0/cell"). Without it, cells
        lie at "0/forward" and so on as in the network, and one cell at the top.

    Raises:
      ValueError: a network or an activation that the library does not have, with the reason; arrays that are missing, that
        belong to nothing (with `at`, only at the places it names), or have the wrong shape, all by name.

    >>> import numpy as np
    >>> import recurrent
    >>> from recurrent.interop import params_from
    >>> shapes = {"weight_ih": (32, 3), "weight_hh": (32, 8), "bias_ih": (32,), "bias_hh": (32,)}
    >>> state_dict = {f"{name}_l0": np.ones(shape, np.float32) for name, shape in shapes.items()}  # of torch.nn.LSTM(3, 8)
    >>> params = params_from("torch", recurrent.lstm(3, 8), state_dict)
    >>> params.recurrent_kernel.shape, params.bias[:3].tolist()
    ((8, 32), [2.0, 2.0, 2.0])
    """
    tensors = named_arrays(weights)
    places = places_in(library, network, at, tensors)
    _check_tensors(library, places, tensors, others=at is not None)
    found = {}
    for place in places:
        given = {own: name for own, name in place.names.items() if name in tensors}
        arrays = {own: jnp.asarray(as_array(name, tensors[name])) for own, name in given.items()}
        blocks = read_blocks(place.layout, place.blocks, arrays)
        found[place.path] = fields_of(kind_of(place.cell), blocks, place.shapes)
    return assemble(network, found)


def weights_for(library: str, network: Network, params: Params, *, at: str | Sequence[str] | None = None) -> dict[str, Array]:
    """Returns a library's arrays by name, with which its layers compute what the network computes: `params_from` backwards.

    `filled` puts them into a module of flax, haiku or equinox. Torch takes them by `load_state_dict` as tensors, keras by
    `set_weights(list(weights.values()))`. (`onnx_model` makes a model.) Of two biases the second is 0.

    Args:
      library: as for `params_from`.
      network: what the params belong to.
      params: of the network.
      at: as for `params_from`.

    Raises:
      ValueError: as `params_from`; params of another network; weights that the library has no place for, unless they are 0 (and
        unknown inside of `jit`).

    >>> import jax
    >>> import recurrent
    >>> from recurrent.interop import weights_for
    >>> cell = recurrent.lstm(3, 8)
    >>> state_dict = weights_for("torch", cell, cell.init(jax.random.key(0)))
    >>> state_dict["weight_ih_l0"].shape, state_dict["bias_hh_l0"].shape
    ((32, 3), (32,))
    """
    _check_params(network, params)
    written = {}
    for place in places_in(library, network, at, None):
        blocks = blocks_of(kind_of(place.cell), part_of(params, place.path))
        _check_places(library, place, blocks)
        arrays = write_blocks(place.layout, blocks)
        written |= {place.names[own]: array for own, array in arrays.items()}
    return written


def _check_tensors(library: str, places: Sequence[Place], tensors: Mapping[str, Any], *, others: bool) -> None:
    problems = [problem for place in places for problem in _problems(place, tensors)]
    for name in strangers(library, places, tensors, others=others):
        problems.append(f"{name} {list(getattr(tensors[name], 'shape', ()))} belongs to nothing")
    if problems:
        raise ValueError(
            f"these are not the weights of {', '.join(str(place.cell) for place in places)} in {library}: {'; '.join(problems)}"
        )


def _problems(place: Place, tensors: Mapping[str, Any]) -> Iterator[str]:
    biases = [place.names[tensor.name] for tensor in place.layout.tensors if tensor.is_bias]
    optional = set() if any(name in tensors for name in biases) else set(biases)
    for tensor in place.layout.tensors:
        name, wanted = place.names[tensor.name], tensor_shape(tensor, place.layout, place.blocks)
        if name not in tensors and name not in optional:
            yield f"{name} {list(wanted)} is missing"
        elif name in tensors and (shape := jnp.shape(as_array(name, tensors[name]))) != wanted:
            yield f"{name} must have the shape {list(wanted)}, and has {list(shape)}"


def _check_places(library: str, place: Place, blocks: Blocks) -> None:
    for (field, gate), array in homeless(place.layout, blocks).items():
        if not isinstance(array, Tracer) and np.any(np.asarray(array)):
            raise ValueError(
                f"{library} has no params.{field} in the gate {gate} of {place.cell}, and here it is not 0: no weights of "
                f"{library} compute what this network computes; take another library"
            )


def _check_params(network: Network, params: Params) -> None:
    expected = drawn_shapes(network)
    if jax.tree.structure(params) != jax.tree.structure(expected):
        raise ValueError(
            f"these are not params of {network}: got the structure {jax.tree.structure(params)}; draw them with its init"
        )
    for name, leaf, like in zip(leaf_names(expected), jax.tree.leaves(params), jax.tree.leaves(expected), strict=True):
        if jnp.shape(leaf) != like.shape:
            raise ValueError(f"params{name} of {network} must have the shape {like.shape}; got {jnp.shape(leaf)}")
