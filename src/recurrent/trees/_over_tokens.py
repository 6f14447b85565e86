"""Trees over sequences whose tokens are the leaves: balanced, and one token after the other."""

from collections.abc import Callable, Sequence

import numpy as np

from recurrent import checks
from recurrent.trees._trees import NONE, Tree, Trees, TreesShape, padded, read_tree

Split = Callable[[int], int]
"""From a number of tokens to how many of them stand under the left child."""


def balanced_trees(lengths: Sequence[int] | np.ndarray, num_tokens: int | None = None) -> Trees:
    """Binary trees that halve their tokens, the left half being the longer one: ⌈log2 n⌉ levels above n leaves.

    Token t is node t, with t < `num_tokens` (the longest length by default), and the n - 1 nodes above them come after; so
    inputs are those of the tokens, and something for the others. The shape depends on `num_tokens` alone.

    Raises:
      ValueError: no lengths, or lengths that are not integers from 1 to `num_tokens`.
    """
    longest = _longest("balanced_trees", lengths, num_tokens)
    levels = (longest - 1).bit_length()
    return _over_tokens(lengths, longest, lambda n: -(-n // 2), levels=levels, width=max(longest // 2, 1))


def sequential_trees(lengths: Sequence[int] | np.ndarray, num_tokens: int | None = None) -> Trees:
    """Binary trees that take one token after the other, ((x_1 x_2) x_3) ...: n - 1 levels above n leaves.

    Nodes are numbered as in `balanced_trees`.

    Raises:
      ValueError: no lengths, or lengths that are not integers from 1 to `num_tokens`.
    """
    longest = _longest("sequential_trees", lengths, num_tokens)
    return _over_tokens(lengths, longest, lambda n: n - 1, levels=longest - 1, width=1)


def _longest(name: str, lengths: Sequence[int] | np.ndarray, num_tokens: int | None) -> int:
    given = np.asarray(lengths)
    if given.ndim != 1 or not given.size or not np.issubdtype(given.dtype, np.integer):
        raise ValueError(f"{name}: lengths must be a list of one or more integers; got {lengths!r}")
    longest = int(given.max()) if num_tokens is None else num_tokens
    checks.counts(**{f"{name}: num_tokens": longest})
    for number, length in enumerate(given.tolist()):
        if not 1 <= length <= longest:
            raise ValueError(f"{name}: tree {number} must have from 1 to {longest} tokens; got {length}")
    return longest


def _over_tokens(lengths: Sequence[int] | np.ndarray, num_tokens: int, split: Split, levels: int, width: int) -> Trees:
    shape = TreesShape(2 * num_tokens - 1, num_tokens, levels, width, arity=2)
    made = {length: _tree(length, num_tokens, split) for length in set(map(int, lengths))}
    return padded([made[int(length)] for length in lengths], shape)


def _tree(length: int, num_tokens: int, split: Split) -> Tree:
    """The tree over some tokens; spans of them wait until the node above has a number."""
    parents, spans, number = np.full(2 * num_tokens - 1, NONE), [(0, length, NONE)], num_tokens
    for start, size, parent in spans:
        node = start if size == 1 else number
        parents[node] = parent
        if size > 1:
            number += 1
            left = split(size)
            spans += [(start, left, node), (start + left, size - left, node)]
    return read_tree(parents, there=[*range(length), *range(num_tokens, number)])
