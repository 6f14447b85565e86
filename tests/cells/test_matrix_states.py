"""Matrices in a state go through masks and resets, gradient flow, and the clipping of state gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn, random_array, relative_error, restarted

from recurrent import gradient_decay, unroll
from recurrent.cells import delta_rule, mlstm
from recurrent.flow import lyapunov_spectrum, state_gradients, step_jacobians
from recurrent.wrappers import clip_state_gradients

T, B, D = 5, 2, 3
XS = random_array((T, B, D), 3)
FLAGS = {"mask": jnp.ones((T, B), bool).at[2, 0].set(False), "resets": jnp.zeros((T, B), bool).at[1, 1].set(True)}
CELL = mlstm(D, 4, key_size=3, param_dtype=jnp.float64)
PARAMS, STATE = drawn(CELL, batch=B)


def loss(state):
    return sum(jnp.sum(jnp.sin(leaf) * random_array(leaf.shape, 5)) for leaf in jax.tree.leaves(state))


def in_rows(tree):
    """Leaves `[*lead, B, ...]` side by side, `[*lead, B, n]`."""
    lead = jax.tree.leaves(tree)[0].shape.index(B) + 1
    return np.concatenate([leaf.reshape(*leaf.shape[:lead], -1) for leaf in jax.tree.leaves(tree)], axis=-1)


def test_flow_is_that_of_runs_restarted_at_every_step():
    gradient_after = restarted(CELL, PARAMS, XS, STATE, lambda final, ys: loss(final), **FLAGS)
    expected = np.stack([in_rows(gradient_after(t)) for t in range(T + 1)])
    found = jax.jit(lambda p: state_gradients(CELL, p, XS, lambda run: loss(run.final_state), STATE, **FLAGS))(PARAMS)
    assert relative_error(in_rows(found), expected) < 1e-12
    decay = jax.jit(lambda p: gradient_decay(CELL, p, XS, loss, STATE, **FLAGS))(PARAMS)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(decay.total, np.log10(np.linalg.norm(expected, axis=-1)), rtol=1e-9)
    jacobians = jax.jit(lambda p: step_jacobians(CELL, p, XS, STATE, **FLAGS))(PARAMS)
    assert relative_error(np.einsum("tbi,tbij->tbj", expected[1:], jacobians), expected[:-1]) < 1e-12


def test_the_lyapunov_exponents_of_the_delta_rule_add_up_to_the_logarithms_of_its_determinants():
    """The map of every column is I - β k' k, of determinant 1 - β, whatever k is."""
    cell = delta_rule(D, 4, key_size=3, param_dtype=jnp.float64)
    params, xs = drawn(cell)[0], random_array((30, B, D), 2)
    exponents = jax.jit(functools.partial(lyapunov_spectrum, cell))(params, xs)
    beta = 2 / (1 + np.exp(-(np.asarray(xs) @ np.asarray(params.gate_kernel) + np.asarray(params.gate_bias))[..., 0]))
    np.testing.assert_allclose(exponents.sum(axis=-1), 4 * np.log(np.abs(1 - beta)).mean(axis=0), rtol=1e-9)


@pytest.mark.parametrize("backprop", ["autodiff", "explicit"])
def test_gradients_are_clipped_by_their_norm_over_all_entries_of_a_row(backprop):
    dfinal, states, sizes = drawn(CELL, seed=5, batch=B)[1], [STATE], []
    step = jax.jit(lambda s, x: CELL.step(PARAMS, s, x)[0])
    back = jax.jit(lambda s, x, d: jax.vjp(lambda s: step(s, x), s)[1](d)[0])
    clipped = clip_state_gradients(CELL, 1.0)
    pull = jax.jit(lambda s, d: jax.vjp(lambda s: unroll(clipped, PARAMS, XS, s, backprop=backprop)[0], s)[1](d)[0])
    for x in XS[:-1]:
        states.append(step(states[-1], x))
    dstate = dfinal
    for s, x in zip(reversed(states), XS[::-1], strict=True):
        dstate = back(s, x, dstate)
        sizes.append(np.linalg.norm(in_rows(dstate), axis=-1))
        factor = np.minimum(1, 1 / sizes[-1])
        dstate = jax.tree.map(lambda d, f=factor: d * f.reshape(-1, *(1,) * (d.ndim - 1)), dstate)
    assert 0 < np.sum(np.stack(sizes) > 1) < T * B
    assert relative_error(pull(STATE, dfinal), dstate) < 1e-12
