"""The driver's semantics as properties, and every mistake it refuses."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, random_array, relative_error
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from jax.extend.core import jaxprs_in_params

from recurrent import (
    Cell,
    check_gradients,
    elman,
    emit_state,
    gru,
    learned_state,
    lengths_to_mask,
    lstm,
    unroll,
    unroll_truncated,
)
from recurrent.cells import gru_adjoint
from recurrent.flow import truncation_bias
from recurrent.wrappers import clip_state_gradients

T, B, D, H = 8, 2, 3, 4
F64 = {"param_dtype": jnp.float64}


@functools.cache
def model():
    cell = gru(D, H, **F64)
    params = perturbed(cell.init(jax.random.key(0)), 1)
    return cell, params, random_array((T, B, D), 2), perturbed(cell.initial_state(params, (B,)), 3)


@functools.cache
def compiled(reverse, checkpoint_every, backprop):
    cell = model()[0]
    options = {"reverse": reverse, "checkpoint_every": checkpoint_every, "backprop": backprop}
    return jax.jit(functools.partial(unroll, cell, **options))


def reference(mask, resets, reverse):
    """A loop over rows and steps in numpy, with the GRU's equations written out."""
    _, params, xs, state = jax.tree.map(np.asarray, (None, *model()[1:]))
    u, w, b = params
    sigmoid = lambda a: 1 / (1 + np.exp(-a))  # noqa: E731
    ys, finals = np.zeros((T, B, H)), np.zeros((B, H))
    for row in range(B):
        h = state[row]
        for t in range(T)[::-1] if reverse else range(T):
            h = np.zeros(H) if resets[t, row] else h
            if mask[t, row]:
                r = sigmoid(xs[t, row] @ u[:, :H] + h @ w[:, :H] + b[:H])
                z = sigmoid(xs[t, row] @ u[:, H : 2 * H] + h @ w[:, H : 2 * H] + b[H : 2 * H])
                n = np.tanh(xs[t, row] @ u[:, 2 * H :] + (r * h) @ w[:, 2 * H :] + b[2 * H :])
                h = (1 - z) * h + z * n
                ys[t, row] = h
        finals[row] = h
    return finals, ys


flag_arrays = arrays(bool, (T, B))


@given(mask=flag_arrays, resets=flag_arrays, reverse=st.booleans(), every=st.sampled_from([None, 1, 3, 100]))
@pytest.mark.parametrize("backprop", ["autodiff", "explicit"])
def test_any_mask_and_resets_equal_a_numpy_loop(backprop, mask, resets, reverse, every):
    _, params, xs, state = model()
    poisoned = jnp.where(mask[..., None], xs, jnp.nan)
    found = compiled(reverse, every, backprop)(params, poisoned, state, mask=jnp.asarray(mask), resets=jnp.asarray(resets))
    assert relative_error(found, reference(mask, resets, reverse)) < 1e-12


@given(lengths=st.lists(st.integers(0, T + 3), min_size=B, max_size=B), cut=st.integers(0, T))
def test_lengths_are_a_mask_and_chunks_make_the_whole(lengths, cut):
    _, params, xs, state = model()
    lengths = jnp.asarray(lengths)
    run = compiled(False, None, "autodiff")
    whole = run(params, xs, state, lengths=lengths)
    mask = np.arange(T)[:, None] < np.asarray(lengths)
    assert relative_error(whole, run(params, xs, state, mask=jnp.asarray(mask))) == 0
    middle, first = run(params, xs[:cut], state, lengths=lengths)
    last, second = run(params, xs[cut:], middle, lengths=jnp.maximum(lengths - cut, 0))
    assert relative_error((last, jnp.concatenate([first, second])), whole) < 1e-13


def test_lengths_to_mask_clips_at_both_ends():
    mask = lengths_to_mask(jnp.array([0, 2, 99, -3]), 3)
    np.testing.assert_array_equal(mask, [[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 1, 0]])


def test_no_steps_at_all():
    cell, params, xs, state = model()
    for backprop in ("autodiff", "explicit"):
        final, ys = unroll(cell, params, xs[:0], state, backprop=backprop)
        np.testing.assert_array_equal(final, state)
        assert ys.shape == (0, B, H)


