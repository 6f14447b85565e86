"""Dilation: d runs that take turns, the stack of the published network, d = 1, noise, and states of every kind."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import floats, random_array, relative_error

from recurrent import dropout, elman, gru, lstm, stack, unroll
from recurrent.cells import clockwork
from recurrent.wrappers import dilated, zoneout

T, B, D, H = 8, 3, 2, 4
F64 = {"param_dtype": jnp.float64}
XS = random_array((T, B, D), 1)
KEY = jax.random.key(3)

CELLS = {
    "array": gru(D, H, **F64),
    "pair": lstm(D, H, **F64),
    "clock": clockwork(D, H, (1, 2), **F64),
    "keys": zoneout(dropout(lstm(D, H, **F64), 0.3, key=KEY), 0.3, key=jax.random.key(4)),
}


def setting(cell, dilation):
    """Parameters and a state of random entries; counters and keys as they start."""
    params, outer = cell.init(KEY), dilated(cell, dilation)
    leaves, structure = jax.tree.flatten(outer.initial_state(params, (B,)))
    leaves = [leaf + random_array(leaf.shape, i) if floats([leaf]) else leaf for i, leaf in enumerate(leaves)]
    return outer, params, jax.tree.unflatten(structure, leaves)


def run(cell, *args, **options):
    return jax.jit(functools.partial(unroll, cell, **options))(*args)


def held(past, slot):
    return jax.tree.map(lambda leaf: leaf[:, slot], past)


@pytest.mark.parametrize("dilation", [2, 3])
@pytest.mark.parametrize("name", list(CELLS))
def test_runs_take_turns(name, dilation):
    """Run k is the cell on x_k, x_{k+d}, ...; its state before that is the one d steps back, the oldest for k = 0."""
    cell = CELLS[name]
    outer, params, past = setting(cell, dilation)
    final, ys = run(outer, params, XS, past)
    for k in range(dilation):
        own_final, own_ys = run(cell, params, XS[k::dilation], held(past, dilation - 1 - k))
        assert relative_error(ys[k::dilation], own_ys) < 1e-12
        last = (T - 1 - k) % dilation  # steps since this run's last one
        assert relative_error(held(final, last), own_final) < 1e-12


@pytest.mark.parametrize("name", list(CELLS))
def test_a_dilation_of_1_is_the_cell(name):
    cell = CELLS[name]
    outer, params, past = setting(cell, 1)
    found, expected = run(outer, params, XS, past), run(cell, params, XS, held(past, 0))
    jax.tree.map(np.testing.assert_array_equal, (held(found[0], 0), found[1]), expected)
    jax.tree.map(np.testing.assert_array_equal, held(outer.initial_state(params, (B,)), 0), cell.initial_state(params, (B,)))


def test_runs_draw_noise_of_their_own():
    """The same inputs at all steps: runs of one stream would emit the same numbers."""
    cell = dropout(elman(1, 8, **F64), 0.5, key=KEY)
    params = cell.init(KEY)
    ys = run(dilated(cell, 2), params, jnp.ones((4, B, 1)))[1]
    assert np.abs(ys[0] - ys[1]).max() > 0.1
    assert np.abs(ys[2] - ys[3]).max() > 0.1


def test_the_dilated_network_of_chang_et_al():
    """Layer l reads the outputs of the layer below at its own step, and its own state of 2^l steps ago."""
    cell = stack(*(dilated(elman(width, H, **F64), 2**level) for level, width in enumerate((D, H, H))))
    params = jax.tree.map(lambda leaf: leaf + random_array(leaf.shape, 5), cell.init(KEY))
    layer = np.asarray(XS)
    for level, own in enumerate(params):
        u, w, b = map(np.asarray, own)
        hs = [np.zeros((B, H))] * 2**level
        for x_t in layer:
            hs.append(np.tanh(x_t @ u + hs[-(2**level)] @ w + b))
        layer = np.stack(hs[2**level :])
    assert relative_error(run(cell, params, XS)[1], layer) < 1e-12


@pytest.mark.parametrize("backprop", ["autodiff", "explicit"])
def test_masks_and_resets_are_those_of_each_row(backprop):
    """A row takes turns by the steps it has taken since its sequence began: gradients, too, as if it ran alone."""
    cell = CELLS["pair"]
    outer, params, past = setting(cell, 2)
    rng = np.random.default_rng(6)
    mask, resets = rng.random((T, B)) < 0.7, rng.random((T, B)) < 0.2

    def by_driver(params, xs, past):
        return unroll(outer, params, xs, past, mask=mask, resets=resets, backprop=backprop)[1]

    def by_hand(params, xs, past):
        rows = []
        for row in range(B):
            states = [jax.tree.map(lambda leaf, row=row, k=k: leaf[row, k], past) for k in (1, 0)]
            for t in range(T):
                if resets[t, row]:
                    states = [cell.initial_state(params)] * 2
                y_t = jnp.zeros(H)
                if mask[t, row]:
                    state_t, y_t = cell.step(params, states[-2], xs[t, row])
                    states = [states[-1], state_t]
                rows.append(y_t)
        return jnp.stack(rows).reshape(B, T, H).swapaxes(0, 1)

    weights = random_array((T, B, H), 7)

    @functools.partial(jax.jit, static_argnums=0)
    def value_and_grad(function):
        return jax.value_and_grad(lambda *a: jnp.sum(weights * function(*a)), (0, 1, 2))(params, XS, past)

    assert relative_error(value_and_grad(by_driver), value_and_grad(by_hand)) < 1e-11


def test_the_explicit_pass_keeps_the_states_that_are_read_and_not_the_past():
    cell, num_steps = dilated(lstm(D, H, **F64), 64), 50
    params, xs = jax.eval_shape(cell.init, KEY), jax.ShapeDtypeStruct((num_steps, B, D), jnp.float64)
    gradient = jax.grad(lambda params, xs: jnp.sum(unroll(cell, params, xs, backprop="explicit")[1]))
    memory = jax.jit(gradient).lower(params, xs).compile().memory_analysis()
    assert memory.temp_size_in_bytes < num_steps * B * 64 * H * 8 / 2


@pytest.mark.parametrize("dilation", [0, -1, 2.0, True, float("nan")])
def test_bad_dilations_are_refused(dilation):
    with pytest.raises(ValueError, match="dilated: dilation must be a positive integer"):
        dilated(CELLS["array"], dilation)
