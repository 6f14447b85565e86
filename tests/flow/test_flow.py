"""Gradient flow against closed forms: linear networks, constant gates, random matrices, and plain autodiff."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, random_array, relative_error, restarted
from scipy.special import digamma

from recurrent import Cell, describe, elman, gradient_decay, gru, lengths_to_mask, lstm, spectral_radius, stack, unroll
from recurrent.cells import ElmanParams, lstm_adjoint
from recurrent.flow import (
    decay_rate,
    explain_nonfinite,
    first_nonfinite_step,
    flow_regularizer,
    lyapunov_spectrum,
    path_shares,
    state_gradients,
    step_jacobians,
    temporal_contributions,
    transport,
    truncation_bias,
    vanishing_bound,
)
from recurrent.flow._jacobians import ravel_floats
from recurrent.initializers import orthogonal, torch_like

T, B, N = 6, 2, 4
F64 = {"param_dtype": jnp.float64}


def linear(seed=0, size=N, scale=1.0):
    """A linear network with a random matrix; its Jacobian is W' at every step."""
    kernel = scale * random_array((size, size), seed) / size**0.5
    params = ElmanParams(random_array((1, size), seed + 1), kernel, random_array((size,), seed + 2))
    return elman(1, size, activation="identity", **F64), params


@functools.cache
def nonlinear():
    cell = lstm(3, N, **F64)
    params = perturbed(cell.init(jax.random.key(0)), 1)
    return cell, params, random_array((T, B, 3), 2), perturbed(cell.initial_state(params, (B,)), 3)


def read_all(run):
    """A loss that reads the outputs, the states and the final state of every step differently."""
    parts = jax.tree.leaves((run.ys, run.states, run.final_state))
    return sum(jnp.sum(jnp.sin(part + jnp.arange(part.size, dtype=part.dtype).reshape(part.shape))) for part in parts)


def test_decay_of_a_linear_network_is_the_matrix_power():
    cell, params = linear()
    probe = random_array((N,), 5)
    decay = jax.jit(lambda xs: gradient_decay(cell, params, xs, lambda h: (h * probe[None]).sum()))(random_array((T, B, 1), 6))
    gradient = np.asarray(probe)
    for lag in range(T + 1):
        np.testing.assert_allclose(decay.total[T - lag], np.log10(np.linalg.norm(gradient)), rtol=1e-10)
        gradient = gradient @ np.asarray(params.recurrent_kernel).T


@pytest.mark.parametrize("cell_name", ["lstm", "gru", "plain"])
def test_decay_equals_autodiff_norms_with_masks_and_resets(cell_name):
    cell = {"lstm": lstm, "gru": gru, "plain": functools.partial(elman, activation=jnp.tanh)}[cell_name](3, N, **F64)
    params = perturbed(cell.init(jax.random.key(0)), 1)
    xs = random_array((T, 3, 3), 2)
    lengths, resets = jnp.array([T, 4, 0]), jnp.zeros((T, 3), bool).at[2, 0].set(True)
    loss = lambda s: sum(jnp.sum(jnp.cos(leaf)) for leaf in jax.tree.leaves(s))  # noqa: E731
    decay = jax.jit(functools.partial(gradient_decay, cell, loss=loss))(params, xs, lengths=lengths, resets=resets)

    gradient_after = restarted(cell, params, xs, None, lambda s, ys: loss(s), lengths_to_mask(lengths, T), resets)
    for t in range(T + 1):
        gradient = gradient_after(t)
        for row in range(3):
            norm = np.sqrt(sum(float(np.sum(np.asarray(leaf[row]) ** 2)) for leaf in jax.tree.leaves(gradient)))
            expected = np.log10(norm) if norm > 0 else -np.inf
            np.testing.assert_allclose(decay.total[t, row], expected, rtol=1e-9, atol=1e-9)
    assert np.isneginf(decay.total[0, 0])
    assert np.isfinite(decay.total[3, 0])


def test_decay_in_float32_shows_norms_that_float32_cannot_hold():
    cell = elman(3, 128, **torch_like("elman"))
    params, xs = cell.init(jax.random.key(0)), random_array((200, 1, 3), 1, jnp.float32)
    run = jax.jit(lambda p, xs: gradient_decay(cell, p, xs, lambda h: h.sum()).total)
    single = run(params, xs)
    double = run(jax.tree.map(lambda p: p.astype(jnp.float64), params), xs.astype(jnp.float64))
    assert single.dtype == jnp.float32
    assert double[0, 0] < -40
    np.testing.assert_allclose(single, double, rtol=0.01, atol=0.005)


