"""Trees of arrays by name: state dicts, variables of flax and haiku, modules of equinox."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from recurrent.types import PyTree


def named_arrays(weights: PyTree) -> dict[str, Any]:
    """The leaves of a tree by the names on the way to them, "cell/ii/kernel".

    Raises:
      ValueError: what is no tree, or one where two leaves have one name.
    """
    names, leaves = _names_of_leaves(weights), jax.tree.leaves(weights)
    if names == [""]:
        raise ValueError(
            f"weights are a dict of arrays by name, a list, or a module that is a pytree; got a {type(leaves[0]).__name__} "
            "(a model of ONNX goes to params_from_onnx, and of a module of torch its state_dict())"
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"several leaves are called {', '.join(twice)}")
    return dict(zip(names, leaves, strict=True))


def filled(like: PyTree, weights: Mapping[str, Array]) -> PyTree:
    """Puts arrays into a library's own tree, such as the variables of flax or a module of equinox, by the names of its paths.

    Leaves that no array is named for stay as they are.

    Raises:
      ValueError: a name that the tree does not have, or an array of another shape.
    """
    names = _names_of_leaves(like)
    if unknown := set(weights) - set(names):
        raise ValueError(
            f"no leaf is called {', '.join(sorted(unknown))}; the tree has {', '.join(names)}: give `at` to weights_for, "
            "and leave out biases of 0 that a module does not have"
        )
    leaves, structure = jax.tree.flatten(like)
    for name, leaf in zip(names, leaves, strict=True):
        if name in weights and jnp.shape(leaf) != jnp.shape(weights[name]):
            raise ValueError(f"{name} has the shape {jnp.shape(leaf)}; got {jnp.shape(weights[name])} for it")
    return jax.tree.unflatten(structure, [weights.get(name, leaf) for name, leaf in zip(names, leaves, strict=True)])


def _names_of_leaves(tree: PyTree) -> list[str]:
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(tree)]
    return [jax.tree_util.keystr(_without_box(path), simple=True, separator="/") for path in paths]


def _without_box(path: tuple[Any, ...]) -> tuple[Any, ...]:
    """A variable of nnx is a box around its value."""
    return path[:-1] if path and getattr(path[-1], "name", None) == "value" else path


def as_array(name: str, leaf: Any) -> Any:
    """A leaf as an array; raises ValueError for what is not one of floating-point numbers."""
    if hasattr(leaf, "detach"):  # a tensor of torch, which need not be installed
        leaf = leaf.detach().cpu()
        leaf = (leaf.float() if str(leaf.dtype) == "torch.bfloat16" else leaf).numpy()
    if not hasattr(leaf, "shape") or not jnp.issubdtype(leaf.dtype, jnp.floating):
        found = f"{leaf.dtype}" if hasattr(leaf, "dtype") else type(leaf).__name__
        raise ValueError(f"{name} must be an array of floating-point numbers; got {found}")
    return leaf
