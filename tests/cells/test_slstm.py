"""The sLSTM against its equations without the stabiliser, its limits, and gates that no exponential holds."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import filled, perturbed, random_array, relative_error

from recurrent import elman, unroll
from recurrent.cells import SLSTMParams, slstm, slstm_step

T, B, D, H = 7, 3, 2, 4
F64 = {"param_dtype": jnp.float64}
FORGET = {"sigmoid": lambda f: 1 / (1 + np.exp(-f)), "exp": np.exp}
both_gates = pytest.mark.parametrize("forget", list(FORGET))


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def by_hand(params, xs, forget, state=None):
    """The published equations, without m: c, n and h of every step, in float64."""
    u, w, b, xs, *state = (np.asarray(leaf, np.float64) for leaf in (*params, xs, *(state or ())))
    c, n, m, h = state or np.zeros((4, *xs.shape[1:-1], len(w)))
    c, n, steps = c * np.exp(m), n * np.exp(m), []
    for x in xs:
        i, f, z, o = np.split(x @ u + h @ w + b, 4, axis=-1)
        c, n = FORGET[forget](f) * c + np.exp(i) * np.tanh(z), FORGET[forget](f) * n + np.exp(i)
        h = sigmoid(o) * c / n
        steps.append((c, n, h))
    return [np.stack(leaf) for leaf in zip(*steps, strict=True)]


@both_gates
@pytest.mark.parametrize("given", [False, True])
def test_against_the_equations_without_a_stabiliser(forget, given):
    cell = slstm(D, H, forget=forget, **F64)
    params, xs = perturbed(cell.init(jax.random.key(0)), 1), random_array((T, B, D), 2)
    state = filled(jax.eval_shape(lambda p: cell.initial_state(p, (B,)), params), 3)
    state = state._replace(n=jnp.abs(state.n)) if given else None
    final, ys = jax.jit(functools.partial(unroll, cell))(params, xs, state)
    c, n, h = by_hand(params, xs, forget, state)
    scale = jnp.exp(final.m)
    assert relative_error((ys, final.h, scale * final.c, scale * final.n), (h, h[-1], c[-1], n[-1])) < 1e-12


def gates_as_inputs(dtype):
    """A cell of one unit whose gates i, f, z, o are its four inputs."""
    return SLSTMParams(jnp.eye(4, dtype=dtype), jnp.zeros((1, 4), dtype), jnp.zeros(4, dtype))


@both_gates
def test_extreme_gates(forget):
    """All four at ±200 in every combination, for three steps, whose products are still within float64 without m."""
    cell, params = slstm(4, 1, forget=forget), gates_as_inputs(jnp.float32)
    signs = np.stack(np.meshgrid(*[[-200.0, 200.0]] * 12), axis=-1).reshape(-1, 3, 4)
    xs = jnp.asarray(np.moveaxis(signs, 1, 0), jnp.float32)

    def loss(params, xs, state):
        final, ys = unroll(cell, params, xs, state)
        return sum(map(jnp.sum, (jnp.sin(ys), *final))), (final, ys)

    state = cell.initial_state(params, xs.shape[1:2])
    gradient, outputs = jax.jit(jax.grad(loss, (0, 1, 2), has_aux=True))(params, xs, state)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((gradient, outputs)))
    np.testing.assert_allclose(outputs[1], by_hand(params, xs, forget)[2], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("ln_i", [-1e30, -200.0, 0.0, 200.0, 1e30])
def test_the_first_input_is_all_of_the_memory(ln_i):
    params, gates = gates_as_inputs(jnp.float32), jnp.array([ln_i, 0.3, 0.7, -0.4], jnp.float32)
    cell = slstm(4, 1)
    state, y = cell.step(params, cell.initial_state(params), gates)
    expected = np.tanh(0.7) * sigmoid(-0.4)
    assert relative_error(tuple(state), (*np.float32([[np.tanh(0.7)], [1], [ln_i], [expected]]),)) < 1e-6
    assert y == state.h


@both_gates
def test_the_normaliser_stays_away_from_zero(forget):
    cell = slstm(D, H, forget=forget)
    params, xs = cell.init(jax.random.key(0)), 100 * random_array((T, B, D), 1, jnp.float32)
    state = cell.initial_state(params, (B,))
    for x in xs:
        state, _ = slstm_step(params, state, x, forget)
        assert np.min(state.n) >= 1
        assert np.max(np.abs(state.c / state.n)) <= 1


def test_a_cell_that_forgets_all_is_the_vanilla_cell():
    cell, vanilla = slstm(D, H, **F64), elman(D, H, **F64)
    params, xs = perturbed(cell.init(jax.random.key(0)), 1), random_array((T, B, D), 2)
    bias = params.bias.at[H : 2 * H].add(-1e4).at[3 * H :].add(1e4)
    z = slice(2 * H, 3 * H)
    inner = vanilla.init(jax.random.key(0))._replace(
        input_kernel=params.input_kernel[:, z], recurrent_kernel=params.recurrent_kernel[:, z], bias=bias[z]
    )
    found = unroll(cell, params._replace(bias=bias), xs)[1]
    assert relative_error(found, unroll(vanilla, inner, xs)[1]) < 1e-14


def test_gates_of_forget_1_weigh_the_past_by_a_softmax():
    cell, params = slstm(4, 1, forget="exp", **F64), gates_as_inputs(jnp.float64)
    xs = random_array((T, B, 4), 1).at[..., 1].set(0)
    i, _, z, o = np.moveaxis(np.asarray(xs), -1, 0)
    weights = [np.exp(i[: t + 1]) / np.exp(i[: t + 1]).sum(axis=0) for t in range(T)]
    expected = np.stack([sigmoid(o[t]) * (w * np.tanh(z[: t + 1])).sum(axis=0) for t, w in enumerate(weights)])
    assert relative_error(unroll(cell, params, xs)[1][..., 0], expected) < 1e-13


def test_the_forget_bias_of_each_form():
    for options, expected in (({}, 1), ({"forget": "exp"}, 0), ({"forget": "exp", "forget_bias": -0.5}, -0.5)):
        bias = slstm(D, H, **options).init(jax.random.key(0)).bias
        np.testing.assert_array_equal(bias.reshape(4, H), np.outer([0, expected, 0, 0], np.ones(H)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"forget": "relu"}, 'forget must be "sigmoid" or "exp"; got .relu.'),
        ({"forget_bias": float("nan")}, "forget_bias must be finite; got nan"),
        ({"hidden_size": 0}, "hidden_size must be a positive integer"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        slstm(**{"input_size": D, "hidden_size": H, **options})
