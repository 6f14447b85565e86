"""Resets in parallel, to a fresh state that is neither 0 nor the given one, against a loop of steps."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, random_array, relative_error

from recurrent import elman, learned_state, lru, min_gru, unroll_parallel
from recurrent.cells import delta_rule
from recurrent.initializers import with_spectral_radius

T, B, D, H = 7, 3, 2, 4
F64 = {"param_dtype": jnp.float64}
RESETS = np.zeros((T, B), bool)
RESETS[[0, 3, T - 1], [0, 0, 1]] = True
MASK = np.ones((T, B), bool)
MASK[[0, 4], [2, 1]] = False


def setting(cell):
    cell = learned_state(cell, scale=0.5)
    params = perturbed(cell.init(jax.random.key(0)), 1)
    return cell, params, random_array((T, B, D), 2), perturbed(cell.initial_state(params, (B,)), 3, 1.0)


def loop(cell, params, xs, state, reverse):
    """Row by row: reset, step, mask."""
    fresh, step = cell.initial_state(params), jax.jit(cell.step)
    finals, ys = [], np.zeros((T, B, *np.shape(step(params, fresh, xs[0, 0])[1])))
    for row in range(B):
        s = jax.tree.map(lambda leaf, row=row: leaf[row], state)
        for t in range(T)[::-1] if reverse else range(T):
            s = fresh if RESETS[t, row] else s
            if MASK[t, row]:
                s, ys[t, row] = step(params, s, xs[t, row])
        finals.append(s)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *finals), jnp.asarray(ys)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("make", [min_gru, lru, functools.partial(delta_rule, key_size=3)])
def test_in_one_scan(make, reverse):
    cell, params, xs, state = setting(make(D, H, **F64))
    run = functools.partial(unroll_parallel, cell, mask=MASK, resets=RESETS, reverse=reverse)
    found = jax.jit(run)(params, xs, state)
    assert relative_error(found[:2], loop(cell, params, xs, state, reverse)) < 1e-12


@pytest.mark.parametrize("reverse", [False, True])
def test_in_the_loop_to_fall_back_on(reverse):
    cell, params, xs, state = setting(elman(D, H, recurrent_init=with_spectral_radius(3.0), **F64))
    options = {"method": "deer", "max_iterations": 1, "fallback": "sequential"}
    run = functools.partial(unroll_parallel, cell, mask=MASK, resets=RESETS, reverse=reverse, **options)
    found = jax.jit(run)(params, xs, state)
    assert not found[2].converged
    assert relative_error(found[:2], loop(cell, params, xs, state, reverse)) < 1e-12
