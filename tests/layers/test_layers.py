"""Layers, both directions and their stackings, embeddings, attention, and the output recurrence."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import equations, perturbed, random_array, relative_error

from recurrent import bidirectional, elman, gru, lengths_to_mask, lstm, scanned, serial, stack, unroll
from recurrent.cells import output_recurrence, teacher_forced
from recurrent.layers import backwards, embed, last_valid, linear, mean_over_time, time_distributed
from recurrent.seq2seq import additive, attend, multiplicative

T, B, D, H = 6, 3, 3, 4
F64 = {"param_dtype": jnp.float64}
LENGTHS = jnp.array([T, 1, 0])
UNEQUAL = scanned(elman(D, 1)), scanned(elman(D, H))
FEEDBACK = output_recurrence(3, 4, 2)


def cells():
    made = lstm(D, H, **F64), lstm(D, H, **F64), gru(2 * H, H, **F64), gru(2 * H, H, **F64)
    return list(map(scanned, made))


STACKINGS = {
    "scanned": lambda: scanned(lstm(D, H, **F64)),
    "reverse": lambda: backwards(scanned(lstm(D, H, **F64))),
    "autodiff": lambda: scanned(lstm(D, H, **F64), backprop="autodiff"),
    "merged at every layer": lambda: serial(bidirectional(*cells()[:2]), bidirectional(*cells()[2:])),
    "two towers": lambda: bidirectional(
        scanned(stack(lstm(D, H, **F64), gru(H, H, **F64))), scanned(stack(gru(D, H, **F64), lstm(H, 2, **F64)))
    ),
    "alternating": lambda: serial(scanned(lstm(D, H, **F64)), backwards(scanned(gru(H, H, **F64)))),
    "summed": lambda: bidirectional(*cells()[:2], merge="sum"),
    "learned merge": lambda: serial(bidirectional(*cells()[:2]), linear(2 * H, 5)),
    "relu between": lambda: serial(
        scanned(gru(D, H, **F64)), time_distributed(lambda x: jnp.cos(x)), scanned(gru(H, H, **F64))
    ),
}


@pytest.mark.parametrize("name", list(STACKINGS))
def test_a_padded_row_gets_what_the_unpadded_row_gets(name):
    layer = STACKINGS[name]()
    params = jax.tree.map(lambda p: p.astype(jnp.float64), perturbed(layer.init(jax.random.key(0)), 1))
    xs = random_array((T, B, D), 2)
    poisoned = jnp.where(lengths_to_mask(LENGTHS, T)[..., None], xs, jnp.nan)
    _, ys = jax.jit(functools.partial(layer.apply, lengths=LENGTHS))(params, poisoned)
    for row, length in enumerate(LENGTHS.tolist()):
        assert relative_error(ys[:length, row], layer.apply(params, xs[:length, row])[1]) < 1e-12
        assert not np.any(ys[length:, row])


def test_both_directions_by_hand():
    forward, backward = lstm(D, H, **F64), gru(D, H, **F64)
    layer = bidirectional(scanned(forward), scanned(backward))
    params, xs = perturbed(layer.init(jax.random.key(0)), 1), random_array((T, B, D), 2)
    _, ys = layer.apply(params, xs)
    assert relative_error(ys[..., :H], unroll(forward, params.forward, xs)[1]) < 1e-14
    assert relative_error(ys[..., H:], unroll(backward, params.backward, xs[::-1])[1][::-1]) < 1e-14
    assert relative_error(ys[..., H:], unroll(backward, params.backward, xs)[1] + 1e-9) > 1e-3
    _, summed = bidirectional(scanned(forward), scanned(backward), merge="sum").apply(params, xs)
    assert relative_error(summed, ys[..., :H] + ys[..., H:]) < 1e-14


def test_embedding_and_linear():
    layer = serial(embed(7, D), linear(D, 2))
    params = perturbed(layer.init(jax.random.key(0)), 1)
    tokens = jnp.asarray(np.random.default_rng(0).integers(0, 7, (T, B)))
    expected = np.asarray(params[0].table)[np.asarray(tokens)] @ np.asarray(params[1].kernel) + np.asarray(params[1].bias)
    np.testing.assert_allclose(layer.apply(params, tokens)[1], expected, rtol=1e-5)
    gradient = jax.grad(lambda p: layer.apply(p, tokens)[1].sum())(params)[0].table
    used = np.isin(np.arange(7), tokens)
    assert np.all(np.any(gradient != 0, axis=1) == used)


def test_last_and_mean_over_valid_steps():
    values = random_array((T, B, 2), 0)
    np.testing.assert_array_equal(last_valid(values, LENGTHS), [values[T - 1, 0], values[0, 1], [0, 0]])
    mean = mean_over_time(values, lengths_to_mask(LENGTHS, T))
    np.testing.assert_allclose(mean, [np.mean(values[:, 0], axis=0), values[0, 1], [0, 0]])
    np.testing.assert_allclose(mean_over_time(values), np.mean(values, axis=0))


@pytest.mark.parametrize("kind", ["additive", "multiplicative"])
def test_attention_by_hand(kind):
    attention = additive(5, H, 7) if kind == "additive" else multiplicative(5, H)
    params = attention.init(jax.random.key(0))
    query, keys = random_array((B, 5), 1, jnp.float32), random_array((T, B, H), 2, jnp.float32)
    mask = lengths_to_mask(LENGTHS, T)
    scores = attention.scores(params, query, attention.prepare(params, keys))
    context, weights = attend(scores, jnp.where(mask[..., None], keys, jnp.nan), mask)
    for row, length in enumerate(LENGTHS.tolist()):
        q, k = np.asarray(query[row]), np.asarray(keys[:length, row])
        if kind == "additive":
            raw = np.tanh(q @ np.asarray(params.query_kernel) + k @ np.asarray(params.key_kernel)) @ np.asarray(params.score)
        else:
            raw = k @ (q @ np.asarray(params.query_kernel)) / H**0.5
        expected = np.exp(raw) / np.exp(raw).sum() if length else raw
        np.testing.assert_allclose(weights[:length, row], expected, rtol=1e-4)
        np.testing.assert_allclose(context[row], expected @ k if length else np.zeros(H), rtol=1e-4, atol=1e-6)
    assert not np.any(np.where(mask, 0, weights))
    gradient = jax.grad(lambda s: jnp.sum(attend(s, keys, mask)[0] ** 2))(scores)
    assert np.isfinite(gradient).all()


def test_teacher_forcing_equals_the_cell_fed_with_targets_and_has_no_loop():
    cell = output_recurrence(D, H, 2, **F64)
    params, xs = perturbed(cell.init(jax.random.key(0)), 1), random_array((T, B, D), 2)
    targets = random_array((T, B, 2), 3)
    outputs = teacher_forced(cell, params, xs, targets)
    for t in range(T):
        before = targets[t - 1] if t else jnp.zeros((B, 2))
        assert relative_error(outputs[t], cell.step(params, before, xs[t])[1]) < 1e-12
    _, free = unroll(cell, params, xs)
    assert relative_error(teacher_forced(cell, params, xs, free), free) < 1e-12  # its own outputs as targets: the free run

    gradient = jax.make_jaxpr(jax.grad(lambda p: teacher_forced(cell, p, xs, targets).sum()))(params)
    found = {equation.primitive.name for equation in equations(gradient.jaxpr)}
    assert "dot_general" in found
    assert not {"scan", "while"} & found


def test_parity_is_learned_by_teacher_forcing_and_then_runs_free(users_numerics):
    """R2: the output is all the state that parity needs, so training needs no backpropagation through time."""
    cell, optimizer = output_recurrence(1, 12, 1), optax.adam(0.02)
    xs = jnp.asarray(np.random.default_rng(0).choice([-1.0, 1.0], (200, 4, 1)), jnp.float32)
    parity = jnp.cumprod(xs, axis=0)

    def update(carry, _):
        params, opt_state = carry
        loss, gradient = jax.value_and_grad(lambda p: jnp.mean((teacher_forced(cell, p, xs, parity) - parity) ** 2))(params)
        changes, opt_state = optimizer.update(gradient, opt_state)
        return (optax.apply_updates(params, changes), opt_state), loss

    params = cell.init(jax.random.key(0))
    (params, _), losses = jax.jit(lambda carry: jax.lax.scan(update, carry, None, length=600))((params, optimizer.init(params)))
    assert losses[0] > 0.5
    assert losses[-1] < 1e-3
    _, ys = unroll(cell, params, xs)
    np.testing.assert_array_equal(jnp.sign(ys[1:]), parity[1:])  # the first target follows an output of 0, not of ±1


def test_only_a_hidden_recurrence_keeps_what_the_output_does_not_show():
    """With V = 0 the output recurrence forgets everything at once."""
    cell = output_recurrence(D, H, 2, **F64)
    params = perturbed(cell.init(jax.random.key(0)), 1)
    params = params._replace(output_kernel=jnp.zeros_like(params.output_kernel))
    gradient = jax.grad(lambda xs: unroll(cell, params, xs)[1][-1].sum())(random_array((T, D), 2))
    assert not np.any(gradient[:-1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: serial(), "at least one layer"),
        (lambda: bidirectional(scanned(lstm(D, H)), scanned(lstm(D, H)), merge="mean"), "merge must be"),
        (lambda: linear(0, 3), "positive integer"),
        (lambda: linear(3, 2).apply(linear(3, 2).init(jax.random.key(0)), jnp.zeros((T, B, 4))), "3 features"),
        (lambda: linear(3, 2).apply({}, jnp.zeros((T, B, 3))), "expected params of type DenseParams"),
        (lambda: embed(3, 2).apply(embed(3, 2).init(jax.random.key(0)), jnp.zeros((T, B))), "must be integers"),
        (
            lambda: linear(3, 2).apply(linear(3, 2).init(jax.random.key(0)), jnp.zeros((T, B, 3)), mask=jnp.ones((B, T), bool)),
            "mask must have shape",
        ),
        (lambda: output_recurrence(3, 4, 2, activation="tan"), "unknown activation"),
        (
            lambda: teacher_forced(FEEDBACK, FEEDBACK.init(jax.random.key(0)), jnp.zeros((T, 3)), jnp.zeros((T, 3))),
            "targets must have shape",
        ),
        (
            lambda: bidirectional(*UNEQUAL, merge="sum").apply(
                bidirectional(*UNEQUAL).init(jax.random.key(0)), jnp.zeros((T, D), jnp.float32)
            ),
            r"outputs of equal width; got \[1\] and \[4\]",
        ),
    ],
)
def test_mistakes_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