def test_decay_and_growth_far_beyond_the_range_of_the_dtype():
    for scale in (1e-3, 1e3):
        cell, params = linear(scale=0)
        params = params._replace(recurrent_kernel=scale * jnp.eye(N))
        params = jax.tree.map(lambda p: p.astype(jnp.float32), params)
        decay = jax.jit(functools.partial(gradient_decay, cell, loss=lambda h: h.sum()))
        curve = decay(params, jnp.zeros((200, 1, 1), jnp.float32)).total
        np.testing.assert_allclose(curve[0, 0] - curve[-1, 0], 200 * np.log10(scale), rtol=1e-5)


def test_constant_gates_decay_as_the_forget_gate():
    cell = lstm(1, N, forget_bias=1.5, **F64)
    params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0)))
    params = params._replace(bias=params.bias.at[N : 2 * N].set(1.5))
    decay = jax.jit(functools.partial(gradient_decay, cell, loss=lambda s: s.c.sum()))(params, jnp.zeros((50, 1, 1)))
    gate = 1 / (1 + np.exp(-1.5))
    np.testing.assert_allclose(decay.leaves.c[0, 0] - decay.leaves.c[-1, 0], 50 * np.log10(gate), rtol=1e-12)
    rate = decay_rate(decay.leaves.c)
    np.testing.assert_allclose(rate, np.log(gate), rtol=1e-10)
    with pytest.raises(ValueError, match="lags"):
        decay_rate(decay.total, 50, 50)


def test_state_gradients_equal_restarted_autodiff():
    cell, params, xs, state = nonlinear()
    found = state_gradients(cell, params, xs, lambda run: jnp.sum(run.ys**2) + jnp.sum(run.final_state.c), state)

    loss = lambda final, ys: jnp.sum(ys**2) + jnp.sum(final.c)  # noqa: E731
    gradient_after = restarted(cell, params, xs, state, loss, jnp.ones((T, B), bool), jnp.zeros((T, B), bool))
    for t in range(T + 1):
        assert relative_error(jax.tree.map(lambda leaf, t=t: leaf[t], found), gradient_after(t)) < 1e-10


def test_state_gradients_count_a_state_that_the_loss_reads():
    cell, params = linear()
    xs, probe = random_array((T, 1), 6), random_array((N,), 5)
    found = state_gradients(cell, params, xs, lambda run: jnp.sum(run.states @ probe))
    expected = sum(np.linalg.matrix_power(np.asarray(params.recurrent_kernel), k) @ np.asarray(probe) for k in range(T))
    np.testing.assert_allclose(found[1], expected, rtol=1e-10)
    np.testing.assert_allclose(found[T], probe, rtol=1e-12)


@pytest.mark.parametrize("by", ["step", "lag"])
def test_contributions_sum_to_the_gradient(by):
    cell, params, xs, state = nonlinear()
    lengths = jnp.array([T, 4])
    parts = jax.jit(functools.partial(temporal_contributions, cell, loss=read_all, by=by))(
        params, xs, state=state, lengths=lengths
    )

    def loss(params):
        return read_all(_run_of(cell, params, xs, state, lengths))

    assert relative_error(jax.tree.map(lambda p: p.sum(0), parts), jax.grad(loss)(params)) < 1e-10


def test_contributions_by_lag_separate_near_from_far():
    cell, params = linear()
    xs, probe = random_array((T, 1), 6), random_array((N,), 5)
    parts = temporal_contributions(cell, params, xs, lambda run: jnp.sum(run.ys @ probe), by="lag")
    kernel = np.asarray(params.recurrent_kernel)
    for lag in range(T):  # each of the T - lag steps with a past that long adds W^lag v
        np.testing.assert_allclose(
            parts.bias[lag], (T - lag) * np.linalg.matrix_power(kernel, lag) @ np.asarray(probe), rtol=1e-9, atol=1e-12
        )


def test_step_jacobians_equal_the_closed_form():
    cell = elman(3, N, **F64)
    params, xs = perturbed(cell.init(jax.random.key(0)), 1), random_array((T, B, 3), 2)
    _, hs = unroll(cell, params, xs)
    expected = (1 - np.asarray(hs) ** 2)[..., None] * np.asarray(params.recurrent_kernel).T
    np.testing.assert_allclose(step_jacobians(cell, params, xs), expected, rtol=1e-10)


