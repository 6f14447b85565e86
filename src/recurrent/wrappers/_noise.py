"""Noise that regularises recurrent cells: dropout by step or by sequence, zoneout, and Gaussian noise."""

import functools
import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import UInt32

from recurrent import checks, pytrees
from recurrent.made import remembered
from recurrent.types import Cell, PyTree, State, StepFn

Where = Literal["input", "state", "output"]


class NoiseState(NamedTuple):
    """State of a noisy cell.

    Attributes:
      cell: state of the cell inside.
      key: raw words of every row's PRNG key; None for evaluation.
    """

    cell: State
    key: UInt32[Array, "*batch words"] | None


class _Noise(NamedTuple):
    """What is drawn, of the keys that come with the state; `rate` is its probability or size, `implementation` of the keys."""

    name: str
    rate: float | PyTree
    implementation: Any


@remembered
def dropout(cell: Cell, rate: float | PyTree, *, key: Array | None, where: Where = "output") -> Cell:
    """y_t = m_t ⊙ cell(x_t) / (1 - p), every entry of m_t being 0 with probability p, drawn anew at every step and row.

    Args:
      cell: any cell.
      rate: p, at least 0 and below 1; or a tree of rates for the leaves of what is masked.
      key: of the noise, see `recurrent.wrappers` (under `vmap`, one for each row); None for evaluation, which masks nothing.
      where: "output" masks y_t, "input" masks x_t, "state" masks what the step reads of the state before it.

    Raises:
      ValueError: a rate outside [0, 1), an unknown `where`, or something that is not a key; when run, rates that do not fit.

    Reference: Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting; not on the state:
    Zaremba, Sutskever & Vinyals (2014), Recurrent neural network regularization.
    """
    return _dropout("dropout", cell, rate, key, where, per_step=True)


@remembered
def variational_dropout(cell: Cell, rate: float | PyTree, *, key: Array | None, where: Where = "state") -> Cell:
    """h_t = step(m ⊙ h_{t-1} / (1 - p), x_t) with one mask m per sequence and row, the same at every step.

    The published form masks inputs and states, and no memory: wrap twice, with different keys, and name the rates of an
    LSTM's state one by one.

        cell = variational_dropout(lstm(3, 64), LSTMState(c=0.0, h=0.3), key=k_state)
        cell = variational_dropout(cell, 0.3, key=k_input, where="input")

    A GRU reads its state in two places, both of which are masked.

    Args:
      cell: any cell.
      rate: p, at least 0 and below 1; or a tree of rates for the leaves of what is masked.
      key: of the noise, see `recurrent.wrappers` (under `vmap`, one for each row); None for evaluation, which masks nothing.
      where: "state" masks what each step reads of the state before it, "input" masks x_t, "output" masks y_t.

    Raises:
      ValueError: a rate outside [0, 1), an unknown `where`, or something that is not a key; when run, rates that do not fit.

    Reference: Gal & Ghahramani (2016), A theoretically grounded application of dropout in recurrent neural networks.
    """
    return _dropout("variational_dropout", cell, rate, key, where, per_step=False)


@remembered
def zoneout(cell: Cell, rate: float | PyTree, *, key: Array | None, output: Callable[[State], PyTree] | None = None) -> Cell:
    """s_t = d_t ⊙ s_{t-1} + (1 - d_t) ⊙ step(s_{t-1}, x_t): every unit keeps its old value with probability p.

    For evaluation, d_t is its expectation p. Integer leaves of the state are never held.

    Args:
      cell: any cell.
      rate: p, at least 0 and below 1; or a tree of rates for the leaves of the state, such as `LSTMState(c=0.5, h=0.05)`.
      key: of the noise, see `recurrent.wrappers` (under `vmap`, one for each row); None for evaluation.
      output: what to emit of the cell's state after the zoneout, such as `lambda state: state.h`; by default, y_t is what the
        cell emits, from before the zoneout, as in the authors' code.

    Raises:
      ValueError: a rate outside [0, 1), or something that is not a key; when run, rates that do not fit.

    Reference: Krueger et al. (2017), Zoneout: regularizing RNNs by randomly preserving hidden activations.
    """
    noise = _noise("zoneout", rate, key)

    def step(params, state, x_t):
        used, following = _next_keys(noise, state.key)
        new, y_t = cell.step(params, state.cell, x_t)
        cell_t = _hold(noise, used, state.cell, new)
        return NoiseState(cell_t, following), y_t if output is None else output(cell_t)

    return _with_noise(cell, key, step)


