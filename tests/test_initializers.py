"""Initialisers: what they promise about spectra, per gate and fused, and padding helpers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import equations

from recurrent import describe, elman, gru, learned_state, lstm
from recurrent.initializers import (
    flax_like,
    gaussian,
    identity,
    irnn,
    keras_like,
    normal,
    orthogonal,
    torch_like,
    with_spectral_radius,
    zeros,
)

H = 128


def radii(cell, seed=0):
    params = cell.init(jax.random.key(seed))
    return np.array([r.spectral_radius for r in describe(params) if "recurrent" in r.name])


@pytest.mark.parametrize(
    ("cell", "expected", "tolerance"),
    [
        (elman(3, H), 1.0, 1e-4),
        (lstm(3, H), 1.0, 1e-4),
        (gru(3, H), 1.0, 1e-4),
        (elman(3, H, **torch_like("elman")), 0.6, 0.06),
        (lstm(3, H, **torch_like("lstm")), 0.6, 0.06),
        (lstm(3, H, **flax_like("lstm")), 1.0, 1e-4),
        (elman(3, H, **keras_like("elman")), 1.0, 1e-4),
        (lstm(3, H, **keras_like("lstm")), 0.5, 0.06),
        (gru(3, H, **keras_like("gru")), 0.6, 0.06),
        (elman(3, H, **irnn()), 1.0, 1e-6),
        (elman(3, H, recurrent_init=gaussian(0.7)), 0.7, 0.1),
        (elman(3, H, recurrent_init=orthogonal(1.3)), 1.3, 1e-3),
        (lstm(3, H, recurrent_init=with_spectral_radius(0.9)), 0.9, 1e-4),
        (elman(3, H, recurrent_init=with_spectral_radius(1.2, orthogonal())), 1.2, 1e-4),
        (elman(3, H, recurrent_init=identity(0.5)), 0.5, 1e-6),
        (elman(3, H, recurrent_init=normal(0.05)), 0.05 * H**0.5, 0.08),
    ],
)
def test_spectral_radius_of_every_block(cell, expected, tolerance):
    np.testing.assert_allclose(radii(cell), expected, atol=tolerance)


def test_orthogonal_is_that_of_jax_but_never_a_batched_qr():
    """Several batched decompositions in one program can wait for each other's threads forever."""
    keys, draw = jax.random.split(jax.random.key(0), 3), orthogonal(1.3)
    for shape in ((4, 4), (6, 2), (2, 6)):
        expected = jax.vmap(lambda key, shape=shape: jax.nn.initializers.orthogonal(1.3)(key, shape, jnp.float64))(keys)
        np.testing.assert_array_equal(jax.vmap(lambda key, shape=shape: draw(key, shape, jnp.float64))(keys), expected)
    jaxpr = jax.make_jaxpr(jax.vmap(lstm(3, 4).init))(keys).jaxpr
    found = [equation.invars[0] for equation in equations(jaxpr) if equation.primitive.name == "qr"]
    assert len(found) == 4
    assert all(operand.aval.ndim == 2 for operand in found)


def test_gates_are_drawn_independently():
    params = lstm(3, 8).init(jax.random.key(0))
    blocks = np.split(np.asarray(params.recurrent_kernel), 4, axis=1)
    assert all(np.abs(a - b).max() > 0.1 for i, a in enumerate(blocks) for b in blocks[:i])


def test_forget_bias_is_explicit():
    bias = np.asarray(lstm(3, 4).init(jax.random.key(0)).bias)
    np.testing.assert_array_equal(bias, [0] * 4 + [1] * 4 + [0] * 8)
    bias = np.asarray(lstm(3, 4, forget_bias=-2.5).init(jax.random.key(0)).bias)
    np.testing.assert_array_equal(bias[4:8], -2.5)
    np.testing.assert_array_equal(lstm(3, 4, **keras_like("lstm")).init(jax.random.key(0)).bias[4:8], 1)


def test_torch_bounds_and_two_biases():
    params = lstm(3, H, **torch_like("lstm")).init(jax.random.key(0))
    bound = H**-0.5
    assert np.abs(params.recurrent_kernel).max() <= bound
    assert bound < np.abs(params.bias).max() <= 2 * bound
    np.testing.assert_allclose(np.std(params.bias), bound * (2 / 3) ** 0.5, rtol=0.1)


def test_irnn_is_an_identity_at_first():
    params = elman(1, 10, **irnn()).init(jax.random.key(0))
    np.testing.assert_array_equal(params.recurrent_kernel, np.eye(10))
    assert np.std(params.input_kernel) < 0.003


def test_learned_state_starts_at_the_cells_own_plus_noise():
    assert not np.any(learned_state(gru(3, 4)).init(jax.random.key(0)).state)
    assert np.any(learned_state(gru(3, 4), scale=1.0).init(jax.random.key(0)).state)


def test_bad_initialisers_are_refused():
    with pytest.raises(ValueError, match="at least 0 and finite; got -"):
        with_spectral_radius(-1.0)
    with pytest.raises(ValueError, match="square"):
        with_spectral_radius(1.0)(jax.random.key(0), (3, 4))
    with pytest.raises(ValueError, match="preset"):
        torch_like("rnn")


def test_torch_like_biases_of_the_gru_have_torchs_variances():
    """Var U(±k) = k²/3 with k = 1/√h; r and z add two of them, b_n and b_hn stand alone."""
    hidden = 1500
    options = torch_like("gru") | {"recurrent_init": zeros}
    params = gru(1, hidden, reset="after", **options).init(jax.random.key(3))
    one = 1 / (3 * hidden)
    variances = [float(np.var(b)) for b in (*np.split(np.asarray(params.bias), 3), params.recurrent_bias)]
    np.testing.assert_allclose(variances, [2 * one, 2 * one, one, one], rtol=0.15)
    assert np.max(np.abs(params.recurrent_bias)) <= hidden**-0.5