def test_jacobians_at_held_and_reset_steps():
    cell, params, xs, state = nonlinear()
    mask = jnp.ones((T, B), bool).at[1].set(False)
    resets = jnp.zeros((T, B), bool).at[3].set(True)
    jacobians = step_jacobians(cell, params, xs, state, mask=mask, resets=resets)
    np.testing.assert_array_equal(jacobians[1], np.broadcast_to(np.eye(2 * N), (B, 2 * N, 2 * N)))
    np.testing.assert_array_equal(jacobians[3], np.zeros((B, 2 * N, 2 * N)))


def test_transport_equals_the_singular_values_of_the_product():
    cell, params, xs, state = nonlinear()
    found = jax.jit(functools.partial(transport, cell))(params, xs, state)
    for row in range(B):
        vector, unravel = ravel_floats(jax.tree.map(lambda s, row=row: s[row], state))
        jacobian = jax.jacfwd(lambda v, u=unravel, row=row: ravel_floats(unroll(cell, params, xs[:, row], u(v))[0])[0])(vector)
        values = np.linalg.svd(np.asarray(jacobian), compute_uv=False)
        np.testing.assert_allclose(found.log10_singular_values[0, row], np.log10(values), rtol=1e-6)
    np.testing.assert_allclose(found.log10_singular_values[T], 0, atol=1e-12)


def test_transport_of_a_linear_network_does_not_overflow():
    cell, params = linear()
    kernel = np.diag([1e3, 1e2, 10.0, 1.0])
    long = transport(cell, params._replace(recurrent_kernel=jnp.asarray(kernel)), jnp.zeros((200, 1)))
    np.testing.assert_allclose(long.log10_norm[0], 600, rtol=1e-12)
    assert np.isnan(long.log10_singular_values[0, 1:]).all()


def test_path_shares_split_the_gradient_exactly():
    cell, params, xs, state = nonlinear()
    loss = lambda s: jnp.sum(jnp.sin(s.h))  # noqa: E731
    shares = jax.jit(functools.partial(path_shares, cell, loss=loss))(params, xs, state=state)
    # the additive path by hand: dc_T = sin'(h) o (1 - tanh² c), then the forget gates alone
    adjoint, s, gates = lstm_adjoint(), state, []
    for t in range(T):
        s, _, tape = adjoint.advance(params, s, adjoint.project(params, xs[t]))
        gates.append(tape)
    last = gates[-1]
    direct = np.cos(s.h) * last.gates.o * (1 - last.tanh_c**2) * last.gates.f
    for t in range(T - 1, -1, -1):
        np.testing.assert_allclose(shares.direct[t], np.log10(np.linalg.norm(direct, axis=-1)), rtol=1e-9)
        direct = direct * gates[t - 1].gates.f
    assert np.all((shares.share >= 0) & (shares.share <= 1))
    with pytest.raises(ValueError, match="through"):
        path_shares(cell, params, xs, loss, through="gates")


def test_path_shares_without_a_matrix_are_all_direct():
    cell, params, xs, _ = nonlinear()
    params = params._replace(recurrent_kernel=jnp.zeros_like(params.recurrent_kernel))
    shares = path_shares(cell, params, xs, lambda s: s.h.sum())
    np.testing.assert_allclose(shares.share, 1)


@pytest.mark.parametrize("base", ["random", "orthogonal", "nilpotent", "rotation", "tiny"])
def test_spectral_radius_equals_the_eigenvalues(base):
    matrices = {
        "random": np.random.default_rng(0).normal(size=(3, 20, 20)),
        "orthogonal": np.asarray(orthogonal()(jax.random.key(0), (32, 32), jnp.float64)),
        "nilpotent": np.triu(np.ones((5, 5)), 1),
        "rotation": 0.9 * np.array([[0.0, 1.0], [-1.0, 0.0]]),
        "tiny": 1e-30 * np.random.default_rng(1).normal(size=(8, 8)),
    }
    matrix = matrices[base]
    expected = np.abs(np.linalg.eigvals(matrix)).max(axis=-1) if base != "nilpotent" else 0.0
    np.testing.assert_allclose(spectral_radius(jnp.asarray(matrix)), expected, rtol=1e-8)
    np.testing.assert_allclose(spectral_radius(jnp.asarray(matrix, jnp.float32)), expected, rtol=2e-4)


