"""Layers, both directions and their stackings, embeddings, attention, and the output recurrence."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, random_array, relative_error

from recurrent import bidirectional, elman, gru, lengths_to_mask, lstm, scanned, serial, stack, unroll
from recurrent.cells import output_recurrence, teacher_forced
from recurrent.layers import backwards, embed, last_valid, linear, mean_over_time, time_distributed

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


SEEN_IN_STREAMS = {"scanned", "reverse", "merged at every layer", "summed", "relu between"}
"""`test_streams.py` pads the rows of layers like these."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SEEN_IN_STREAMS)) for name in STACKINGS]
)
def test_a_padded_row_gets_what_the_unpadded_row_gets(name):
    layer = STACKINGS[name]()
    params = jax.tree.map(lambda p: p.astype(jnp.float64), perturbed(layer.init(jax.random.key(0)), 1))
    xs = random_array((T, B, D), 2)
    poisoned = jnp.where(lengths_to_mask(LENGTHS, T)[..., None], xs, jnp.nan)
    _, ys = jax.jit(functools.partial(layer.apply, lengths=LENGTHS))(params, poisoned)
    alone = jax.jit(layer.apply)
    for row, length in enumerate(LENGTHS.tolist()):
        assert relative_error(ys[:length, row], alone(params, xs[:length, row])[1]) < 1e-12
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
