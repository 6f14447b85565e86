"""A gradient checker for people who write their own cells."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from recurrent import pytrees
from recurrent.bptt._explicit import backpropagate
from recurrent.sequences import plain_scan, prepare
from recurrent.types import Adjoint, Cell, Params, PyTree, State


class LeafReport(NamedTuple):
    """The errors of one leaf, relative to the largest entry of that leaf's gradient (or of all gradients, if that one is 0).

    Attributes:
      name: which leaf, such as `params.bias`.
      explicit: largest difference between the explicit backward pass and autodiff.
      differences: largest difference between autodiff and central differences, over the entries tried.
    """

    name: str
    explicit: float
    differences: float


class GradientReport(NamedTuple):
    """The outcome of `check_gradients`; print it.

    Attributes:
      leaves: one report per leaf of the parameters, inputs and initial state.
      tolerance: the largest difference allowed between the explicit pass and autodiff.
      difference_tolerance: the largest error against central differences allowed.
    """

    leaves: list[LeafReport]
    tolerance: float
    difference_tolerance: float

    @property
    def worst(self) -> LeafReport:
        """The leaf that exceeds its tolerance by the largest factor."""
        return max(self.leaves, key=self._excess)

    @property
    def passed(self) -> bool:
        """True if every leaf is within the tolerances (NaN is not)."""
        return all(self._excess(leaf) <= 1 for leaf in self.leaves)

    def _excess(self, leaf: LeafReport) -> float:
        excess = max(leaf.explicit / self.tolerance, leaf.differences / self.difference_tolerance)
        return float("inf") if np.isnan(excess) or np.isnan(leaf.explicit) else excess

    def __str__(self) -> str:
        """A table, with the verdict and the worst leaf first."""
        verdict = "gradients agree" if self.passed else f"GRADIENTS DISAGREE, worst at {self.worst.name}"
        rows = [f"{verdict} (float64, relative errors)", f"{'leaf':32} {'explicit':>10} {'differences':>12}"]
        for leaf in self.leaves:
            rows.append(f"{leaf.name:32} {leaf.explicit:>10.1e} {leaf.differences:>12.1e}")
        return "\n".join(rows)


def check_gradients(
    cell: Cell,
    params: Params,
    xs: PyTree,
    state: State | None = None,
    *,
    lengths: Array | None = None,
    mask: Array | None = None,
    resets: Array | None = None,
    reverse: bool = False,
    tolerance: float = 1e-10,
    difference_tolerance: float = 1e-6,
    max_entries: int = 12,
    seed: int = 0,
    adjoint: Adjoint | None = None,
) -> GradientReport:
    """Compares a cell's explicit backward pass and central differences with autodiff, in float64.

    The loss is a random linear function of all outputs and of the final state. Give parameters with non-zero biases and a
    non-zero state: zeros hide missing terms.

    Args:
      cell: the cell to check; it must compute in the dtype of its parameters.
      params: its parameters, of any float dtype.
      xs: inputs `[T, *batch, ...]`.
      state: the state before the first step.
      lengths, mask, resets, reverse: as for `unroll`.
      tolerance: for the explicit pass.
      difference_tolerance: for central differences, whose own error is about 1e-9.
      max_entries: entries per leaf tried by central differences, at random.
      seed: of the loss and of those entries.
      adjoint: a backward pass written by hand to be checked; by default, the one derived from the step.

    Returns:
      A report that prints as a table and names the worst leaf; `report.passed` is the verdict.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import recurrent
    >>> cell = recurrent.elman(3, 8, bias_init=recurrent.initializers.normal(0.1))
    >>> params, state = cell.init(jax.random.key(0)), jnp.full((2, 8), 0.1)
    >>> recurrent.check_gradients(cell, params, jnp.ones((5, 2, 3)), state).passed
    True
    """
    flags = {"lengths": lengths, "mask": mask, "resets": resets, "reverse": reverse}
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        params, xs, state = (jax.tree.map(_to_float64, tree) for tree in (params, xs, state))
        batch_shape = jax.tree.leaves(xs)[0].shape[1:-1]
        state = cell.initial_state(params, batch_shape) if state is None else state

        def run(params, xs, state):
            sequence = prepare(cell, params, xs, state, lengths=lengths, mask=mask, resets=resets)
            return plain_scan(cell, params, sequence, reverse=reverse)

        outputs = jax.eval_shape(run, params, xs, state)
        weights = jax.tree.map(lambda o: jnp.asarray(rng.normal(size=o.shape), o.dtype), outputs)

        @jax.jit
        def loss(params, xs, state):
            return sum(jnp.vdot(w, o) for w, o in zip(*map(_floats, (weights, run(params, xs, state))), strict=True))

        arguments = (params, xs, state)
        expected = _on_host(_floats(jax.jit(jax.grad(loss, argnums=(0, 1, 2), allow_int=True))(*arguments)))

        @jax.jit
        def explicit(params, xs, state):
            dfinal_state, dys = weights
            found = backpropagate(cell, params, xs, dys, state, dfinal_state=dfinal_state, adjoint=adjoint, **flags)
            return _floats((_add_fresh(cell, found, params, batch_shape), found.xs, found.state))

        names = [n for n, leaf in zip(_names(arguments), jax.tree.leaves(arguments), strict=True) if pytrees.is_inexact(leaf)]
        errors = [_difference_error(loss, arguments, i, g, rng, max_entries) for i, g in enumerate(expected)]
        leaves = _compare(names, expected, _on_host(explicit(*arguments)), errors)
        return GradientReport(leaves, tolerance, difference_tolerance)


def _on_host(gradients: list[Array]) -> list[np.ndarray]:
    return list(map(np.asarray, gradients))


def _compare(names: list[str], expected: list[np.ndarray], explicit: list[np.ndarray], errors: list[float]) -> list[LeafReport]:
    """The errors of every leaf over the largest entry of its gradient, or of all gradients where that is 0."""
    sizes = [float(np.max(np.abs(gradient), initial=0)) for gradient in expected]
    sizes = [size or max(sizes) or 1.0 for size in sizes]
    own = [float(np.max(np.abs(found - gradient), initial=0)) for found, gradient in zip(explicit, expected, strict=True)]
    return [LeafReport(name, o / s, e / s) for name, o, e, s in zip(names, own, errors, sizes, strict=True)]


def _add_fresh(cell: Cell, gradients, params: Params, batch_shape) -> Params:
    """dL/dparams with the way through the initial state that resets return to."""
    _, pull = jax.vjp(lambda p: cell.initial_state(p, batch_shape), params)
    return pytrees.add(gradients.params, pull(gradients.fresh)[0])


def _difference_error(loss, arguments, index: int, gradient: np.ndarray, rng, max_entries: int, step: float = 1e-5) -> float:
    """The largest error of central differences over some entries of one leaf."""
    leaves, structure = jax.tree.flatten(arguments)
    position = [i for i, leaf in enumerate(leaves) if pytrees.is_inexact(leaf)][index]
    leaf = np.asarray(leaves[position])
    errors = [0.0]
    for entry in rng.permutation(leaf.size)[:max_entries]:
        values = []
        for sign in (1, -1):
            moved = leaf.copy()
            moved.reshape(-1)[entry] += sign * step
            values.append(float(loss(*jax.tree.unflatten(structure, [*leaves[:position], moved, *leaves[position + 1 :]]))))
        errors.append(abs((values[0] - values[1]) / (2 * step) - gradient.reshape(-1)[entry]))
    return float(np.max(errors))


def _to_float64(leaf) -> Array:
    leaf = jnp.asarray(leaf)
    return leaf.astype(jnp.float64) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf


def _floats(tree: PyTree) -> list[Array]:
    return [leaf for leaf in jax.tree.leaves(tree) if pytrees.is_inexact(leaf)]


def _names(arguments) -> list[str]:
    params, xs, state = arguments
    parts = (("params", params), ("xs", xs), ("state", state))
    return [label + name for label, tree in parts for name in pytrees.leaf_names(tree)]
