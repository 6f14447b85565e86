"""Gradient flow through states that hold random keys and counters beside what carries gradients."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, random_array, restarted
from jax import Array

from recurrent import Cell, dropout, gradient_decay, lstm
from recurrent.flow import path_shares, state_gradients
from recurrent.wrappers import zoneout

T, B, D, H = 5, 2, 3, 4
INNER = lstm(D, H, param_dtype=jnp.float64)
PARAMS = perturbed(INNER.init(jax.random.key(0)), 1)
XS = random_array((T, B, D), 3)
FLAGS = {"mask": jnp.ones((T, B), bool).at[2, 0].set(False), "resets": jnp.zeros((T, B), bool).at[1, 1].set(True)}


class Clocked(NamedTuple):
    cell: tuple
    clock: Array


def clocked(cell):
    def step(params, state, x_t):
        inner, y_t = cell.step(params, state.cell, x_t)
        return Clocked(inner, state.clock + 1), y_t

    return Cell(cell.init, lambda p, b=(): Clocked(cell.initial_state(p, b), jnp.zeros(b, jnp.int32)), step)


CELLS = {
    "zoneout": zoneout(INNER, 0.4, key=jax.random.key(7)),
    "dropout": dropout(INNER, 0.4, key=jax.random.key(8), where="state"),
    "a clock behind": clocked(INNER),
    "both": clocked(zoneout(INNER, 0.4, key=jax.random.key(9))),
}
every_cell = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in ("zoneout", "a clock behind"))) for name in CELLS]
)
"""A state with keys, one with keys in a state with a clock; each alone with `-m slow`."""


def innermost(state):
    while hasattr(state, "cell"):
        state = state.cell
    return state


def loss(state):
    c, h = innermost(state)
    return jnp.sum(jnp.sin(h) * random_array(h.shape, 5)) + jnp.sum(c**3)


@functools.cache
def expected_gradients(name):
    """dL/ds_t for every t, leaf by leaf."""
    cell = CELLS[name]
    gradient_after = restarted(cell, PARAMS, XS, cell.initial_state(PARAMS, (B,)), lambda s, ys: loss(s), **FLAGS)
    leaves_after = lambda t: jax.tree.leaves(innermost(gradient_after(t)))  # noqa: E731
    return [np.stack(leaves) for leaves in zip(*map(leaves_after, range(T + 1)), strict=True)]


def norms(leaves):
    with np.errstate(divide="ignore"):
        return 0.5 * np.log10(sum(np.sum(leaf**2, axis=-1) for leaf in leaves))


@every_cell
def test_norms_and_gradients_are_those_of_runs_restarted_at_every_step(name):
    cell, expected = CELLS[name], expected_gradients(name)
    decay = jax.jit(lambda params: gradient_decay(cell, params, XS, loss, **FLAGS))(PARAMS)
    np.testing.assert_allclose(decay.total, norms(expected), rtol=1e-9)
    for found, leaf in zip(innermost(decay.leaves), expected, strict=True):
        np.testing.assert_allclose(found, norms([leaf]), rtol=1e-9)
    at_the_end = lambda run: loss(run.final_state)  # noqa: E731
    gradients = jax.jit(lambda params: state_gradients(cell, params, XS, at_the_end, **FLAGS))(PARAMS)
    for found, leaf in zip(innermost(gradients), expected, strict=True):
        np.testing.assert_allclose(found, leaf, rtol=1e-9, atol=1e-14)


@every_cell
def test_the_path_through_the_whole_cell_is_the_whole_gradient(name):
    shares = jax.jit(lambda params: path_shares(CELLS[name], params, XS, loss, through="cell", **FLAGS))(PARAMS)
    np.testing.assert_allclose(shares.direct, norms(expected_gradients(name)), rtol=1e-9)
    assert np.all(shares.other == -np.inf)


def test_a_clock_leaves_the_paths_alone():
    found = path_shares(CELLS["a clock behind"], PARAMS, XS, loss, **FLAGS)
    for a, b in zip(found, path_shares(INNER, PARAMS, XS, loss, **FLAGS), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_a_path_that_is_no_field_of_the_state_is_refused_by_name():
    with pytest.raises(ValueError, match=r"one of .*'c'.*'cell'.*'h'.*got 'key'"):
        path_shares(CELLS["zoneout"], PARAMS, XS, loss, through="key")
