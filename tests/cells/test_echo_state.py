"""Reservoirs: their spectral radius against eigenvalues, the leaky cell, the closed loop, and the diagonal form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn, random_array, relative_error

from recurrent import unroll, unroll_parallel
from recurrent.cells import LeakyParams, diagonalized, echo_state, elman, leaky, lru
from recurrent.initializers import delay_line, gaussian, orthogonal, signs, sparse, uniform, with_spectral_radius
from recurrent.wrappers import ClosedLoopState, closed_loop, emit_with_input

T, B, D, H = 9, 3, 2, 5
F64 = {"param_dtype": jnp.float64}
XS = random_array((T, B, D), 2)
KEY = jax.random.key(0)


def jordan_block(key, shape, dtype):
    """A defective matrix: 0.7 on the diagonal, 1 above it."""
    del key
    return 0.7 * jnp.eye(*shape, dtype=dtype) + jnp.eye(*shape, k=1, dtype=dtype)


@pytest.mark.parametrize("base", [gaussian(), sparse(0.1), sparse(0.2, signs(0.4)), orthogonal(), uniform(2.0)], ids=str)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_the_spectral_radius_is_the_largest_modulus_of_an_eigenvalue(base, dtype):
    kernel = echo_state(D, 60, spectral_radius=0.8, recurrent_init=base, param_dtype=dtype).init(KEY).recurrent_kernel
    found = np.abs(np.linalg.eigvals(np.asarray(kernel, np.float64))).max()
    np.testing.assert_allclose(found, 0.8, rtol=1e-4 if dtype == jnp.float32 else 1e-9)


def test_the_spectral_radius_of_a_defective_matrix_is_set_too():
    """Of a triangular matrix the eigenvalues stand on the diagonal."""
    kernel = echo_state(D, 30, spectral_radius=0.8, recurrent_init=jordan_block, **F64).init(KEY).recurrent_kernel
    np.testing.assert_allclose(np.diag(kernel), 0.8, rtol=1e-9)


def test_a_delay_line_is_left_as_it_is_drawn_and_cannot_be_scaled():
    kernel = echo_state(D, 4, spectral_radius=None, recurrent_init=delay_line(0.5), **F64).init(KEY).recurrent_kernel
    np.testing.assert_array_equal(kernel, 0.5 * np.eye(4, k=1))
    with pytest.raises(ValueError, match="nilpotent"):
        echo_state(D, 4, recurrent_init=delay_line(0.5)).init(KEY)


def test_entries_are_kept_with_the_density_and_otherwise_as_drawn():
    kept = np.asarray(sparse(0.3, signs(0.5))(KEY, (200, 200), jnp.float64))
    assert set(np.unique(kept)) == {-0.5, 0.0, 0.5}
    np.testing.assert_allclose([(kept != 0).mean(), (kept > 0).mean()], [0.3, 0.15], atol=0.01)  # standard errors below 0.0023
    drawn_all = np.asarray(uniform(2.0)(KEY, (200, 200), jnp.float64))
    np.testing.assert_allclose([drawn_all.min(), drawn_all.max(), drawn_all.var()], [-2, 2, 4 / 3], atol=0.02)


def test_every_feature_is_scaled_by_its_own_factor_and_the_step_is_that_of_leaky():
    options = {"leak": 0.3, "kernel_init": signs(), "bias_init": uniform(0.2), **F64}
    cell = echo_state(D, H, input_scaling=(0.5, 2.0), **options)
    np.testing.assert_array_equal(np.abs(cell.init(KEY).input_kernel), [[0.5] * H, [2.0] * H])
    params, state = drawn(cell)
    assert isinstance(params, LeakyParams)
    found, expected = (jax.jit(lambda c=c: unroll(c, params, XS, state))() for c in (cell, leaky(D, H, leak=0.3, **F64)))
    assert relative_error(found, expected) == 0
    assert str(cell).startswith("echo_state(2, 5, leak=0.3, input_scaling=(0.5, 2.0)")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spectral_radius": -0.1}, "spectral radius must be at least 0 and finite; got -0.1"),
        ({"spectral_radius": float("nan")}, "spectral radius must be"),
        ({"input_scaling": (1.0, 2.0, 3.0)}, r"one for each of 2 features; got shape \(3,\)"),
        ({"input_scaling": float("nan")}, "scaling must be at least 0 and finite; got nan"),
        ({"input_scaling": -1.0}, "scaling must be at least 0"),
        ({"leak": 0.0}, r"leak must lie in \(0, 1\]"),
        ({"leak": float("nan")}, r"leak must lie in \(0, 1\]"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        echo_state(D, H, **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sparse(0.0), "density is the share"),
        (lambda: sparse(float("nan")), "density is the share"),
        (lambda: uniform(-1.0), "bound must be at least 0 and finite; got -1.0"),
        (lambda: signs(float("inf")), "magnitude must be"),
        (lambda: delay_line(float("nan")), "weight must be"),
        (lambda: with_spectral_radius(float("inf")), "spectral radius must be"),
    ],
)
def test_bad_initialisers_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_closed_loop_reads_what_it_said():
    cell = closed_loop(elman(D + 1, H, **F64), H, 1, **F64)
    params, (h, y) = drawn(cell)
    (u, w, b), (v, c) = (list(map(np.asarray, part)) for part in params)
    final, ys = jax.jit(lambda *a: unroll(cell, *a))(params, XS, ClosedLoopState(h, y))
    for t in range(T):
        h = np.tanh(np.concatenate([XS[t], y], axis=-1) @ u + np.asarray(h) @ w + b)
        y = h @ v + c
        np.testing.assert_allclose(ys[t], y, atol=1e-12)
    assert relative_error(final, ClosedLoopState(jnp.asarray(h), jnp.asarray(y))) < 1e-12


def test_teacher_forcing_with_its_own_words_is_the_closed_loop_and_it_goes_on_from_there():
    inner = echo_state(1, H, bias_init=uniform(0.2), **F64)
    cell = closed_loop(inner, H, 1, **F64)
    params, _ = drawn(cell)
    empty = jnp.zeros((T, B, 0))
    start = cell.initial_state(params, (B,))
    final, ys = jax.jit(lambda: unroll(cell, params, empty, start))()
    forced, hs = unroll(inner, params.cell, jnp.concatenate([start.y_tm1[None], ys[:4]]))
    said = np.asarray(hs) @ np.asarray(params.readout.kernel) + np.asarray(params.readout.bias)
    np.testing.assert_allclose(said, ys[:5], atol=1e-12)
    rest, _ = unroll(cell, params, empty[5:], ClosedLoopState(forced, ys[4]))
    assert relative_error(rest, final) < 1e-12


def test_a_closed_loop_needs_the_features_it_was_made_for():
    cell = closed_loop(elman(D + 1, H, **F64), H + 1, 1, **F64)
    with pytest.raises(ValueError, match="hidden_size is 6, but the cell emits 5 features"):
        unroll(cell, cell.init(KEY), XS)
    with pytest.raises(ValueError, match="output_size must be a positive integer; got 0"):
        closed_loop(elman(D, H), H, 0)


def test_the_input_stands_before_the_output():
    cell = echo_state(D, H, **F64)
    params = cell.init(KEY)
    both, alone = (unroll(c, params, XS)[1] for c in (emit_with_input(cell), cell))
    np.testing.assert_array_equal(both, jnp.concatenate([XS, alone], axis=-1))


@pytest.mark.parametrize("size", [5, 20])  # of an odd number of eigenvalues at least one is real
def test_the_diagonal_form_of_a_linear_reservoir_has_its_states_in_parallel(size):
    dense = echo_state(D, size, activation="identity", **F64)
    params = dense.init(KEY)
    diagonal = lru(D, size, output_size=size, skip="dense", **F64)
    _, expected = jax.jit(lambda: unroll(dense, params, XS))()
    found = jax.jit(lambda p: unroll_parallel(diagonal, p, XS))(diagonalized(params))
    np.testing.assert_allclose(found[1], expected, atol=1e-12)
    eigenvalues = np.linalg.eigvals(np.asarray(params.recurrent_kernel))
    assert (np.abs(eigenvalues.imag) < 1e-12).any()


def test_a_singular_reservoir_has_a_diagonal_form_too():
    kernel = np.diag([0.0, 0.5, -0.3])
    params = LeakyParams(jnp.ones((1, 3)), jnp.asarray(kernel), jnp.zeros(3), None)
    diagonal = lru(1, 3, output_size=3, skip="dense", **F64)
    _, ys = unroll(diagonal, diagonalized(params), jnp.eye(4, 1)[:, None])
    np.testing.assert_allclose(ys[:, 0], [np.diag(np.linalg.matrix_power(kernel, t)) for t in range(4)], atol=1e-15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias": jnp.ones(4)}, "the bias must be 0"),
        ({"leak_logit": jnp.ones(4)}, "the leak fixed"),
        ({"recurrent_kernel": 1.1 * jnp.eye(4)}, "a modulus below 1; got one of 1.1"),
        ({"recurrent_kernel": jnp.full((4, 4), jnp.nan)}, "infs or NaNs"),
        ({"recurrent_kernel": 0.5 * jnp.eye(4, k=1)}, "W is defective"),
    ],
)
def test_what_has_no_diagonal_form_is_refused(change, message):
    params = LeakyParams(jnp.ones((1, 4)), 0.5 * jnp.eye(4), jnp.zeros(4), None)
    with pytest.raises(ValueError, match=message):
        diagonalized(params._replace(**change))