@remembered
def gaussian_noise(cell: Cell, standard_deviation: float | PyTree, *, key: Array | None, where: Where = "state") -> Cell:
    """s_t = step(s_{t-1} + σ ε_t, x_t) with ε_t ~ N(0, 1), drawn anew at every step, entry and row.

    Integer leaves of the state get no noise.

    Args:
      cell: any cell.
      standard_deviation: σ, at least 0; or a tree of them for the leaves of what the noise is added to.
      key: of the noise, see `recurrent.wrappers` (under `vmap`, one for each row); None for evaluation, which adds nothing.
      where: "state" adds to what the step reads of the state before it, "input" to x_t, "output" to y_t.

    Raises:
      ValueError: σ that is negative or not finite, an unknown `where`, or something that is not a key; when run, a tree of σ
        that does not fit.

    Reference: Jim, Giles & Horne (1996), An analysis of noise in recurrent neural networks; in reservoirs: Jaeger (2001), The
    "echo state" approach to analysing and training recurrent neural networks.
    """
    sizes = jax.tree.leaves(standard_deviation)
    if not sizes or not all(isinstance(size, (int, float)) and 0 <= size < math.inf for size in sizes):
        raise ValueError(
            "gaussian_noise: standard_deviation must be a number (or a tree of numbers) of at least 0 and finite; "
            f"got {standard_deviation!r}"
        )
    noise = _of_key("gaussian_noise", standard_deviation, key)

    def add(used, tree):
        def leaf(size, drawn, x):
            return x if drawn is None else x + size * _normal(drawn, x.dtype)

        return _leafwise(noise, used, leaf, tree)

    return _placed(noise, cell, key, where, add, per_step=True)


def _dropout(name: str, cell: Cell, rate: float | PyTree, key: Array | None, where: Where, *, per_step: bool) -> Cell:
    noise = _noise(name, rate, key)
    return _placed(noise, cell, key, where, functools.partial(_drop, noise), per_step=per_step)


def _placed(
    noise: _Noise,
    cell: Cell,
    key: Array | None,
    where: Where,
    change: Callable[[Array | None, PyTree], PyTree],
    *,
    per_step: bool,
) -> Cell:
    """The cell whose input, state or output is changed by `(keys, tree) -> tree`."""
    checks.choice(f"{noise.name}: where", where, ("input", "state", "output"))

    def changed(place, used, tree):
        return change(used, tree) if place == where else tree

    def step(params, state, x_t):
        used, following = _next_keys(noise, state.key) if per_step else (state.key, state.key)
        cell_t, y_t = cell.step(params, changed("state", used, state.cell), changed("input", used, x_t))
        return NoiseState(cell_t, following), changed("output", used, y_t)

    return _with_noise(cell, key, step)


def _noise(name: str, rate: float | PyTree, key: Array | None) -> _Noise:
    rates = jax.tree.leaves(rate)
    if not rates or not all(isinstance(p, (int, float)) and 0 <= p < 1 for p in rates):
        raise ValueError(f"{name}: rate must be a number (or a tree of numbers) of at least 0 and below 1; got {rate!r}")
    return _of_key(name, rate, key)


def _of_key(name: str, rate: float | PyTree, key: Array | None) -> _Noise:
    if key is None:
        return _Noise(name, rate, None)
    if not isinstance(key, Array) or not jnp.issubdtype(key.dtype, jax.dtypes.prng_key) or key.shape:
        raise ValueError(f"{name}: key must be one jax.random.key(seed), or None for evaluation; got {key!r}")
    return _Noise(name, rate, jax.random.key_impl(key))