def test_spectral_radius_refuses_rectangles():
    with pytest.raises(ValueError, match="square"):
        spectral_radius(jnp.ones((2, 3)))


@pytest.mark.parametrize(("activation", "gamma"), [("tanh", 1.0), ("sigmoid", 0.25), ("relu", 1.0), ("identity", 1.0)])
def test_vanishing_bound(activation, gamma):
    kernel = random_array((5, 5), 0)
    bound = vanishing_bound(kernel, activation)
    np.testing.assert_allclose(bound.eta, gamma * np.linalg.svd(kernel, compute_uv=False)[0], rtol=1e-10)


def test_lyapunov_exponents_of_an_orthogonal_network_are_zero():
    cell = elman(1, 16, activation="identity", recurrent_init=orthogonal(), **F64)
    exponents = jax.jit(functools.partial(lyapunov_spectrum, cell))(cell.init(jax.random.key(0)), jnp.zeros((200, 1)))
    np.testing.assert_allclose(exponents, 0, atol=1e-10)


def test_lyapunov_exponents_of_a_normal_network_are_the_log_moduli():
    cell, params = linear()
    values = np.array([1.5, 1.0, 0.5, 0.1])
    basis = np.asarray(orthogonal()(jax.random.key(0), (N, N), jnp.float64))
    params = params._replace(recurrent_kernel=jnp.asarray(basis @ np.diag(values) @ basis.T))
    found = lyapunov_spectrum(cell, params, jnp.zeros((400, B, 1)), discard=200)
    np.testing.assert_allclose(found, np.broadcast_to(np.log(values), (B, N)), atol=1e-6)
    top = lyapunov_spectrum(cell, params, jnp.zeros((400, 1)), num_exponents=1, discard=200)
    np.testing.assert_allclose(top, np.log(1.5), atol=1e-6)