def test_inputs_may_be_trees_and_batches_of_any_rank():
    inner = elman(D, H, **F64)
    cell = dataclasses.replace(inner, step=lambda p, s, x: inner.step(p, s, x["a"] + x["b"]))
    params = inner.init(jax.random.key(0))
    a, b = random_array((T, 2, 3, D), 1), random_array((T, 2, 3, D), 2)
    _, ys = unroll(cell, params, {"a": a, "b": b}, lengths=jnp.full((2, 3), 5))
    _, expected = unroll(inner, params, a + b, lengths=jnp.full((2, 3), 5))
    assert relative_error(ys, expected) < 1e-14


def test_default_is_transformable():
    cell, params, xs, _ = model()
    run = lambda x: unroll(cell, params, x)[1].sum()  # noqa: E731
    forward, backward = jax.jit(jax.jacfwd(run))(xs), jax.jit(jax.grad(run))(xs)
    assert relative_error(forward, backward) < 1e-12
    assert jax.jit(jax.hessian(lambda s: unroll(cell, params, xs[:, 0], s)[1].sum()))(jnp.ones(H)).shape == (H, H)


def test_gradient_of_a_reset_reaches_a_learned_state():
    cell = learned_state(lstm(D, H, **F64), scale=0.5)
    params, xs = cell.init(jax.random.key(0)), random_array((T, B, D), 2)
    resets = jnp.zeros((T, B), bool).at[5].set(True)
    given_state = jax.tree.map(jnp.ones_like, cell.initial_state(params, (B,)))
    for backprop in ("autodiff", "explicit"):
        loss = lambda p, b=backprop: unroll(cell, p, xs, given_state, resets=resets, backprop=b)[1].sum()  # noqa: E731
        restarted = lambda p: unroll(cell, p, xs[5:])[1].sum()  # noqa: E731
        gradient, expected = (jax.jit(jax.grad(function))(params) for function in (loss, restarted))
        assert relative_error(gradient.state, expected.state) < 1e-12


@pytest.mark.parametrize("backprop", ["autodiff", "explicit"])
@pytest.mark.parametrize("reverse", [False, True])
def test_truncation_equals_stopping_by_hand(backprop, reverse):
    cell, params, xs, state = model()
    loss = lambda final, ys: jnp.sum(jnp.sin(ys)) + jnp.sum(final)  # noqa: E731

    def by_hand(params, state):
        pieces = (xs[5:], xs[2:5], xs[:2]) if reverse else (xs[:3], xs[3:6], xs[6:])
        total = 0.0
        for i, piece in enumerate(pieces):
            state = jax.lax.stop_gradient(state) if i else state
            state, ys = unroll(cell, params, piece, state, reverse=reverse)
            total += jnp.sum(jnp.sin(ys))
        return total + jnp.sum(state)

    truncated = functools.partial(unroll_truncated, cell, window=3, reverse=reverse, backprop=backprop)

    @jax.jit
    @functools.partial(jax.value_and_grad, argnums=(0, 1), has_aux=True)
    def found(params, state):
        outputs = truncated(params, xs, state)
        return loss(*outputs), outputs

    (value, outputs), gradients = found(params, state)
    expected = jax.jit(jax.value_and_grad(by_hand, (0, 1)))(params, state)
    assert relative_error((value, gradients), expected) < 1e-12
    assert relative_error(outputs, unroll(cell, params, xs, state, reverse=reverse)) < 1e-14
    assert truncation_bias(cell, params, xs, loss, state, window=3, reverse=reverse).relative_error > 1e-3


@pytest.mark.parametrize("backprop", ["autodiff", "explicit"])
def test_state_gradients_are_clipped_at_every_step(backprop):
    cell, params, xs, state = model()
    clipped = clip_state_gradients(cell, 0.3)
    loss = lambda c: lambda s, xs: 10 * jnp.sum(jnp.sin(unroll(c, params, xs, s, backprop=backprop)[0]))  # noqa: E731
    clipped_gradient = jax.jit(jax.grad(loss(clipped)))
    gradient = clipped_gradient(state, xs)
    assert np.all(np.linalg.norm(gradient, axis=-1) <= 0.3 + 1e-12)
    one = jax.jit(jax.grad(loss(cell)))(state, xs[:1])
    expected = one * np.minimum(1, 0.3 / np.linalg.norm(one, axis=-1, keepdims=True))
    assert relative_error(clipped_gradient(state, xs[:1]), expected) < 1e-12
    assert relative_error(unroll(clipped, params, xs, state), unroll(cell, params, xs, state)) == 0