def _with_noise(cell: Cell, key: Array | None, step: StepFn) -> Cell:
    """The same parameters; the state of the cell together with the rows' keys."""

    def initial_state(params, batch_shape=()):
        return NoiseState(cell.initial_state(params, batch_shape), _row_keys(key, batch_shape))

    return Cell(cell.init, initial_state, step)


def _row_keys(key: Array | None, batch_shape: tuple[int, ...]) -> Array | None:
    if key is None:
        return None
    keys = jax.vmap(lambda row: jax.random.fold_in(key, row))(jnp.arange(math.prod(batch_shape)))
    words = jax.random.key_data(keys)
    return words.reshape(*batch_shape, words.shape[-1])


def _next_keys(noise: _Noise, words: Array | None) -> tuple[Array | None, Array | None]:
    """The keys to use at this step, and those to go on with."""
    if words is None:
        return None, None
    pairs = _by_row(noise, words, lambda key: jax.random.key_data(jax.random.split(key)))
    return pairs[..., 0, :], pairs[..., 1, :]


def _drop(noise: _Noise, words: Array | None, tree: PyTree) -> PyTree:
    """x / (1 - p), or 0 with probability p; integer leaves are left alone."""

    def leaf(rate, drawn, x):
        return x if drawn is None else jnp.where(drawn < rate, 0, x / (1 - rate))

    return _leafwise(noise, words, leaf, tree)


def _hold(noise: _Noise, words: Array | None, old: PyTree, new: PyTree) -> PyTree:
    """The old with probability p, and the new otherwise, or their expectation; integer leaves are new."""

    def leaf(rate, drawn, old, new):
        if not pytrees.is_inexact(old) or rate == 0:
            return new
        return rate * old + (1 - rate) * new if drawn is None else jnp.where(drawn < rate, old, new)

    return _leafwise(noise, words, leaf, old, new)


def _uniform(key: Array, shape: tuple[int, ...]) -> Array:
    return jax.random.uniform(key, shape, jnp.float32)


def _normal(uniform: Array, dtype: DTypeLike) -> Array:
    """N(0, 1) from U(0, 1) in multiples of 2⁻²³, each taken from the middle of its interval: -∞ is none."""
    wide = (2 * uniform - 1 + 2.0**-23).astype(pytrees.at_least_float32(dtype))
    return (math.sqrt(2) * jax.lax.erf_inv(wide)).astype(dtype)


def _leafwise(
    noise: _Noise,
    words: Array | None,
    function: Callable[..., Array],
    tree: PyTree,
    *others: PyTree,
) -> PyTree:
    """Maps `(rate, drawn, *leaves) -> leaf`; `drawn` is U(0, 1) of the leaf's shape, or None if nothing is drawn.

    It is float32 whatever the precision of the rest, which so does not change what is drawn.
    """
    leaves, structure = jax.tree.flatten(tree)
    columns = zip(_rates_for(noise, tree), leaves, *map(jax.tree.leaves, others), strict=True)
    mapped = []
    for index, (rate, *own) in enumerate(columns):
        drawn = None
        if words is not None and rate > 0 and pytrees.is_inexact(own[0]):
            row = own[0].shape[words.ndim - 1 :]
            drawn = _by_row(noise, words, lambda key, i=index, row=row: _uniform(jax.random.fold_in(key, i), row))
        mapped.append(function(rate, drawn, *own))
    return jax.tree.unflatten(structure, mapped)


def _by_row(noise: _Noise, words: Array, function: Callable[[Array], Array]) -> Array:
    keys = jax.random.wrap_key_data(words.reshape(-1, words.shape[-1]), impl=noise.implementation)
    rows = jax.vmap(function)(keys)
    return rows.reshape(*words.shape[:-1], *rows.shape[1:])


def _rates_for(noise: _Noise, tree: PyTree) -> list[float]:
    try:
        return jax.tree.leaves(jax.tree.broadcast(noise.rate, tree))
    except ValueError as error:
        raise ValueError(
            f"{noise.name}: the rates have the structure {jax.tree.structure(noise.rate)}, which does not fit "
            f"{jax.tree.structure(tree)}; give one number, or a tree of numbers like it"
        ) from error