def test_lyapunov_exponents_of_gaussian_jacobians_have_newmans_spectrum():
    """λ_i = ln g + ½ (ψ((N - i + 1) / 2) + ln 2 - ln N), Newman (1986)."""
    size, num_steps = 32, 1500

    def step(params, state, x):
        del params
        moved = jnp.einsum("...ij,...j->...i", x.reshape(*x.shape[:-1], size, size), state)
        return moved, moved

    cell = Cell(lambda key: (), lambda params, batch_shape=(): jnp.zeros((*batch_shape, size)), step)
    jacobians = random_array((num_steps, size, size), 0) / size**0.5
    found = jax.jit(functools.partial(lyapunov_spectrum, cell))((), jacobians.reshape(num_steps, -1))
    order = np.arange(1, size + 1)
    expected = 0.5 * (digamma((size - order + 1) / 2) + np.log(2) - np.log(size))
    np.testing.assert_allclose(found[: size // 2], expected[: size // 2], atol=0.015)
    np.testing.assert_allclose(np.mean(found), np.mean(expected), rtol=0.01)


def test_lyapunov_refuses_impossible_requests():
    cell, params = linear()
    for options in ({"num_exponents": 5}, {"num_exponents": 0}, {"discard": 10}):
        with pytest.raises(ValueError, match="must lie in"):
            lyapunov_spectrum(cell, params, jnp.zeros((10, 1)), **options)


def test_regularizer_is_zero_where_norms_are_kept():
    cell = elman(1, 8, activation="identity", recurrent_init=orthogonal(), **F64)
    params = cell.init(jax.random.key(0))
    xs = random_array((T, B, 1), 1)
    for options in ({}, {"squared": False}, {"exact": True}):
        regularizer = functools.partial(flow_regularizer, cell, loss=lambda run: run.final_state.sum(), **options)
        omega = jax.jit(regularizer)(params, xs)
        np.testing.assert_allclose(omega, 0, atol=1e-20)


@pytest.mark.parametrize("squared", [True, False])
def test_regularizer_equals_its_definition_and_the_immediate_gradient(squared):
    """For tanh and a loss at the end: both the value and, holding states and dL/dh constant, the gradient to W by hand."""
    cell = elman(3, N, **F64)
    params, xs = perturbed(cell.init(jax.random.key(0)), 1), random_array((T, 3), 2)
    probe = random_array((N,), 3)
    _, hs = unroll(cell, params, xs)
    before = jnp.concatenate([jnp.zeros((1, N)), hs[:-1]])

    def by_hand(kernel):
        dh, total = probe, 0.0
        for t in range(T - 1, -1, -1):
            h_t = jnp.tanh(xs[t] @ params.input_kernel + jax.lax.stop_gradient(before[t]) @ kernel + params.bias)
            moved = (dh * (1 - h_t**2)) @ kernel.T
            ratio = jnp.sum(moved**2) / jnp.sum(dh**2)
            total += ((ratio if squared else jnp.sqrt(ratio)) - 1) ** 2
            dh = jax.lax.stop_gradient(moved)
        return total / T

    def omega(kernel, exact=False):
        loss = lambda run: run.final_state @ probe  # noqa: E731
        return flow_regularizer(cell, params._replace(recurrent_kernel=kernel), xs, loss, squared=squared, exact=exact)

    value, gradient = jax.jit(jax.value_and_grad(omega))(params.recurrent_kernel)
    expected, expected_gradient = jax.jit(jax.value_and_grad(by_hand))(params.recurrent_kernel)
    np.testing.assert_allclose(value, expected, rtol=1e-10)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-8)
    exact = jax.jit(jax.grad(functools.partial(omega, exact=True)))(params.recurrent_kernel)
    direction = random_array((N, N), 9)
    ends = [jax.jit(omega)(params.recurrent_kernel + sign * 1e-6 * direction) for sign in (1, -1)]
    np.testing.assert_allclose(jnp.vdot(exact, direction), (ends[0] - ends[1]) / 2e-6, rtol=1e-5)
    assert relative_error(exact, gradient) > 1e-3


def test_first_nonfinite_step():
    cell, params = linear()
    xs = random_array((T, B, 1), 0).at[3, 1].set(jnp.inf)
    found = first_nonfinite_step(cell, params, xs, lambda run: jnp.sum(run.ys**2))
    np.testing.assert_array_equal(found.forward, [T, 3])
    assert found.backward[0] == -1
    assert found.backward[1] >= 3


def test_the_explanation_names_the_layer_where_it_starts():
    cell = stack(elman(1, 2, activation="identity", **F64), lstm(2, 2, **F64))
    params, xs = cell.init(jax.random.key(0)), random_array((T, B, 1), 0)
    loss = lambda run: jnp.sum(run.ys**2)  # noqa: E731
    explain = lambda params, xs, loss=loss: explain_nonfinite(cell, params, xs, loss)  # noqa: E731
    assert explain(params, xs.at[3, 1].set(jnp.inf)).startswith("forward, the state[0] is not finite from step t = 3 on")
    above = params[1]._replace(bias=params[1].bias.at[0].set(jnp.nan))  # the input gate of the upper layer
    assert f"the state[1].c is not finite from step t = 0 on (0-based), in {B} of {B} rows" in explain((params[0], above), xs)
    sharp = lambda run: jnp.sum(jnp.sqrt(run.states[1].h[2] - jax.lax.stop_gradient(run.states[1].h[2])))  # noqa: E731
    assert "on the way back, dL/ds_t of the state[1].h is not finite from t = 3 down" in explain(params, xs, sharp)
    assert explain(params, xs).startswith("every state, output and gradient to a state is finite")


def test_truncation_bias_vanishes_with_the_window():
    cell, params, xs, state = nonlinear()
    loss = lambda final, ys: jnp.sum(ys**2) + jnp.sum(final.c)  # noqa: E731
    bias = functools.partial(truncation_bias, cell, loss=loss)
    found = [jax.jit(functools.partial(bias, window=w))(params, xs, state=state) for w in (1, 3, T)]
    assert found[0].relative_error > found[1].relative_error > found[2].relative_error == 0
    np.testing.assert_allclose(found[2].cosine, 1, rtol=1e-12)


def test_describe_reports_every_gate():
    cell = lstm(3, 8)
    reports = describe(cell.init(jax.random.key(0)))
    assert [r.block for r in reports] == [0, 1, 2, 3]
    for report in reports:
        np.testing.assert_allclose([report.spectral_radius, report.sigma_max, report.sigma_min], 1, rtol=1e-5)
        assert "recurrent_kernel" in str(report)


def _run_of(cell, params, xs, state, lengths):
    from recurrent.flow import Run
    from recurrent.wrappers import emit_both

    final, (ys, states) = unroll(emit_both(cell), params, xs, state, lengths=lengths)
    return Run(final, states, ys)
