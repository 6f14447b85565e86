"""Explicit gradients as exported programs: sizes left open, params as arguments, saved and loaded."""

import functools

import jax
import jax.numpy as jnp
import pytest
from helpers import random_array, relative_error
from jax import export
from registry import CELLS, INPUT

from recurrent import unroll

T, B = 5, 2
F32 = jnp.float32


def gradient_of(cell, **options):
    def loss(params, xs, lengths):
        return jnp.sum(jnp.sin(jax.tree.leaves(unroll(cell, params, xs, lengths=lengths, **options)[1])[0]))

    return jax.jit(jax.grad(loss, argnums=(0, 1)))


def shapes_of(params, num_steps, batch):
    of = lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)  # noqa: E731
    sequence = jax.ShapeDtypeStruct((num_steps, batch, INPUT), F32), jax.ShapeDtypeStruct((batch,), jnp.int32)
    return jax.tree.map(of, params), *sequence


OPEN = {"steps": ("t", B), "batch": (T, "b"), "both": ("t", "b")}


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        *((name, "both") for name in ("lstm", "gru-after", "stack", "lru")),
        pytest.param("elman-tanh", "both", marks=pytest.mark.slow),
        *(pytest.param(name, sizes, marks=pytest.mark.slow) for name in ("lstm", "lru") for sizes in ("steps", "batch")),
    ],
)
def test_sizes_may_stay_open(name, sizes):
    cell = CELLS[name]()
    params = cell.init(jax.random.key(0))
    scope = export.SymbolicScope()
    size = lambda n: n if isinstance(n, int) else export.symbolic_shape(n, scope=scope)[0]  # noqa: E731
    gradient = gradient_of(cell, backprop="explicit")
    exported = export.export(gradient)(*shapes_of(params, *map(size, OPEN[sizes])))
    arguments = params, random_array((T, B, INPUT), 0, F32), jnp.array([3, 5], jnp.int32)
    expected = gradient_of(cell)(*arguments)
    assert relative_error(exported.call(*arguments), expected) < 1e-5


def test_params_and_states_may_be_saved_with_the_program():
    """Those of every cell are arguments and results of one program."""
    cells = [factory() for factory in CELLS.values()]
    params = [jax.eval_shape(cell.init, jax.random.key(0)) for cell in cells]
    states = [
        jax.eval_shape(functools.partial(c.initial_state, batch_shape=(B,)), p) for c, p in zip(cells, params, strict=True)
    ]
    exported = export.export(jax.jit(lambda *trees: trees))(params, states)
    loaded = export.deserialize(exported.serialize())
    assert loaded.in_tree == exported.in_tree
    assert loaded.out_tree == exported.out_tree


def test_a_saved_gradient_is_the_gradient():
    cell = CELLS["lstm"]()
    params = cell.init(jax.random.key(0))
    gradient = gradient_of(cell, backprop="explicit")
    loaded = export.deserialize(export.export(gradient)(*shapes_of(params, T, B)).serialize())
    arguments = params, random_array((T, B, INPUT), 0, F32), jnp.array([3, 5], jnp.int32)
    assert relative_error(loaded.call(*arguments), gradient(*arguments)) < 1e-6
