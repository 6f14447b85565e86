"""No two arrays of a network are drawn from one key, however alike its parts are."""

import itertools

import jax
import numpy as np
import pytest

from recurrent import bidirectional, elman, learned_state, lru, residual, scanned, serial, stack
from recurrent.cells import deep_transition
from recurrent.initializers import glorot_uniform
from recurrent.layers import linear
from recurrent.seq2seq import additive, encoder_decoder
from recurrent.wrappers import dense_skip, grouped, mlp_input, mlp_output

N = 4


def cell():
    return elman(N, N, recurrent_init=glorot_uniform)


NETWORKS = {
    "stack": lambda: stack(cell(), cell(), cell()),
    "grouped": lambda: grouped(cell(), cell()),
    "dense_skip": lambda: dense_skip(cell(), cell(), merge="sum"),
    "residual": lambda: residual(elman(N, 2 * N, recurrent_init=glorot_uniform), N, 2 * N),
    "mlp_input": lambda: mlp_input(cell(), (N, N, N)),
    "mlp_output": lambda: mlp_output(cell(), (N, N, N)),
    "deep_transition": lambda: deep_transition(N, N, (N, N), shortcut=True, recurrent_init=glorot_uniform),
    "learned_state": lambda: learned_state(lru(N, N), scale=1.0),
    "serial": lambda: serial(linear(N, N), linear(N, N), scanned(cell())),
    "bidirectional": lambda: bidirectional(scanned(cell()), scanned(cell())),
    "attention": lambda: additive(N, N, N),
    "encoder_decoder": lambda: encoder_decoder(
        scanned(cell()),
        cell(),
        source_symbols=N,
        target_symbols=N,
        embed_size=N,
        context_size=N,
        hidden_size=N,
        context="transformed",
    ),
}


@pytest.mark.parametrize("name", list(NETWORKS))
def test_equal_parts_are_drawn_apart(name):
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(NETWORKS[name]().init(jax.random.key(0)))]
    drawn = [leaf for leaf in leaves if np.ptp(leaf) > 0]
    alike = [(a, b) for a, b in itertools.combinations(drawn, 2) if a.shape == b.shape]
    assert alike
    for a, b in alike:
        assert np.abs(a - b).max() > 1e-3
        ratio = a / b  # one key under two scales
        assert np.ptp(ratio) > 1e-3 * np.abs(ratio).max()


def test_a_learned_state_is_as_wide_as_its_scale():
    params = learned_state(lru(1, 5000), scale=0.3).init(jax.random.key(0))
    for leaf in params.state:  # the standard error of a standard deviation of 5 000 draws is 1 %
        np.testing.assert_allclose(np.std(leaf), 0.3, rtol=0.05)
        np.testing.assert_allclose(np.mean(leaf), 0, atol=0.02)
