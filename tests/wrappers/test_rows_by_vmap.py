"""Every wrapper under `vmap` over rows does what it does to the batch, noise and gradient included, given the rows' states."""

import functools

import jax
import jax.numpy as jnp
import pytest
from helpers import floats, perturbed, random_array, relative_error
from registry import CELLS, INPUT, cell_makers

from recurrent import lstm, unroll, wrappers
from recurrent.wrappers import clip_state_gradients

T, B = 4, 3
WRAPPERS = {name: factory for name, factory in CELLS.items() if factory().name in cell_makers(wrappers)}
WRAPPERS["clip_state_gradients"] = lambda **options: clip_state_gradients(lstm(INPUT, 4, **options), 0.1)


def test_no_wrapper_is_left_out():
    assert set(cell_makers(wrappers)) == {factory().name for factory in WRAPPERS.values()}


@pytest.mark.parametrize("name", list(WRAPPERS))
def test_rows_are_the_batch(name):
    cell = WRAPPERS[name](param_dtype=jnp.float64)
    params = perturbed(cell.init(jax.random.key(0)), 1)
    xs, state = random_array((T, B, INPUT), 2), perturbed(cell.initial_state(params, (B,)), 3)
    batch = functools.partial(unroll, cell)
    rows = jax.vmap(batch, in_axes=(None, 1, 0), out_axes=(0, 1))

    @functools.partial(jax.jit, static_argnums=0)
    def run(function, params):
        def loss(params):
            final, ys = function(params, xs, state)
            return sum(jnp.sum(jnp.sin(leaf)) for leaf in floats((final, ys))), (final, ys)

        return jax.value_and_grad(loss, has_aux=True)(params)

    (_, found), gradient = run(rows, params)
    (_, expected), expected_gradient = run(batch, params)
    assert relative_error(found, expected) < 1e-12
    assert relative_error(gradient, expected_gradient) < 1e-11