def test_the_explicit_pass_saves_the_input_products_from_the_loop():
    """In the compiled explicit gradient no product inside a loop over steps touches the input size."""
    cell = lstm(37, 5)
    params = cell.init(jax.random.key(0))
    gradient = jax.grad(lambda p, xs: unroll(cell, p, xs, backprop="explicit")[1].sum())
    jaxpr = jax.make_jaxpr(gradient)(params, jnp.zeros((6, 2, 37), jnp.float32))

    def products_in_loops(jaxpr, inside):
        for equation in jaxpr.eqns:
            if equation.primitive.name == "dot_general" and inside:
                yield tuple(v.aval.shape for v in equation.invars)
            for inner in jaxprs_in_params(equation.params):
                yield from products_in_loops(inner, inside or equation.primitive.name == "scan")

    shapes = list(products_in_loops(jaxpr.jaxpr, False))
    assert shapes
    assert all(37 not in shape for pair in shapes for shape in pair)


def run_with(**changes):
    cell, params, xs, state = model()
    arguments = {"cell": cell, "params": params, "xs": xs, "state": state, **changes}
    return unroll(arguments.pop("cell"), arguments.pop("params"), arguments.pop("xs"), arguments.pop("state"), **arguments)


BAD = {
    "feature size": ({"xs": jnp.zeros((T, B, D + 1))}, r"3 features.*got shape"),
    "rank": ({"xs": jnp.zeros(T), "state": None}, r"\[T, \*batch, features\].*got \(8,\)"),
    "empty tree": ({"xs": {}}, "no arrays"),
    "ragged tree": ({"xs": {"a": jnp.zeros((T, B, D)), "b": jnp.zeros((T + 1, B, D))}}, "all leaves of xs"),
    "lengths shape": ({"lengths": jnp.array([1, 2, 3])}, r"batch shape \(2,\)"),
    "lengths dtype": ({"lengths": jnp.array([1.0, 2.0])}, "lengths must be integers"),
    "boolean lengths": ({"lengths": jnp.array([True, False])}, "lengths must be integers"),
    "negative lengths": ({"lengths": jnp.array([1, -2])}, "cannot be negative.*-2"),
    "mask and lengths": ({"lengths": jnp.array([1, 2]), "mask": jnp.ones((T, B), bool)}, "either lengths or mask"),
    "mask dtype": ({"mask": jnp.ones((T, B))}, "mask must be boolean"),
    "mask shape": ({"mask": jnp.ones((B, T), bool)}, r"mask must have shape.*\(8, 2\)"),
    "resets shape": ({"resets": jnp.ones((T,), bool)}, "resets must have shape"),
    "backprop": ({"backprop": "exact"}, "backprop must be"),
    "checkpoint": ({"checkpoint_every": 0}, "checkpoint_every.*at least 1"),
    "fractional checkpoint": ({"checkpoint_every": 2.0}, "checkpoint_every"),
    "steps per iteration": ({"steps_per_iteration": 0}, "steps_per_iteration.*at least 1"),
    "state shape": ({"state": jnp.zeros((B + 1, H))}, r"the given state.*shape \(3, 4\)"),
    "state dtype": ({"state": jnp.zeros((B, H), jnp.float32)}, "float32.*expected.*float64"),
    "state structure": ({"state": (jnp.zeros((B, H)),)}, "structure"),
    "other params": (
        {"params": lstm(D, H, **F64).init(jax.random.key(0))},
        "expected params of type GRUParams, got LSTMParams",
    ),
    "params of other sizes": (
        {"params": gru(D, H + 1, **F64).init(jax.random.key(0)), "state": None},
        r"input_kernel must have the shape .* = \(3, 12\); got \(3, 15\)",
    ),
    "dictionary params": ({"params": {"w": jnp.ones(3)}}, "got dict"),
}


