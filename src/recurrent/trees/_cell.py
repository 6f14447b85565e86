"""The contract of a node: three pure functions, as for a cell."""

import dataclasses
from typing import Protocol

from jax import Array

from recurrent import checks
from recurrent.factories import StateFn, checked_cell
from recurrent.made import Made
from recurrent.types import InitFn, InitialStateFn, Params, PyTree, State


class ComposeFn(Protocol):
    """One node of a tree."""

    def __call__(self, params: Params, child_states: State, child_mask: Array, x: PyTree, /) -> tuple[State, PyTree]:
        """Maps the states of the children and the input to the state and the output of the node."""
        ...


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class TreeCell(Made):
    """A node of a recursive network: pure functions of its parameters; it prints, compares and pickles as a `Cell` does.

    Attributes:
      init: `key -> params`.
      absent_state: `(params, batch_shape=()) -> state` of a child that is not there; every leaf leads with the batch axes.
      compose: `(params, child_states, child_mask, x) -> (state, y)`. States of children have leaves `[*batch, arity, ...]` and
        the mask `[*batch, arity]`; children that are not there come last, and bring their `absent_state`.
      arity: children that a node can have; None for any number, so that `compose` is given as many places as the trees have,
        and one for leaves.
    """

    init: InitFn
    absent_state: InitialStateFn
    compose: ComposeFn
    arity: int | None = None


def checked_tree_cell(
    name: str, params_type: type, sizes: dict[str, int], init: InitFn, state: StateFn, compose: ComposeFn, arity: int | None
) -> TreeCell:
    """Returns the tree cell of an equation; arguments are those of `checked_cell`, and the step is what composes.

    Raises:
      ValueError: a size or arity that is not a positive integer; when run, params or inputs that are not those of this cell, or
        another number of children.
    """
    if arity is not None:
        checks.counts(**{f"{name}: arity": arity})
        sizes = {**sizes, "arity": arity}
    checked = checked_cell(
        name, params_type, sizes, init, state, lambda params, children, x: compose(params, children[0], children[1], x)
    )

    def composed(params, child_states, child_mask, x):
        if arity is not None and child_mask.shape[-1] != arity:
            raise ValueError(f"{name}: nodes have places for {arity} children; got a child mask of shape {child_mask.shape}")
        return checked.step(params, (child_states, child_mask), x)

    return TreeCell(checked.init, checked.initial_state, composed, arity)
