"""What networks read: trees of symbols that ask for an answer, and the same as sequences of tokens."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from recurrent.data import pad
from recurrent.trees import Trees, depths, make_trees

NOTHING = -1
"""The symbol of a node or token that is padding."""


class Example(NamedTuple):
    """A tree whose nodes are numbered from the root down, subtree by subtree, and the answer that it asks for.

    Attributes:
      symbols: of every node.
      parents: likewise; -1 for the root.
      answer: a class.
    """

    symbols: list[int]
    parents: list[int]
    answer: int

    @property
    def depth(self) -> int:
        """Edges from the root to the deepest leaf."""
        found = []
        for parent in self.parents:
            found.append(0 if parent < 0 else found[parent] + 1)
        return max(found)

    @property
    def inner(self) -> set[int]:
        """Nodes that have children."""
        return set(self.parents) - {-1}

    @property
    def num_tokens(self) -> int:
        """A node with children is closed by a token of its own."""
        return len(self.symbols) + len(self.inner)


class Examples(NamedTuple):
    """Many of them; as in `Trees`, nodes or tokens lead.

    Attributes:
      trees: as they are given.
      symbols: of their nodes, `[nodes, example]`.
      tokens: `[T, example]`: every node, followed by its children, if it has some, and then by a closing token.
      owners: the nodes that the tokens are of, `[T, example]`.
      answers: `[example]`.
    """

    trees: Trees
    symbols: np.ndarray
    tokens: np.ndarray
    owners: np.ndarray
    answers: np.ndarray

    def first(self, count: int) -> "Examples":
        """The first of them."""
        rows = np.arange(min(count, len(self.answers)))
        symbols, tokens, owners = (leaf[:, rows] for leaf in (self.symbols, self.tokens, self.owners))
        return Examples(some_trees(self.trees, rows), symbols, tokens, owners, self.answers[rows])

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each, `[example]`."""
        return (self.tokens != NOTHING).sum(axis=0)

    @property
    def depths(self) -> np.ndarray:
        """Of the trees, `[example]`."""
        return depths(self.trees).max(axis=0)


def some_trees(trees: Trees, rows: Any) -> Trees:
    """Those in some rows of a batch."""
    nodes, children = (leaf[:, :, rows] for leaf in (trees.nodes, trees.children))
    return Trees(trees.leaves[:, rows], nodes, children, trees.roots[rows], trees.mask[:, rows])


def tokens_of(example: Example, closing: int) -> tuple[list[int], list[int]]:
    """Tokens of an example, and the nodes that they are of."""
    tokens, owners, unclosed, inner = [], [], [], example.inner

    def close_until(parent: int) -> None:
        while unclosed and unclosed[-1] != parent:
            tokens.append(closing)
            owners.append(unclosed.pop())

    for node, (symbol, parent) in enumerate(zip(example.symbols, example.parents, strict=True)):
        close_until(parent)
        tokens.append(symbol)
        owners.append(node)
        unclosed += [node] if node in inner else []
    close_until(-1)
    return tokens, owners


def gathered(examples: Sequence[Example], closing: int) -> Examples:
    """Pads examples to the largest of them; `closing` is the symbol of the closing token."""
    parents = [example.parents for example in examples]
    tokens, owners = zip(*(tokens_of(example, closing) for example in examples), strict=True)
    symbols = [example.symbols for example in examples]
    padded = (pad([np.array(row, np.int32) for row in rows], value=NOTHING)[0] for rows in (symbols, tokens, owners))
    nodes, read, read_owners = padded
    answers = np.array([example.answer for example in examples], np.int32)
    return Examples(make_trees(parents), nodes, read, read_owners, answers)