@pytest.mark.parametrize("mistake", list(BAD))
def test_mistakes_are_refused(mistake):
    changes, message = BAD[mistake]
    with pytest.raises(ValueError, match=message):
        run_with(**changes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: elman(0, 4), "input_size must be a positive integer; got 0"),
        (lambda: lstm(3, -1), "hidden_size"),
        (lambda: gru(3, 2.5), "hidden_size"),
        (lambda: elman(3, 4, activation="tahn"), "unknown activation 'tahn': choose one of"),
        (lambda: gru(3, 4, reset="never"), 'reset must be "before" or "after"'),
        (lambda: clip_state_gradients(lstm(3, 4), 0.0), "max_norm must be positive"),
        (lambda: unroll_truncated(*model()[:3], window=0), "window.*at least 1"),
    ],
)
def test_bad_options_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_unknown_options_raise():
    with pytest.raises(TypeError):
        lstm(3, 4, forget_bais=1.0)


def test_traced_lengths_have_a_defined_meaning():
    cell, params, xs, state = model()
    final, _ = compiled(False, None, "autodiff")(params, xs, state, lengths=jnp.array([-5, 3]))
    np.testing.assert_array_equal(final[0], state[0])


def test_a_step_that_changes_its_state_is_named():
    def step(params, state, x_t):
        return state.astype(jnp.float32), x_t

    cell = Cell(lambda key: (), lambda params, batch_shape=(): jnp.zeros((*batch_shape, D)), step)
    with pytest.raises(ValueError, match="state after a step.*float32.*expected.*float64"):
        unroll(cell, (), jnp.zeros((T, B, D)))


def test_counters_ride_along_in_the_state():
    def step(params, state, x_t):
        clock, h = state
        h = jnp.where((clock % 2 == 0)[..., None], h + x_t, h)
        return (clock + 1, h), h

    def initial_state(params, batch_shape=()):
        return jnp.zeros(batch_shape, jnp.int32), jnp.zeros((*batch_shape, D))

    cell = emit_state(Cell(lambda key: jnp.zeros(()), initial_state, step))
    xs = random_array((T, B, D), 0)
    final, _ = unroll(cell, jnp.zeros(()), xs, lengths=jnp.array([T, 3]))
    np.testing.assert_array_equal(final[0], [T, 3])
    np.testing.assert_allclose(final[1][1], np.asarray(xs)[[0, 2], 1].sum(axis=0))
    assert check_gradients(cell, jnp.zeros(()), xs, resets=jnp.zeros((T, B), bool).at[3].set(True)).passed


def test_a_wrong_adjoint_is_caught_and_named():
    cell, params, xs, state = model()
    adjoint = gru_adjoint()

    def collect(*arguments):
        dparams, dxs = adjoint.collect(*arguments)
        return dparams._replace(bias=2 * dparams.bias), dxs

    assert check_gradients(cell, params, xs, state, adjoint=adjoint).passed
    report = check_gradients(cell, params, xs, state, adjoint=adjoint._replace(collect=collect))
    assert not report.passed
    assert report.worst.name == "params.bias"
    assert "DISAGREE, worst at params.bias" in str(report)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("backprop", ["autodiff", "explicit"])
def test_a_cell_that_is_singular_at_zero_sees_no_padding(backprop, reverse):
    """h_t = tanh(h_{t-1} w + x_t / |x_t|): holes, front padding, NaN, a row without any step; the oracle runs row by row."""

    def step(w, h_tm1, x_t):
        h_t = jnp.tanh(h_tm1 * w + x_t / jnp.linalg.norm(x_t, axis=-1, keepdims=True))
        return h_t, h_t

    cell = Cell(lambda key: jnp.ones(()), lambda w, b=(): jnp.zeros((*b, D)), step)
    mask = np.array([[0, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, 0], [1, 1, 0]], bool)
    xs = jnp.where(mask[..., None], random_array((5, 3, D), 1), jnp.nan)
    weights = random_array((5, 3, D), 2)

    def loss(w, xs):
        return jnp.sum(weights * unroll(cell, w, xs, mask=jnp.asarray(mask), reverse=reverse, backprop=backprop)[1])

    found = jax.jit(jax.value_and_grad(loss, (0, 1)))(jnp.full((), 0.7), xs)

    def by_rows(w, xs):
        total = 0.0
        for row in range(3):
            kept = np.flatnonzero(mask[:, row])
            if len(kept):
                total += jnp.sum(weights[kept, row] * unroll(cell, w, xs[kept, row], reverse=reverse)[1])
        return total

    value, (dw, dxs) = jax.value_and_grad(by_rows, (0, 1))(jnp.full((), 0.7), xs)
    assert relative_error(found, (value, (dw, jnp.where(mask[..., None], dxs, 0)))) < 1e-10
