"""Every function of gradient flow under masks, resets, both directions, NaN in the padding, counters, no steps, extremes."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, random_array, relative_error
from jax import Array

from recurrent import Cell, elman, gradient_decay, lstm, unroll
from recurrent.cells import LSTMState
from recurrent.flow import (
    Run,
    explain_nonfinite,
    first_nonfinite_step,
    flow_regularizer,
    path_shares,
    state_gradients,
    step_jacobians,
    temporal_contributions,
    transport,
    truncation_bias,
)
from recurrent.wrappers import emit_both, zoneout

T, B, D, H = 6, 2, 3, 4


class Counted(NamedTuple):
    clock: Array
    c: Array
    h: Array


def counting_lstm():
    """An LSTM of a user, whose state counts its steps in its first leaf, and which has a field c."""
    inner = lstm(D, H, param_dtype=jnp.float64)

    def step(params, state, x_t):
        new, y_t = inner.step(params, LSTMState(*state[1:]), x_t)
        return Counted(state.clock + 1, *new), y_t

    return Cell(inner.init, lambda p, b=(): Counted(jnp.zeros(b, jnp.int32), *inner.initial_state(p, b)), step)


CELLS = {"lstm": lstm(D, H, param_dtype=jnp.float64), "counting": counting_lstm()}


def read(run):
    leaves = [leaf for leaf in jax.tree.leaves((run.states, run.ys)) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    weights = [random_array(leaf.shape, 40 + k) for k, leaf in enumerate(leaves)]
    return sum(jnp.vdot(w, jnp.sin(leaf)) for w, leaf in zip(weights, leaves, strict=True))


def last(state):
    return jnp.sum(jnp.sin(state.h) * random_array(state.h.shape, 50)) + jnp.sum(state.c**2)


FUNCTIONS = {
    "gradient_decay": functools.partial(gradient_decay, loss=last),
    "path_shares": functools.partial(path_shares, loss=last),
    "state_gradients": functools.partial(state_gradients, loss=read),
    "by step": functools.partial(temporal_contributions, loss=read),
    "by lag": functools.partial(temporal_contributions, loss=read, by="lag"),
    "flow_regularizer": functools.partial(flow_regularizer, loss=read),
    "exact flow_regularizer": functools.partial(flow_regularizer, loss=read, exact=True),
    "step_jacobians": step_jacobians,
    "transport": transport,
    "first_nonfinite_step": functools.partial(first_nonfinite_step, loss=read),
    "truncation_bias": functools.partial(truncation_bias, loss=lambda s, ys: jnp.sum(jnp.sin(ys)) + last(s), window=2),
}
LIKE_ANOTHER = {"by step", "exact flow_regularizer", "step_jacobians"}


def entry(name, *marks):
    """One worker tests one function, so that what is compiled for one test serves the others."""
    return pytest.param(name, marks=[pytest.mark.xdist_group(name), *marks])


every_function = pytest.mark.parametrize("function", list(map(entry, FUNCTIONS)))
functions_apart = pytest.mark.parametrize(
    "function", [entry(name, *[pytest.mark.slow] * (name in LIKE_ANOTHER)) for name in FUNCTIONS]
)
"""One of each two that differ in an option, or of which one is made of the other; all with `-m slow`."""


@functools.cache
def setting(cell, num_steps=T):
    cell = CELLS[cell]
    params = perturbed(cell.init(jax.random.key(0)), 1)
    rng = np.random.default_rng(4)
    flags = {n: jnp.asarray(rng.random((num_steps, B)) < p) for n, p in (("mask", 0.7), ("resets", 0.2))}
    return cell, params, random_array((num_steps, B, D), 3), perturbed(cell.initial_state(params, (B,)), 2), flags


@functools.cache
def compiled(function, cell, reverse=False):
    return jax.jit(functools.partial(FUNCTIONS[function], CELLS[cell], reverse=reverse))


def same(found, expected):
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@every_function
def test_nan_in_masked_inputs_changes_nothing(function):
    _, params, xs, state, flags = setting("lstm")
    poisoned = jnp.where(flags["mask"][..., None], xs, jnp.nan)
    run = compiled(function, "lstm")
    same(run(params, poisoned, state=state, **flags), run(params, xs, state=state, **flags))


@functions_apart
def test_a_counter_in_the_state_changes_nothing(function):
    _, params, xs, state, flags = setting("lstm")
    counted = Counted(jnp.zeros(B, jnp.int32), *state)
    found = compiled(function, "counting")(params, xs, state=counted, **flags)
    expected = compiled(function, "lstm")(params, xs, state=state, **flags)
    if function == "state_gradients":
        assert not np.any(found.clock)
        found = found[1:]
    if function == "gradient_decay":
        found = found._replace(leaves=found.leaves[1:])
    same(found, expected)


@functions_apart
def test_reverse_is_the_run_over_flipped_inputs(function):
    _, params, xs, state, flags = setting("lstm")
    found = compiled(function, "lstm", reverse=True)(params, xs, state=state, **flags)
    flip = lambda tree: jax.tree.map(lambda leaf: leaf[::-1], tree)  # noqa: E731
    reads_time = lambda run: read(run._replace(states=flip(run.states), ys=flip(run.ys)))  # noqa: E731
    forward = compiled(function, "lstm")
    if getattr(FUNCTIONS[function], "keywords", {}).get("loss") is read:
        forward = jax.jit(functools.partial(FUNCTIONS[function], CELLS["lstm"], loss=reads_time))
    same(found, forward(params, flip(xs), state=state, **flip(flags)))


@pytest.mark.slow  # what no steps give is in test_no_steps
@pytest.mark.parametrize("num_steps", [0, 1])
@every_function
def test_no_step_and_one_step(function, num_steps):
    _, params, xs, state, flags = setting("lstm", num_steps)
    found = compiled(function, "lstm")(params, xs, state=state, **flags)
    leading = {"gradient_decay": num_steps + 1, "path_shares": num_steps + 1, "state_gradients": num_steps + 1}
    leading |= {"by step": num_steps, "by lag": num_steps, "step_jacobians": num_steps, "transport": num_steps + 1}
    if function in leading:
        assert all(leaf.shape[0] == leading[function] for leaf in jax.tree.leaves(found))
    else:
        assert not any(np.any(np.isnan(leaf)) for leaf in jax.tree.leaves(found) if leaf.dtype.kind == "f") or (
            function == "truncation_bias" and num_steps == 0
        )


def test_contributions_add_up_in_both_directions_under_all_flags():
    cell, params, xs, state, flags = setting("lstm")
    for reverse in (False, True):

        def loss(params, reverse=reverse):
            final, (ys, states) = unroll(emit_both(cell), params, xs, state, reverse=reverse, **flags)
            return read(Run(final, states, ys))

        expected = jax.jit(jax.grad(loss))(params)
        for by in ("by step", "by lag"):
            parts = compiled(by, "lstm", reverse)(params, xs, state=state, **flags)
            assert relative_error(jax.tree.map(lambda p: p.sum(0), parts), expected) < 1e-10


def linear(factor, dtype=jnp.float32):
    cell = elman(1, 1, activation="identity", param_dtype=dtype)
    params = cell.init(jax.random.key(0))
    return cell, params._replace(recurrent_kernel=jnp.full((1, 1), factor, dtype), input_kernel=jnp.ones((1, 1), dtype))


@pytest.mark.parametrize("factor", [1e-3, 8.0])
def test_gradients_beyond_float32(factor):
    """dL/dh_t = w^(T-t): 1e-180 and 1e+54 after 60 steps, and Ω = (w² - 1)² of every step that counts."""
    cell, params = linear(factor)
    xs, steps = jnp.zeros((60, 1, 1), jnp.float32), np.arange(60, -1, -1)
    decay = jax.jit(functools.partial(gradient_decay, cell, loss=lambda s: s.sum()))(params, xs)
    np.testing.assert_allclose(decay.total[:, 0], steps * np.log10(factor), rtol=1e-5)
    omega = jax.value_and_grad(functools.partial(flow_regularizer, cell, xs=xs, loss=lambda run: run.final_state.sum()))
    value, slope = jax.jit(omega)(params)
    np.testing.assert_allclose(value, (factor**2 - 1) ** 2, rtol=1e-4)
    np.testing.assert_allclose(slope.recurrent_kernel[0, 0], 4 * factor * (factor**2 - 1), rtol=1e-3)
    moved = jax.jit(functools.partial(transport, cell))(params, xs)
    np.testing.assert_allclose(moved.log10_norm[:, 0], steps * np.log10(factor), rtol=1e-5)


def test_the_first_nonfinite_step_in_both_directions():
    cell, params = linear(1.0)
    xs = jnp.zeros((7, 2, 1), jnp.float32).at[4, 1].set(jnp.inf)
    loss = lambda run: jnp.sum(run.ys)  # noqa: E731
    for reverse, expected in ((False, [7, 4]), (True, [7, 2])):
        find = jax.jit(functools.partial(first_nonfinite_step, cell, loss=loss, reverse=reverse))
        np.testing.assert_array_equal(find(params, xs).forward, expected)
    assert "t = 2" in explain_nonfinite(cell, params, xs, loss, reverse=True)


def test_path_shares_look_into_a_wrapped_state():
    inner = CELLS["lstm"]
    _, params, xs, state, _ = setting("lstm")
    shares = functools.partial(path_shares, zoneout(inner, 0.0, key=None), loss=lambda s: last(s.cell))
    found = jax.jit(shares)(params, xs)
    same(found, compiled("path_shares", "lstm")(params, xs))
    with pytest.raises(ValueError, match=r"one of \['c', 'cell', 'h'\]; got 'gates'"):
        shares(params, xs, through="gates")


def test_the_bias_of_a_gradient_of_zero():
    cell, params, xs, _, _ = setting("lstm")
    found = truncation_bias(cell, params, xs, lambda s, ys: jnp.zeros(()), window=2)
    assert found.relative_error == 0
    assert np.isnan(found.cosine)
