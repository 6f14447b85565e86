"""`backprop="cudnn"`: weights and sequences as cuDNN takes them, against JAX's own reference of it, and all that is refused."""

import dataclasses
import functools
import re

import jax
import jax.numpy as jnp
import pytest
from helpers import perturbed, random_array, relative_error
from jax.experimental import rnn

from recurrent import gru, lstm, unroll
from recurrent.made import remembered
from recurrent.sequences import Flags, Sequence, lengths_to_mask
from recurrent.types import Cell
from recurrent.unrolling import unroll_truncated
from recurrent.unrolling._cudnn import cudnn_scan, flat_weights

T, BATCH, D, H = 6, (2, 3), 3, 4
LENGTHS = jnp.array([[6, 1, 0], [4, 9, 6]])
"""A row without any step, and one that is longer than the sequence."""


def arguments(dtype):
    cell = lstm(D, H, param_dtype=dtype)
    params = perturbed(cell.init(jax.random.key(0)), 1)
    state = perturbed(cell.initial_state(params, BATCH), 2)
    return cell, params, random_array((T, *BATCH, D), 3, dtype), state


def reference(xs, h_0, c_0, weights, lengths, *options):
    """JAX's own LSTM in the place of cuDNN's, with the layout of the weights as JAX reads it."""
    unpacked = rnn.unpack_lstm_weights(weights, *options[:3], options[-1])
    return rnn.lstm_ref(xs, h_0, c_0, *unpacked, lengths, *options)


@pytest.fixture
def on_cuda(monkeypatch):
    monkeypatch.setattr(rnn, "lstm", reference)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")


def values_and_gradients(run, params, xs, state):
    def loss(params, xs, state):
        final_state, ys = run(params, xs, state)
        weights = random_array(ys.shape, 4, ys.dtype)
        return jnp.sum(weights * ys) + jnp.sum(final_state.c * final_state.h**2), (final_state, ys)

    (_, values), gradients = jax.jit(jax.value_and_grad(loss, (0, 1, 2), has_aux=True))(params, xs, state)
    return values, gradients


def test_weights_and_sequences_are_those_of_cudnn(monkeypatch):
    monkeypatch.setattr(rnn, "lstm", reference)
    cell, params, xs, state = arguments(jnp.float64)
    assert flat_weights(params).size == rnn.get_num_params_in_lstm(D, H, 1, False)
    expected = values_and_gradients(functools.partial(unroll, cell, lengths=LENGTHS), params, xs, state)

    def run(params, xs, state):
        return cudnn_scan(params, Sequence(xs, state, state, Flags()), LENGTHS)

    assert relative_error(values_and_gradients(run, params, xs, state), expected) <= 1e-12


def test_the_driver_hands_over_lengths_and_a_padding_of_nan(on_cuda):
    cell, params, xs, state = arguments(jnp.float32)
    padded = jnp.where(lengths_to_mask(LENGTHS, T)[..., None], xs, jnp.nan)
    run = functools.partial(unroll, cell, lengths=LENGTHS)
    expected = values_and_gradients(run, params, padded, state)
    found = values_and_gradients(functools.partial(run, backprop="cudnn"), params, padded, state)
    assert relative_error(found, expected) <= 1e-5  # float32
    whole = functools.partial(unroll, cell, params, xs)
    assert relative_error(whole(backprop="cudnn"), whole()) <= 1e-5


@remembered
def lstm_of_my_own(input_size: int, hidden_size: int) -> Cell:
    return lstm(input_size, hidden_size)


OTHERS = {
    "another cell": (gru(D, H), {}, "gru(3, 4) is another cell"),
    "a cell without a recipe": (dataclasses.replace(lstm(D, H)), {}, "another cell"),
    "a cell of one's own": (lstm_of_my_own(D, H), {}, "lstm_of_my_own(3, 4) is another cell"),
    "half precision": (lstm(D, H, dtype=jnp.bfloat16), {}, "there is bfloat16 in cell"),
    "double precision": (lstm(D, H, param_dtype=jnp.float64), {}, "there is float64 in cell"),
    "a mask": (lstm(D, H), {"mask": jnp.ones((T, 2), bool)}, "it knows no mask"),
    "resets": (lstm(D, H), {"resets": jnp.zeros((T, 2), bool)}, "it knows no resets"),
    "against time": (lstm(D, H), {"reverse": True}, "it knows no reverse"),
    "checkpoints": (lstm(D, H), {"checkpoint_every": 2}, "it knows no checkpoint_every"),
    "no steps": (lstm(D, H), {}, "no steps"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_everything_else_is_refused_with_the_reason(what, on_cuda):
    cell, options, reason = OTHERS[what]
    with pytest.raises(ValueError, match=re.escape(reason)) as refused:
        _traced(unroll, cell, steps=0 if what == "no steps" else T, **options)
    assert 'backprop="explicit" takes every cell' in str(refused.value)


def test_platforms_without_cuda_and_truncation_are_refused():
    with pytest.raises(ValueError, match="JAX runs on cpu"):
        _traced(unroll, lstm(D, H))
    with pytest.raises(ValueError, match="backprop must be"):
        _traced(functools.partial(unroll_truncated, window=2), lstm(D, H))


def _traced(run, cell, steps=T, **options):
    params = jax.eval_shape(cell.init, jax.random.key(0))
    xs = jax.ShapeDtypeStruct((steps, 2, D), jnp.float32)
    return jax.eval_shape(functools.partial(run, cell, backprop="cudnn", **options), params, xs)


@pytest.mark.skipif("jax.default_backend() != 'gpu'", reason="cuDNN runs on CUDA: JAX_PLATFORMS=cuda pytest tests/unrolling")
def test_cudnn_itself():
    cell, params, xs, state = arguments(jnp.float32)
    with jax.default_matmul_precision("highest"):
        run = functools.partial(unroll, cell, lengths=LENGTHS)
        expected = values_and_gradients(run, params, xs, state)
        found = values_and_gradients(functools.partial(run, backprop="cudnn"), params, xs, state)
    assert relative_error(found, expected) <= 1e-5
