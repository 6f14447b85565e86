"""Trees as nested dicts of arrays, for those who do not have the named tuples of this package, and back."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import traverse_util

from recurrent.types import PyTree

Keys = tuple[str, ...]
"""The names on the way to a leaf."""


def plain(tree: PyTree) -> Any:
    """{"input_kernel": U, "recurrent_kernel": W, "bias": b}: a tree as nested dicts of its leaves.

    The names are the fields of named tuples, the keys of dicts, and the places in tuples and lists, "0", "1" and so on: the
    params of a stack are `{"0": {"input_kernel": ...}, "1": ...}`. What has no leaves, such as None, is left out; a tree that
    is one array stays what it is.
    """
    leaves = named_leaves(tree)
    return leaves[()] if () in leaves else traverse_util.unflatten_dict(leaves)


def structured(tree: PyTree, like: PyTree) -> PyTree:
    """The inverse of `plain`: the leaves of `tree` in the structure of `like`, whose own leaves only lend their shapes.

    Raises:
      ValueError: leaves that are missing, that `like` does not have, or that have another shape.
    """
    found, expected = named_leaves(tree), named_leaves(like)
    missing, extra = ([path(keys) for keys in a if keys not in b] for a, b in ((expected, found), (found, expected)))
    if missing or extra:
        raise ValueError(
            f"expected a tree with the leaves {', '.join(map(path, expected))}; missing: {', '.join(missing) or 'none'}; "
            f"not among them: {', '.join(extra) or 'none'}"
        )
    for keys, leaf in expected.items():
        if jnp.shape(found[keys]) != jnp.shape(leaf):
            raise ValueError(f"{path(keys)} must have the shape {jnp.shape(leaf)}; got {jnp.shape(found[keys])}")
    return jax.tree.unflatten(jax.tree.structure(like), [found[keys] for keys in expected])


def named_leaves(tree: PyTree) -> dict[Keys, Any]:
    """The leaves by the names on the way to them, in the order of `jax.tree.leaves`."""
    pairs = jax.tree_util.tree_leaves_with_path(tree)
    return {tuple(jax.tree_util.keystr((key,), simple=True) for key in keys): leaf for keys, leaf in pairs}


def path(keys: Sequence[str]) -> str:
    """The names on the way to a leaf as one, such as "0/input_kernel"; "the array" where there are none."""
    return "/".join(keys) or "the array"
