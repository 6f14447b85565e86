"""Cells, layers and initialisers print, compare, hash and pickle as the calls that made them."""

import dataclasses
import functools
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_array

from recurrent import Cell, dropout, gru, initializers, lstm, residual, scanned, serial, stack, unroll
from recurrent.cells import deep_transition, elman
from recurrent.layers import linear
from recurrent.wrappers import mlp_input


def step(params, state, x_t):
    return state + params * x_t, state


USERS = Cell(jax.random.normal, jnp.zeros_like, step)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (lstm(3, 8), "lstm(3, 8)"),
        (lstm(input_size=3, hidden_size=8, forget_bias=1.0), "lstm(3, 8)"),
        (gru(3, 8, reset="after"), "gru(3, 8, reset='after')"),
        (lstm(3, 8, forget_bias=2.0, param_dtype=jnp.float64), "lstm(3, 8, forget_bias=2.0, param_dtype=float64)"),
        (stack(lstm(3, 8), gru(8, 4)), "stack(lstm(3, 8), gru(8, 4))"),
        (residual(elman(3, 4), 3, 4), "residual(elman(3, 4), input_size=3, output_size=4)"),
        (elman(2, 3, recurrent_init=initializers.identity(0.5)), "elman(2, 3, recurrent_init=identity(gain=0.5))"),
        (serial(scanned(lstm(3, 8)), linear(8, 2)), "serial(scanned(lstm(3, 8)), linear(8, 2))"),
    ],
)
def test_printed_as_the_call(made, text):
    assert repr(made) == text
    assert pickle.loads(pickle.dumps(made)) == made


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lstm(3, 8), lstm(8, 3)),
        (lstm(3, 8), lstm(3, 8, forget_bias=True)),
        (lstm(3, 8), gru(3, 8)),
        (stack(lstm(3, 8)), lstm(3, 8)),
        (lstm(3, 8, dtype=np.dtype("float64")), lstm(3, 8)),
        (lstm(3, 8, forget_bias=np.float32(1)), lstm(3, 8, forget_bias=np.int32(1))),
        (scanned(lstm(3, 8), checkpoint_every=2), scanned(lstm(3, 8), checkpoint_every="2")),
        (stack(lstm(3, 4), lstm(4, 4)), stack(lstm(3, 4), gru(4, 4))),
        (elman(2, 3), elman(2, 3, recurrent_init=initializers.orthogonal(0.9))),
        (mlp_input(elman(2, 3), (4, 2)), mlp_input(elman(2, 3), (5, 2))),
        (dropout(lstm(3, 4), 0.1, key=jax.random.key(0)), dropout(lstm(3, 4), 0.1, key=jax.random.key(1))),
        (USERS, Cell(USERS.init, USERS.initial_state, lambda p, s, x: step(p, s, x))),
    ],
)
def test_different_calls_differ(one, other):
    assert one != other


def test_equal_calls_are_equal():
    one, other = lstm(3, 8), lstm(3, 8)  # both alive, so that an address is not used twice
    assert one == other
    assert hash(one) == hash(other)
    assert Cell(USERS.init, USERS.initial_state, step) == USERS
    assert pickle.loads(pickle.dumps(Cell(jnp.ones, jnp.ones, step))).step is step
    assert elman(2, 3, recurrent_init=initializers.orthogonal()) == elman(2, 3)


def test_a_list_that_changes_later_changes_no_cell():
    widths = [4]
    cell = deep_transition(2, 3, widths)
    before = hash(cell), repr(cell)
    widths.append(5)
    assert (hash(cell), repr(cell)) == before
    assert cell == deep_transition(2, 3, (4,))


def test_a_changed_cell_is_not_the_one_it_came_from():
    cell = lstm(3, 8)
    changed = dataclasses.replace(cell, step=lambda params, state, x_t: cell.step(params, state, 2 * x_t))
    assert changed != cell
    assert not str(changed).startswith("lstm")


def test_equal_cells_are_compiled_once():
    traces = []

    @functools.partial(jax.jit, static_argnums=0)
    def run(cell, params, xs):
        traces.append(cell)
        return unroll(cell, params, xs)

    xs = random_array((3, 2, 3), 0, jnp.float32)
    for _ in range(3):
        run(lstm(3, 8), lstm(3, 8).init(jax.random.key(0)), xs)
    run(lstm(3, 4), lstm(3, 4).init(jax.random.key(0)), xs)
    assert len(traces) == 2
