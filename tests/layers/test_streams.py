"""State goes in and out of layers: streaming, many to one, packed sequences in both directions, truncation, parallel layers."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, random_array, relative_error

from recurrent import bidirectional, elman, gru, lstm, min_gru, scanned, serial, unroll_truncated
from recurrent.layers import backwards, embed, linear, scanned_parallel, time_distributed
from recurrent.types import Layer

T, B, D, H = 9, 3, 2, 4
F64 = {"param_dtype": jnp.float64}

LAYERS = {
    "scanned": lambda: scanned(lstm(D, H, **F64)),
    "backwards": lambda: backwards(scanned(gru(D, H, **F64))),
    "backwards by flipping": lambda: backwards(_without_a_shortcut(scanned(gru(D, H, **F64)))),
    "serial": lambda: serial(
        scanned(elman(D, 3, **F64)), time_distributed(jnp.sin), linear(3, 5, **F64), scanned(gru(5, H, **F64))
    ),
    "serial backwards": lambda: backwards(serial(scanned(elman(D, 3, **F64)), scanned(gru(3, H, **F64)))),
    "bidirectional": lambda: bidirectional(scanned(lstm(D, H, **F64)), scanned(gru(D, 3, **F64))),
    "merged at every layer": lambda: serial(
        bidirectional(scanned(elman(D, 2, **F64)), scanned(elman(D, 2, **F64))),
        bidirectional(scanned(elman(4, H, **F64)), scanned(elman(4, H, **F64)), merge="sum"),
    ),
    "two towers": lambda: bidirectional(
        serial(scanned(elman(D, 2, **F64)), scanned(elman(2, H, **F64))),
        serial(scanned(elman(D, 2, **F64)), scanned(elman(2, H, **F64))),
    ),
    "alternating": lambda: serial(scanned(elman(D, 3, **F64)), backwards(scanned(elman(3, H, **F64)))),
    "parallel": lambda: serial(scanned_parallel(min_gru(D, 3, **F64)), scanned_parallel(elman(3, H, **F64))),
}
CAUSAL = ("scanned", "serial", "parallel")


def _without_a_shortcut(layer):
    return Layer(layer.init, layer.apply, layer.initial_state)


@functools.cache
def setting(name):
    layer = LAYERS[name]()
    return layer, perturbed(layer.init(jax.random.key(0)), seed=1), random_array((T, B, D), seed=2), jax.jit(layer.apply)


SEEN_IN_OTHERS = {"serial backwards", "two towers", "alternating"}
every_layer = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SEEN_IN_OTHERS)) for name in LAYERS]
)


@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("cut", [0, 4, *(pytest.param(end, marks=pytest.mark.slow) for end in (1, T))])
def test_a_stream_in_two_halves_is_one_run(name, cut):
    _, params, xs, apply = setting(name)
    state, ys = apply(params, xs)
    between, first = apply(params, xs[:cut])
    after, second = apply(params, xs[cut:], between)
    assert relative_error((after, jnp.concatenate([first, second])), (state, ys)) < 1e-12


@every_layer
def test_the_state_left_out_is_the_initial_one(name):
    layer, params, xs, apply = setting(name)
    given = layer.initial_state(params, (B,))
    assert relative_error(apply(params, xs, given), apply(params, xs)) < 1e-13
    assert jax.tree.structure(given) == jax.tree.structure(apply(params, xs)[0])


@every_layer
def test_packed_sequences_are_separate_ones(name):
    """Sequences of 4, 1 and 4 steps in one row, masked holes among them, read in both directions."""
    _, params, xs, apply = setting(name)
    starts = [0, 4, 5]
    resets = jnp.zeros((T, B), bool).at[jnp.asarray(starts)].set(True)
    mask = jnp.ones((T, B), bool).at[jnp.asarray([1, 6]), 1].set(False)
    found = apply(params, jnp.where(mask[..., None], xs, jnp.nan), mask=mask, resets=resets)[1]
    parts = [apply(params, xs[a:b], mask=mask[a:b])[1] for a, b in zip(starts, [*starts[1:], T], strict=True)]
    assert relative_error(found, jnp.concatenate(parts)) < 1e-12


@every_layer
def test_padded_rows_are_their_own_sequences(name):
    _, params, xs, apply = setting(name)
    lengths = jnp.asarray([T, 5, 0])
    padded = jnp.where((jnp.arange(T)[:, None] < lengths[None])[..., None], xs, jnp.nan)
    _, ys = apply(params, padded, lengths=lengths)
    for row, length in enumerate(lengths.tolist()):
        if length:
            assert relative_error(ys[:length, row], apply(params, xs[:length])[1][:, row]) < 1e-12
        assert not np.any(ys[length:, row])


def test_reading_backwards_is_reading_the_flipped_sequence():
    _, params, xs, apply = setting("backwards")
    state, ys = scanned(gru(D, H, **F64)).apply(params, xs[::-1])
    assert relative_error(apply(params, xs), (state, ys[::-1])) < 1e-12
    assert relative_error(setting("backwards by flipping")[3](params, xs), (state, ys[::-1])) < 1e-12


def test_a_network_of_both_directions_turned_round_keeps_its_resets():
    """Each direction starts anew where its sequence does, at either end of the run, though a state is given."""
    left, right = scanned(elman(D, 2, **F64)), scanned(elman(D, 3, **F64))
    layer = backwards(bidirectional(left, right))
    params, xs = perturbed(layer.init(jax.random.key(0)), 1), random_array((T, B, D), 2)
    state = perturbed(layer.initial_state(params, (B,)), 3, 1.0)
    resets = jnp.zeros((T, B), bool).at[jnp.asarray([0, 4])].set(True)
    _, ys = layer.apply(params, xs, state, resets=resets)
    _, forward = right.apply(params.backward, xs, state.backward, resets=resets)
    _, backward = backwards(left).apply(params.forward, xs, state.forward, resets=resets)
    assert relative_error(ys, jnp.concatenate([backward, forward], axis=-1)) < 1e-12


def test_turning_a_layer_round_twice_changes_nothing():
    layer, params, xs, apply = setting("serial")
    assert relative_error(backwards(backwards(layer)).apply(params, xs), apply(params, xs)) < 1e-13


def test_the_final_state_answers_for_the_whole_sequence():
    _, params, xs, apply = setting("scanned")
    state, ys = apply(params, xs, lengths=jnp.asarray([T, 4, 1]))
    assert relative_error(state.h, jnp.stack([ys[T - 1, 0], ys[3, 1], ys[0, 2]])) < 1e-13


def test_a_window_cuts_the_gradient_as_unroll_truncated_does():
    cell = lstm(D, H, **F64)
    params, xs = perturbed(cell.init(jax.random.key(0)), seed=1), random_array((T, B, D), seed=2)

    def gradient(run):
        return jax.jit(jax.grad(lambda p: jnp.sum(jnp.sin(3 * run(p)[1]))))(params)

    truncated = gradient(lambda p: unroll_truncated(cell, p, xs, window=2))
    assert relative_error(gradient(lambda p: scanned(cell, window=2).apply(p, xs)), truncated) < 1e-12
    assert relative_error(gradient(lambda p: scanned(cell).apply(p, xs)), truncated) > 1e-3


@every_layer
def test_the_default_gradient_equals_autodiff_of_one_cell_after_another(name):
    _, params, xs, apply = setting(name)
    direction = random_array(xs.shape, seed=5)
    loss = jax.jit(lambda xs: jnp.sum(jnp.cos(apply(params, xs)[1])))
    slope = jnp.vdot(jax.grad(loss)(xs), direction)
    step = 1e-6
    assert abs(slope - (loss(xs + step * direction) - loss(xs - step * direction)) / (2 * step)) < 1e-7


def test_tokens_are_embedded_in_both_directions():
    table = embed(5, 3, **F64)
    layer = serial(table, backwards(scanned(gru(3, H, **F64))))
    params = layer.init(jax.random.key(0))
    tokens = jnp.asarray(np.random.default_rng(0).integers(0, 5, (T, B)))
    _, ys = layer.apply(params, tokens, lengths=jnp.asarray([T, 3, 0]))
    _, embedded = table.apply(params[0], tokens)
    _, row = scanned(gru(3, H, **F64)).apply(params[1], embedded[:3, 1:2][::-1])
    assert relative_error(ys[:3, 1], row[::-1, 0]) < 1e-12


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: serial(), "at least one layer"),
        (lambda: serial(lstm(D, H)), r"lstm\(2, 4\) is a cell: scanned"),
        (lambda: bidirectional(lstm(D, H), lstm(D, H)), r"scanned\(lstm\(2, 4\)\)"),
        (lambda: serial([scanned(lstm(D, H))]), "separate arguments; got a list"),
        (lambda: bidirectional(scanned(lstm(D, H)), scanned(lstm(D, H)), merge="mean"), '"?concat"?'),
        (lambda: serial(scanned(lstm(D, H))).apply((), jnp.zeros((T, B, D))), "params of 1 layers, got 0"),
        (lambda: serial(linear(D, H)).apply((lstm(D, H).init(jax.random.key(0)),), jnp.zeros((T, B, D))), "DenseParams"),
    ],
)
def test_mistakes_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
