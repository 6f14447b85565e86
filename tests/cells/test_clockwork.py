"""The clockwork network: a numpy loop, one period as the vanilla cell, closed forms of its memory, clocks by row, skipping."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import equations, perturbed, random_array, relative_error

from recurrent import elman, unroll
from recurrent.cells import ClockworkState, ElmanParams, clockwork
from recurrent.cells._clockwork import product_where
from recurrent.pytrees import count_parameters

T, B, D, H = 9, 3, 2, 6
F64 = {"param_dtype": jnp.float64}
XS = random_array((T, B, D), 2)
KEY = jax.random.key(0)


def setting(periods, clock=(0, 0, 0), **options):
    cell = clockwork(D, H, periods, **options, **F64)
    state = ClockworkState(random_array((B, H), 3), jnp.asarray(clock, jnp.int32))
    return cell, perturbed(cell.init(KEY), 1), state


def run(cell, *args, **options):
    return jax.jit(functools.partial(unroll, cell, **options))(*args)


def by_hand(params, xs, state, periods, mask=None, resets=None, phi=np.tanh):
    """Unit by unit, with a full matrix in which the blocks from faster to slower groups are 0."""
    width = H // len(periods)
    w = np.zeros((H, H))
    for g, kernel in enumerate(params.recurrent_kernels):
        w[g * width :, g * width : (g + 1) * width] = kernel
    h, clock, ys = np.array(state.h), np.array(state.clock), np.zeros((len(xs), B, H))
    for t, row in np.ndindex(len(xs), B):
        if resets is not None and resets[t, row]:
            h[row], clock[row] = 0, 0
        if mask is None or mask[t, row]:
            new = phi(np.asarray(xs[t, row]) @ np.asarray(params.input_kernel) + h[row] @ w + np.asarray(params.bias))
            h[row] = [new[i] if clock[row] % periods[i // width] == 0 else h[row, i] for i in range(H)]
            clock[row] += 1
            ys[t, row] = h[row]
    return ClockworkState(h, clock), ys


@pytest.mark.parametrize("periods", [(1, 2, 4), (2, 3), (1, 2, 3, 4, 5, 6)])
def test_clockwork_against_numpy(periods):
    cell, params, state = setting(periods, clock=(0, 1, 5), activation="sigmoid")
    logistic = lambda a: 1 / (1 + np.exp(-a))  # noqa: E731
    assert relative_error(run(cell, params, XS, state), by_hand(params, XS, state, periods, phi=logistic)) < 1e-12


def test_clocks_of_rows_stand_still_where_masked_and_start_again_at_resets():
    cell, params, state = setting((1, 2, 4), clock=(0, 3, 1))
    rng = np.random.default_rng(5)
    mask, resets = rng.random((T, B)) < 0.6, rng.random((T, B)) < 0.2
    expected = by_hand(params, XS, state, (1, 2, 4), mask, resets)
    assert len({*expected[0].clock.tolist()}) > 1
    found = jax.jit(lambda *a, **flags: unroll(cell, *a, **flags))(params, XS, state, mask=mask, resets=resets)
    assert relative_error(found, expected) < 1e-12


@pytest.mark.parametrize("backprop", ["autodiff", "explicit"])
def test_one_group_of_period_1_is_the_vanilla_cell_bit_for_bit(backprop):
    cell, params, state = setting((1,))
    vanilla = elman(D, H, **F64)

    def values_and_gradients(cell, params, state):
        def loss(params):
            final, ys = unroll(cell, params, XS, state, backprop=backprop)
            return jnp.sum(jnp.sin(ys)), (getattr(final, "h", final), ys)

        return jax.tree.leaves(jax.jit(jax.value_and_grad(loss, has_aux=True))(params))

    as_vanilla = lambda params: ElmanParams(params.input_kernel, *params.recurrent_kernels, params.bias)  # noqa: E731
    found = values_and_gradients(cell, params, state)
    jax.tree.map(np.testing.assert_array_equal, found, values_and_gradients(vanilla, as_vanilla(params), state.h))
    jax.tree.map(
        np.testing.assert_array_equal, run(cell, params, XS, state)[1], run(vanilla, as_vanilla(params), XS, state.h)[1]
    )
    jax.tree.map(np.testing.assert_array_equal, as_vanilla(cell.init(KEY)), vanilla.init(KEY))


def test_a_group_holds_its_state_between_its_ticks():
    cell, params, state = setting((1, 2, 4))
    ys = np.asarray(run(cell, params, XS, state)[1]).reshape(T, B, 3, 2)
    for group, period in enumerate((1, 2, 4)):
        moved = np.any(ys[1:, :, group] != ys[:-1, :, group], axis=(1, 2))
        np.testing.assert_array_equal(np.flatnonzero(moved) + 1, np.arange(period, T, period))


def test_gradients_through_a_group_meet_its_kernel_once_per_tick_and_never_come_from_faster_groups():
    """dh^g_T/dh^g_0 = W_gg^(ticks), dh^slow_T/dh^fast_0 = 0, without an activation."""
    periods = (1, 2, 4)
    cell, params, state = setting(periods, activation="identity")
    row = jax.tree.map(lambda leaf: leaf[0], state)
    jacobian = jax.jit(jax.jacrev(lambda h: unroll(cell, params, XS[:, 0], row._replace(h=h))[0].h))(row.h)
    jacobian = np.asarray(jacobian).reshape(3, 2, 3, 2)
    for g, period in enumerate(periods):
        w = np.asarray(params.recurrent_kernels[g])[:2]
        np.testing.assert_allclose(jacobian[g, :, g], np.linalg.matrix_power(w, -(-T // period)).T, rtol=1e-10)
        assert not np.any(jacobian[g, :, :g])
        assert np.all(jacobian[g, :, g + 1 :])


def test_there_are_parameters_for_connections_from_slow_to_fast_alone():
    cell = clockwork(D, 12, (1, 2, 4, 8))
    params = cell.init(KEY)
    assert [kernel.shape for kernel in params.recurrent_kernels] == [(12, 3), (9, 3), (6, 3), (3, 3)]
    assert count_parameters(params) == 12 * (D + 1) + 10 * 3**2
    for kernel in params.recurrent_kernels:
        np.testing.assert_allclose(kernel.T @ kernel, np.eye(3), atol=1e-6)


def test_the_product_of_a_group_that_waits_is_left_out():
    """0 where no row ticks, and no row for itself: under `vmap`, too, where a `cond` of each row would compute both sides."""
    h, w = random_array((B, 4), 6), random_array((4, 2), 7)
    one = jnp.array([False, True, False])
    for function in (product_where, jax.vmap(product_where, in_axes=(0, 0, None))):
        np.testing.assert_allclose(jax.jit(function)(one, h, w), np.asarray(h) @ np.asarray(w), rtol=1e-14)
        assert not np.any(jax.jit(function)(jnp.zeros(B, bool), h, w))


def test_gradients_take_no_cond_which_would_keep_the_kernel_of_every_step():
    cell, params, state = setting((1, 2, 4))
    traced = jax.make_jaxpr(jax.grad(lambda params: jnp.sum(unroll(cell, params, XS, state)[1])))(params)
    assert not any(equation.primitive.name == "cond" for equation in equations(traced.jaxpr))


@pytest.mark.parametrize(
    ("hidden_size", "periods", "message"),
    [
        (6, (1, 2, 4, 8), "4 periods need a multiple of 4 units, as many for each; got 6"),
        (6, (), "at least one"),
        (6, (0, 1), r"periods\[0\] must be a positive integer; got 0"),
        (6, (1, 1.5), r"periods\[1\] must be a positive integer; got 1.5"),
        (6, (1, float("nan")), "positive integer; got nan"),
        (6, (2, 1), r"must be increasing.*got \(2, 1\)"),
        (6, (1, 2, 2), r"must be increasing.*got \(1, 2, 2\)"),
        (0, (1,), "hidden_size must be a positive integer; got 0"),
    ],
)
def test_bad_sizes_and_periods_are_refused(hidden_size, periods, message):
    with pytest.raises(ValueError, match=message):
        clockwork(D, hidden_size, periods)


def test_kernels_of_other_periods_are_refused():
    params = clockwork(D, H, (1, 2)).init(KEY)
    with pytest.raises(ValueError, match=r"recurrent_kernels must have the shapes \[\(6, 2\), .*got \[\(6, 3\), \(3, 3\)\]"):
        unroll(clockwork(D, H, (1, 2, 4)), params, XS.astype(jnp.float32))
