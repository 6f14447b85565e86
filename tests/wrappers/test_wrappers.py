"""Functions from cells to cells, against layers run one by one, equations in numpy, and statistics over many keys."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn, floats, random_array, relative_error

from recurrent import dropout, elman, emit_state, gru, learned_state, lstm, residual, stack, unroll
from recurrent.cells import LSTMState, deep_transition, layer_norm_lstm
from recurrent.wrappers import (
    NoiseState,
    ResidualParams,
    clip_state_gradients,
    dense_skip,
    grouped,
    mlp_input,
    mlp_output,
    variational_dropout,
    zoneout,
)

T, B, D = 6, 3, 3
F64 = {"param_dtype": jnp.float64}
XS = random_array((T, B, D), 1)
KEY = jax.random.key(11)


def run(cell, params, xs, state=None, **flags):
    return jax.jit(functools.partial(unroll, cell))(params, xs, state, **flags)


def assert_close(found, expected, tolerance=1e-12):
    assert relative_error(found, expected) <= tolerance


def elman_by_hand(params, xs, h):
    U, W, b = (np.asarray(p) for p in params)
    hs = []
    for x in np.asarray(xs):
        h = np.tanh(x @ U + h @ W + b)
        hs.append(h)
    return np.stack(hs)


def sigmoid(a):
    return 1 / (1 + np.exp(-np.asarray(a)))


# --- depth at one time step ---------------------------------------------------------------------------------------------


def test_a_stack_is_its_layers_one_after_another():
    cells = lstm(3, 5, **F64), elman(5, 4, **F64), gru(4, 2, **F64)
    params, state = drawn(stack(*cells))
    mask = jnp.asarray(np.random.default_rng(2).random((T, B)) < 0.7)
    resets = jnp.zeros((T, B), bool).at[3, 1].set(True)
    final, ys = run(stack(*cells), params, XS, state, mask=mask, resets=resets)
    below, finals = XS, []
    for cell, own, start in zip(cells, params, state, strict=True):
        last, below = run(cell, own, below, start, mask=mask, resets=resets)
        finals.append(last)
    assert ys.shape == (T, B, 2)
    assert_close((final, ys), (tuple(finals), below))


def test_a_stack_against_numpy():
    cell = stack(elman(3, 5, **F64), elman(5, 4, **F64), elman(4, 2, **F64))
    params, state = drawn(cell)
    ys = np.asarray(XS)
    for own, start in zip(params, state, strict=True):
        ys = elman_by_hand(own, ys, np.asarray(start))
    assert_close(run(cell, params, XS, state)[1], ys)


def test_residual_adds_the_input():
    inside = gru(3, 3, **F64)
    cell = residual(inside)
    params, state = drawn(cell)
    assert type(params) is type(inside.init(KEY))
    assert_close(run(cell, params, XS, state)[1], run(inside, params, XS, state)[1] + XS)
    assert_close(run(residual(inside, 3, 3), params, XS, state), run(cell, params, XS, state))


def test_residual_projects_the_input_where_widths_differ():
    cell = residual(elman(3, 5, **F64), 3, 5, **F64)
    params, state = drawn(cell)
    assert isinstance(params, ResidualParams)
    assert params.kernel.shape == (3, 5)
    expected = elman_by_hand(params.cell, XS, np.asarray(state)) + np.asarray(XS) @ np.asarray(params.kernel)
    assert_close(run(cell, params, XS, state)[1], expected)


def test_every_cell_of_a_dense_stack_reads_all_below():
    concat = dense_skip(elman(3, 2, **F64), elman(5, 4, **F64), elman(9, 6, **F64))
    params, state = drawn(concat)
    x, s = np.asarray(XS), [np.asarray(h) for h in state]
    first = elman_by_hand(params[0], x, s[0])
    second = elman_by_hand(params[1], np.concatenate([x, first], -1), s[1])
    third = elman_by_hand(params[2], np.concatenate([x, first, second], -1), s[2])
    assert_close(run(concat, params, XS, state)[1], third)

    total = dense_skip(elman(3, 3, **F64), elman(3, 3, **F64), elman(3, 5, **F64), merge="sum")
    params, state = drawn(total)
    s = [np.asarray(h) for h in state]
    first = elman_by_hand(params[0], x, s[0])
    second = elman_by_hand(params[1], x + first, s[1])
    assert_close(run(total, params, XS, state)[1], elman_by_hand(params[2], x + first + second, s[2]))


def test_groups_do_not_see_each_other():
    lower, upper = grouped(elman(3, 2, **F64), lstm(3, 4, **F64)), grouped(gru(6, 3, **F64), elman(6, 1, **F64))
    hierarchy = stack(lower, upper)
    params, state = drawn(hierarchy)
    a = run(elman(3, 2, **F64), params[0][0], XS, state[0][0])[1]
    b = run(lstm(3, 4, **F64), params[0][1], XS, state[0][1])[1]
    middle = jnp.concatenate([a, b], -1)
    c = run(gru(6, 3, **F64), params[1][0], middle, state[1][0])[1]
    d = run(elman(6, 1, **F64), params[1][1], middle, state[1][1])[1]
    assert_close(run(hierarchy, params, XS, state)[1], jnp.concatenate([c, d], -1))


def test_derived_adjoints_of_what_the_contract_tests_leave_out():
    """One deep cell, so that one check covers the merges, places of noise and nestings that have no entry of their own."""
    cell = stack(
        variational_dropout(lstm(3, 4, **F64), LSTMState(c=0.0, h=0.4), key=jax.random.key(1)),
        dropout(residual(gru(4, 4, **F64)), 0.4, key=jax.random.key(2), where="input"),
        dense_skip(elman(4, 4, **F64), elman(4, 5, **F64), merge="sum"),
        zoneout(grouped(elman(5, 2, **F64), lstm(5, 2, **F64)), 0.3, key=None),
        deep_transition(4, 3, (2, 5), **F64),
    )
    params, state = drawn(cell)
    rng = np.random.default_rng(3)
    mask, resets = (jnp.asarray(rng.random((T, B)) < p) for p in (0.8, 0.2))
    weights = random_array((T, B, 3), 4)

    def gradients(backprop):
        def loss(params, xs, state):
            final, ys = unroll(cell, params, xs, state, mask=mask, resets=resets, backprop=backprop)
            return jnp.vdot(weights, ys) + sum(jnp.sum(leaf**2) for leaf in floats(final))

        return floats(jax.jit(jax.grad(loss, (0, 1, 2), allow_int=True))(params, XS, state))

    assert_close(gradients("explicit"), gradients("autodiff"))


@pytest.mark.parametrize("wrap", [stack, learned_state])
def test_clipped_cells_stay_clipped_inside_others(wrap):
    """The step of a wrapper is made of the inner step, in which the clipping of `clip_state_gradients` lives."""
    inside = elman(3, 3, **F64)
    params = drawn(wrap(inside))[0]

    def gradient(cell, backprop):
        return jax.jit(jax.grad(lambda p: unroll(cell, p, XS, backprop=backprop)[1].sum()))(params)

    clipped = wrap(clip_state_gradients(inside, 0.1))
    assert_close(gradient(clipped, "autodiff"), gradient(clipped, "explicit"))
    assert relative_error(gradient(clipped, "autodiff"), gradient(wrap(inside), "autodiff")) > 0.05


# --- several layers inside a time step ----------------------------------------------------------------------------------


def mlp_by_hand(layers, x, activations):
    for layer, phi in zip(layers, activations, strict=True):
        x = phi(np.asarray(x) @ np.asarray(layer.kernel) + np.asarray(layer.bias))
    return x


def relu(a):
    return np.maximum(a, 0)


def linear(a):
    return a


def test_mlps_before_and_behind_a_cell():
    before = mlp_input(elman(2, 4, **F64), (3, 7, 2), activation="relu", **F64)
    params, state = drawn(before)
    features = mlp_by_hand(params.layers, XS, (relu, relu))
    assert_close(run(before, params, XS, state)[1], elman_by_hand(params.cell, features, np.asarray(state)))

    behind = mlp_output(elman(3, 4, **F64), (4, 6, 5, 2), **F64)
    params, state = drawn(behind)
    hs = elman_by_hand(params.cell, XS, np.asarray(state))
    assert_close(run(behind, params, XS, state)[1], mlp_by_hand(params.layers, hs, (np.tanh, np.tanh, linear)))


# --- noise --------------------------------------------------------------------------------------------------------------


def copy_cell(size):
    """y_t = x_t, so that a mask on the input or output is seen as it is."""
    cell = elman(size, size, activation="identity", **F64)
    eye, zero = jnp.eye(size, dtype=jnp.float64), jnp.zeros((size, size), jnp.float64)
    return cell, cell.init(KEY)._replace(input_kernel=eye, recurrent_kernel=zero, bias=zero[0])


WIDE, LONG = 40, 50
ONES = jnp.ones((LONG, 20, WIDE), jnp.float64)


@functools.cache
def masks(where, by_sequence, rate=0.3):
    wrap = variational_dropout if by_sequence else dropout
    cell, params = copy_cell(WIDE)
    return np.asarray(run(wrap(cell, rate, key=KEY, where=where), params, ONES)[1])


@pytest.mark.parametrize("where", ["input", "output"])
def test_dropout_masks_anew_at_every_step_and_row(where):
    found = masks(where, by_sequence=False)
    assert_close(np.unique(found), np.array([0, 1 / 0.7]))
    # 40 000 independent draws: the standard error of the mean is 0.002
    assert abs(np.mean(found == 0) - 0.3) < 0.01
    flat = found.reshape(LONG * 20, WIDE)
    assert len(np.unique(flat, axis=0)) == len(flat)
    agreement = np.mean(found[1:] == found[:-1]), np.mean(found[:, 1:] == found[:, :-1])
    np.testing.assert_allclose(agreement, 0.7**2 + 0.3**2, atol=0.015)


@pytest.mark.parametrize("where", ["input", "output"])
def test_variational_dropout_has_one_mask_per_sequence(where):
    found = masks(where, by_sequence=True)
    assert np.all(found == found[:1])
    assert_close(np.unique(found), np.array([0, 1 / 0.7]))
    assert len(np.unique(found[0], axis=0)) == 20  # every row has its own
    assert abs(np.mean(found[0] == 0) - 0.3) < 0.06  # 800 draws


def test_variational_dropout_of_the_state_multiplies_the_same_mask_every_time():
    cell, params = copy_cell(WIDE)
    params = params._replace(input_kernel=params.recurrent_kernel, recurrent_kernel=params.input_kernel)  # h_t = h_{t-1}
    noisy = variational_dropout(cell, 0.3, key=KEY)
    start = noisy.initial_state(params, (20,))
    hs = np.asarray(run(noisy, params, ONES[:5], start._replace(cell=ONES[0]))[1])
    assert set(np.unique(hs[0] == 0)) == {True, False}
    for t in range(5):
        assert_close(hs[t], np.where(hs[0] == 0, 0, (1 / 0.7) ** (t + 1)))


def test_the_memory_of_an_lstm_can_be_left_alone():
    cell = lstm(3, 4, **F64)
    params, state = drawn(cell)
    blind = params._replace(recurrent_kernel=jnp.zeros_like(params.recurrent_kernel))  # h_{t-1} is not read at all

    def outputs(rate):
        noisy = variational_dropout(cell, rate, key=KEY)
        start = noisy.initial_state(blind, (B,))._replace(cell=state)
        return run(noisy, blind, XS, start)[1]

    clean = run(cell, blind, XS, state)[1]
    assert_close(outputs(LSTMState(c=0.0, h=0.5)), clean)
    assert relative_error(outputs(0.5), clean) > 0.1


@pytest.mark.parametrize("wrap", [dropout, variational_dropout, zoneout])
def test_rate_0_changes_nothing(wrap):
    cell = gru(3, 4, **F64)
    params, _ = drawn(cell)
    final, ys = run(cell, params, XS)
    for key in (KEY, None):
        noisy_final, noisy_ys = run(wrap(cell, 0.0, key=key), params, XS)
        assert_close((noisy_final.cell, noisy_ys), (final, ys), 0)


@pytest.mark.parametrize("wrap", [dropout, variational_dropout])
def test_without_a_key_dropout_does_nothing_and_zoneout_its_expectation(wrap):
    cell = elman(3, 4, **F64)
    params, h = drawn(cell)
    for where in ("input", "state", "output"):
        noiseless = wrap(cell, 0.5, key=None, where=where)
        assert_close(run(noiseless, params, XS, NoiseState(h, None))[1], run(cell, params, XS, h)[1], 0)

    expected, state = [], np.asarray(h)
    for x in XS:
        state = 0.3 * state + 0.7 * elman_by_hand(params, x[None], state)[0]
        expected.append(state)
    held = zoneout(cell, 0.3, key=None, output=lambda h: h)
    assert_close(run(held, params, XS, NoiseState(h, None))[1], np.stack(expected))


def test_zoneout_holds_single_units_and_is_right_on_average():
    cell = lstm(3, 4, **F64)
    params, state = drawn(cell)
    rates = LSTMState(c=0.5, h=0.1)
    new, y = cell.step(params, state, XS[0])

    @jax.jit
    @jax.vmap
    def one_step(key):
        noisy = zoneout(cell, rates, key=key)
        start = noisy.initial_state(params, (B,))
        after, y = noisy.step(params, start._replace(cell=state), XS[0])
        return after.cell, y

    many, ys = one_step(jax.random.split(KEY, 4000))
    for rate, found, before, after in zip(rates, many, state, new, strict=True):
        held = np.asarray(found) == np.asarray(before)
        assert_close(found, np.where(held, before, after))
        # 4000 draws per unit: the standard error is below 0.008
        np.testing.assert_allclose(held.mean(axis=0), rate, atol=0.04)
    expected = zoneout(cell, rates, key=None).step(params, NoiseState(state, None), XS[0])[0].cell
    np.testing.assert_allclose(many.c.mean(axis=0), expected.c, atol=0.04)
    assert_close(ys, jnp.broadcast_to(y, ys.shape))


def test_zoneout_can_emit_the_state_after_the_zoneout():
    cell = lstm(3, 4, **F64)
    params, _ = drawn(cell)
    noisy = zoneout(cell, 0.4, key=KEY, output=lambda state: state.h)
    (_, ys), (_, states) = (run(c, params, XS) for c in (noisy, emit_state(noisy)))
    assert_close(ys, states.cell.h, 0)
    assert np.any(ys[1:] == ys[:-1])


def test_streams_belong_to_rows_and_start_again_at_resets():
    cell, params = copy_cell(WIDE)
    noisy = dropout(cell, 0.5, key=KEY)
    resets = jnp.zeros((LONG, 20), bool).at[30, 4].set(True)
    ys = np.asarray(run(noisy, params, ONES, resets=resets)[1])
    plain = np.asarray(run(noisy, params, ONES)[1])
    assert np.array_equal(ys[30:, 4], plain[: LONG - 30, 4])
    assert np.array_equal(np.delete(ys, 4, axis=1), np.delete(plain, 4, axis=1))
    fewer = np.asarray(run(noisy, params, ONES[:, :3])[1])
    assert np.array_equal(fewer, plain[:, :3])  # a row's noise does not hang on the size of the batch


def test_keys_may_be_traced_and_decide_everything():
    """Training differentiates inside jit and vmap over keys, by both backward passes."""
    inside = lstm(3, 4, **F64)
    params, _ = drawn(inside)

    @functools.partial(jax.jit, static_argnums=1)
    def gradients(keys, backprop):
        def loss(params, key):
            first, second = jax.random.split(key)
            cell = dropout(zoneout(inside, 0.3, key=first), 0.3, key=second, where="input")
            return unroll(cell, params, XS, backprop=backprop)[1].sum()

        return jax.vmap(jax.grad(loss), in_axes=(None, 0))(params, keys)

    keys = jnp.stack([jax.random.key(1), jax.random.key(2), jax.random.key(1)])
    found = gradients(keys, "explicit")
    assert_close(found, gradients(keys, "autodiff"))
    assert all(np.array_equal(leaf[0], leaf[2]) and not np.allclose(leaf[0], leaf[1]) for leaf in floats(found))


# --- layer normalisation ------------------------------------------------------------------------------------------------


# --- mistakes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: stack(), "stack: expected at least one cell"),
        (lambda: grouped(), "grouped: expected at least one cell"),
        (lambda: dense_skip(), "dense_skip: expected at least one cell"),
        (lambda: stack([elman(3, 4)]), r"stack\(first, second\); argument 0 is a list"),
        (lambda: dense_skip(elman(3, 4), merge="mean"), '"concat" or "sum"; got \'mean\''),
        (lambda: residual(elman(3, 4), 3), "input_size=3 and output_size=None"),
        (lambda: residual(elman(3, 4), 3, -4), "output_size must be a positive integer; got -4"),
        (lambda: mlp_input(elman(3, 4), (3,)), r"mlp_input: sizes .* got \(3,\)"),
        (lambda: mlp_output(elman(3, 4), (4, 0)), r"sizes\[1\] must be a positive integer; got 0"),
        (lambda: mlp_output(elman(3, 4), (4, 2), activation="gelu"), "unknown activation 'gelu'"),
        (lambda: deep_transition(3, 4, ()), "at least one layer"),
        (lambda: deep_transition(3, 4, (5,), activation="gelu"), "unknown activation 'gelu'"),
        (lambda: dropout(elman(3, 4), 1.0, key=KEY), "dropout: rate .* below 1; got 1.0"),
        (lambda: variational_dropout(elman(3, 4), -0.1, key=None), "got -0.1"),
        (lambda: zoneout(lstm(3, 4), LSTMState(c=0.5, h=2), key=None), "zoneout: rate"),
        (lambda: dropout(elman(3, 4), 0.5, key=KEY, where="gates"), "\"output\"; got 'gates'"),
        (lambda: dropout(elman(3, 4), 0.5, key=0), r"jax.random.key\(seed\), or None for evaluation; got 0"),
        (lambda: layer_norm_lstm(3, 4, epsilon=0), "epsilon must be positive and finite; got 0"),
    ],
)
def test_mistakes_in_building(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (stack(elman(3, 4), elman(5, 4)), r"stack, cell 1: elman: inputs must have 5 features .* got shape \(3, 4\)"),
        (grouped(elman(3, 4), elman(5, 4)), r"grouped, cell 1: elman: inputs must have 5 features"),
        (dense_skip(elman(3, 4), elman(4, 4)), "dense_skip, cell 1: elman: inputs must have 4 features"),
        (dense_skip(elman(3, 4), elman(4, 4), merge="sum"), "3 features and the output of the cell 4"),
        (residual(elman(3, 4)), r"input_size=3, output_size=4\) learns a projection"),
        (residual(elman(3, 4), 3, 5), "output_size=5, but the cell emits 4"),
        (residual(elman(3, 4), 2, 4), "residual: inputs must have 2 features"),
        (residual(emit_state(lstm(3, 3))), "must be one array"),
        (mlp_input(elman(2, 4), (5, 2)), "mlp_input: inputs must have 5 features"),
        (mlp_output(elman(3, 4), (5, 2)), "sizes start with 5, but the cell emits 4"),
        (zoneout(gru(3, 4), LSTMState(c=0.5, h=0.5), key=None), "zoneout: the rates have the structure"),
    ],
)
def test_widths_that_do_not_fit_are_named(cell, message):
    params = cell.init(KEY)
    with pytest.raises(ValueError, match=message):
        unroll(cell, params, XS.astype(jnp.float32))


@pytest.mark.parametrize(
    ("cell", "other", "message"),
    [
        (stack(elman(3, 4)), elman(3, 4), "stack: params must be a tuple .* 1 cells; got a ElmanParams"),
        (stack(elman(3, 4), elman(4, 4)), stack(elman(3, 4)), "each of its 2 cells; got 1 entries"),
        (
            stack(elman(3, 4), gru(4, 4)),
            stack(elman(3, 4), lstm(4, 4)),
            "stack, cell 1: gru: expected params of type GRUParams",
        ),
        (residual(elman(3, 4), 3, 4), elman(3, 4), "expected params of type ResidualParams"),
        (mlp_input(elman(3, 4), (3, 3)), elman(3, 4), "expected params of type MLPCellParams"),
    ],
)
def test_params_of_another_cell_are_named(cell, other, message):
    with pytest.raises(ValueError, match=message):
        unroll(cell, other.init(KEY), XS.astype(jnp.float32))
