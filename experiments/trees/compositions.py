"""Three ways from tokens or nodes to one state: along the given tree, along a balanced one, and from left to right."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from experiments.common.networks import Network, closest, count, hidden, logits_of, mean_loss
from experiments.trees.examples import NOTHING, Examples, some_trees
from recurrent import Cell, unroll
from recurrent.cells import lstm
from recurrent.trees import TreeCell, Trees, at_leaves, balanced_trees, child_sum_lstm, nary_lstm, recursive

GIVEN, BALANCED, SEQUENTIAL = "given tree", "balanced tree", "sequential"
COMPOSITIONS: tuple[str, ...] = (GIVEN, BALANCED, SEQUENTIAL)


class Inputs(NamedTuple):
    """What a composition reads of some examples.

    Attributes:
      trees: along which it composes; None for a sequence.
      symbols: of nodes, or of tokens, which are the leaves of balanced trees; `[nodes or T, example]`.
      answers: `[example]`.
    """

    trees: Trees | None
    symbols: Any
    answers: Any

    def some(self, rows: Array) -> "Inputs":
        """Those of some examples."""
        trees = None if self.trees is None else some_trees(self.trees, rows)
        return Inputs(trees, self.symbols[:, rows], self.answers[rows])


def inputs(name: str, examples: Examples) -> Inputs:
    """What a composition reads of examples."""
    if name == SEQUENTIAL:
        read = Inputs(None, examples.tokens, examples.answers)
    elif name == BALANCED:
        trees = balanced_trees(examples.lengths, len(examples.tokens))
        read = Inputs(trees, examples.tokens, examples.answers)
    else:
        read = Inputs(examples.trees, examples.symbols, examples.answers)
    return jax.tree.map(jnp.asarray, read)


def make_cell(name: str, symbols: int, units: int) -> Cell | TreeCell:
    """An LSTM of the right form: children of a given tree are summed, those of a balanced one are told apart."""
    make = {GIVEN: child_sum_lstm, BALANCED: nary_lstm, SEQUENTIAL: lstm}
    return make[name](symbols, units)


def size(name: str, symbols: int, classes: int, units: int) -> int:
    """Parameters, with those of the readout."""
    return count(make_cell(name, symbols, units), classes, units)  # pyright: ignore[reportArgumentType]


def width(name: str, symbols: int, classes: int, hidden_size: int) -> int:
    """Units: as given for the sequence, and for trees so many that parameters are as equal as whole units allow."""
    target = size(SEQUENTIAL, symbols, classes, hidden_size)
    units = range(-(-hidden_size // 2), hidden_size + 1)
    return closest(units, target, lambda units: size(name, symbols, classes, units))


def root(name: str, cell: Any, params: Any, read: Inputs, embedded: Array) -> Array:
    """h after the last composition, `[example, units]`, of vectors for the symbols."""
    if read.trees is None:
        return hidden(unroll(cell, params, embedded, mask=read.symbols != NOTHING, backprop="explicit")[0])
    if name == BALANCED:
        embedded = at_leaves(read.trees, embedded)
    return hidden(recursive(cell, params, read.trees, embedded)[0])


def vectors(read: Inputs, symbols: int) -> Array:
    """One-hot, so that U holds the vectors of the symbols; 0 for padding."""
    return jax.nn.one_hot(read.symbols, symbols)


@functools.cache
def loss_of(name: str, cell: Any, symbols: int) -> Callable[[Network, Inputs, Array], Array]:
    """The mean loss on some examples, as `train` wants it."""

    def loss(network, given, rows):
        read = given.some(rows)
        return mean_loss(network, root(name, cell, network.cell, read, vectors(read, symbols)), read.answers)

    return loss


@functools.cache
def right_of(name: str, cell: Any, symbols: int) -> Callable[[Network, Inputs], Array]:
    """Whether each of some examples is answered right, compiled."""

    def right(network, read):
        return logits_of(network, root(name, cell, network.cell, read, vectors(read, symbols))).argmax(axis=-1) == read.answers

    return jax.jit(right)
