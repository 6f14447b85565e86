"""Gradient flow through a run of no steps: the final state is the initial one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, random_array, relative_error

from recurrent import backpropagate, check_gradients, describe, dropout, gradient_decay, lstm, stack
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
)

B, D, H = 2, 3, 4
PLAIN = lstm(D, H, param_dtype=jnp.float64)
CELLS = {
    "lstm": PLAIN,
    "stack": stack(PLAIN, lstm(H, H, param_dtype=jnp.float64)),
    "dropout": dropout(PLAIN, 0.3, key=jax.random.key(5)),
    "dropout in a stack": stack(dropout(PLAIN, 0.3, key=jax.random.key(5)), lstm(H, H, param_dtype=jnp.float64)),
}
parts = ("lstm", "stack", "dropout")
every_cell = pytest.mark.parametrize(
    "name", ["dropout in a stack", *(pytest.param(name, marks=pytest.mark.slow) for name in parts)]
)
FLAGS = {"mask": jnp.zeros((0, B), bool), "resets": jnp.zeros((0, B), bool)}


def setting(name):
    cell = CELLS[name]
    params = perturbed(cell.init(jax.random.key(0)), 1)
    return cell, params, jnp.zeros((0, B, D)), perturbed(cell.initial_state(params, (B,)), 2)


def floats(tree):
    return [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]


def loss(state):
    return sum(jnp.vdot(jnp.sin(leaf), random_array(leaf.shape, 7 + i)) for i, leaf in enumerate(floats(state)))


def at_the_end(run):
    return loss(run.final_state)


def compiled(function, name, **options):
    """A function of gradient flow, as a function of params, xs and the state."""
    return jax.jit(lambda p, xs, state: function(CELLS[name], p, xs, state=state, **options))


@every_cell
def test_the_only_norm_is_that_of_the_loss_itself(name):
    cell, params, xs, state = setting(name)
    gradient = floats(jax.grad(loss, allow_int=True)(state))
    expected = np.log10(np.sqrt(sum(np.sum(np.asarray(leaf) ** 2, axis=-1) for leaf in gradient)))
    for flags in ({}, FLAGS):
        found = compiled(gradient_decay, name, loss=loss, **flags)(params, xs, state).total
        np.testing.assert_allclose(found, expected[None], rtol=1e-10)
    shares = compiled(path_shares, name, loss=loss)(params, xs, state)
    own = [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(state) if jax.tree_util.keystr(path).endswith(".c")]
    assert len(own) == name.count("stack") + 1
    assert shares.direct.shape == shares.share.shape == (1, B)
    np.testing.assert_array_equal(shares.share, 1)  # nothing has left any path yet
    np.testing.assert_allclose(shares.direct, expected[None], rtol=1e-10)
    assert np.all(shares.other == -np.inf)


@every_cell
def test_the_only_state_gradient_is_that_of_the_loss(name):
    cell, params, xs, state = setting(name)
    found = compiled(state_gradients, name, loss=at_the_end, **FLAGS)(params, xs, state)
    expected = jax.grad(loss, allow_int=True)(state)
    for a, b in zip(floats(found), floats(expected), strict=True):
        np.testing.assert_allclose(a, b[None], rtol=1e-12)


@every_cell
@pytest.mark.parametrize("by", ["step", "lag"])
def test_nothing_contributes(name, by):
    _, params, xs, state = setting(name)
    found = compiled(temporal_contributions, name, loss=at_the_end, by=by, **FLAGS)(params, xs, state)
    assert jax.tree.map(jnp.shape, found) == jax.tree.map(lambda p: (0, *p.shape), params)


@every_cell
def test_the_product_of_no_jacobians_is_the_identity(name):
    _, params, xs, state = setting(name)
    size = sum(leaf[0].size for leaf in floats(state))
    assert compiled(step_jacobians, name)(params, xs, state).shape == (0, B, size, size)
    moved = compiled(transport, name)(params, xs, state)
    np.testing.assert_allclose(moved.log10_singular_values, np.zeros((1, B, size)), atol=1e-12)


@every_cell
@pytest.mark.parametrize("exact", [False, True])
def test_nothing_is_regularised(name, exact):
    cell, params, xs, state = setting(name)
    regularizer = lambda p: flow_regularizer(cell, p, xs, at_the_end, state, exact=exact, **FLAGS)  # noqa: E731
    value, gradient = jax.jit(jax.value_and_grad(regularizer))(params)
    assert value == 0
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradient))


@every_cell
def test_nothing_is_truncated(name):
    _, params, xs, state = setting(name)
    found = compiled(truncation_bias, name, loss=lambda state, ys: loss(state), window=2)(params, xs, state)
    assert found.relative_error == 0


@every_cell
def test_the_first_nonfinite_state_is_the_one_given(name):
    cell, params, xs, state = setting(name)
    found = compiled(first_nonfinite_step, name, loss=at_the_end)(params, xs, state)
    np.testing.assert_array_equal(found.forward, [0, 0])  # T: none
    np.testing.assert_array_equal(found.backward, [-1, -1])
    assert "finite: look at the loss" in explain_nonfinite(cell, params, xs, at_the_end, state)


def test_a_loss_that_is_not_finite_is_found_without_any_step():
    cell, params, xs, state = setting("lstm")
    broken = lambda run: jnp.sum(jnp.log(run.final_state.c - run.final_state.c))  # noqa: E731
    found = compiled(first_nonfinite_step, "lstm", loss=broken)(params, xs, state)
    np.testing.assert_array_equal(found.backward, [0, 0])
    assert "t = 0" in explain_nonfinite(cell, params, xs, broken, state)


@every_cell
@pytest.mark.parametrize("trace", [False, True])
def test_backpropagation_hands_the_gradient_of_the_final_state_on(name, trace):
    cell, params, xs, state = setting(name)
    dfinal = jax.tree.map(lambda leaf: leaf if leaf.dtype.kind == "u" else 2 * leaf, state)
    found = backpropagate(cell, params, xs, jnp.zeros((0, B, H)), state, dfinal_state=dfinal, trace=trace, **FLAGS)
    assert relative_error(floats(found.state), floats(dfinal)) == 0
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(found.params))
    assert found.xs.shape == (0, B, D)
    if trace:
        leaves = jax.tree.leaves(found.trace)
        assert len(leaves) > len(jax.tree.leaves(state))
        assert all(leaf.shape[:2] == (0, B) for leaf in leaves)
    assert check_gradients(cell, params, xs, state).passed


def test_rates_and_exponents_ask_for_steps():
    cell, params, xs, state = setting("lstm")
    with pytest.raises(ValueError, match="at least (two|2|one|1)"):
        decay_rate(gradient_decay(cell, params, xs, loss, state).total)
    with pytest.raises(ValueError, match="at least (one|1) step"):
        lyapunov_spectrum(cell, params, xs, state)


def test_kernels_without_entries_have_no_blocks():
    shapes = {"none": (0, 0), "no rows": (0, 4), "no columns": (4, 0)}
    kernels = {name: jnp.zeros(shape, jnp.float32) for name, shape in shapes.items()}
    (report,) = describe({**kernels, "kernel": jnp.eye(2, dtype=jnp.float32)})
    assert "kernel" in report.name


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32, jnp.float64])
def test_kernels_of_any_precision_are_described(dtype):
    reports = describe({"kernel": jnp.asarray([[0.5, 0.0, 0.0, -3.0], [0.25, 0.5, 3.0, 0.0]], dtype)})
    np.testing.assert_allclose([report.spectral_radius for report in reports], [0.5, 3.0], rtol=1e-4)
