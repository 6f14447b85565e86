"""Decoding with a model whose state is its whole history, against every sequence scored one by one."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_array

from recurrent.seq2seq import beam_search, greedy

SYMBOLS, END, STEPS, ROWS = 3, 2, 4, 3
MIX, SHIFT, READ = (1.5 * random_array(shape, k) for k, shape in enumerate([(5, 5), (SYMBOLS, 5), (5, SYMBOLS)]))
STATES, START = random_array((ROWS, 5), 4), jnp.array([0, 1, 0])


def step(state, token):
    state = jnp.tanh(state @ MIX + SHIFT[token])
    return state, state @ READ


def logits_after(row, symbols):
    state, previous = np.asarray(STATES[row]), int(START[row])
    for symbol in (*symbols, None):
        state = np.tanh(state @ np.asarray(MIX) + np.asarray(SHIFT)[previous])
        previous = symbol
    return state @ np.asarray(READ)


@functools.cache
def scores(row):
    """Log probability of every sequence of the row, ended or cut off."""
    found = {}
    for symbols in itertools.product(range(SYMBOLS), repeat=STEPS):
        ended = symbols.index(END) + 1 if END in symbols else STEPS
        total = 0.0
        for t, symbol in enumerate(symbols[:ended]):
            logits = logits_after(row, symbols[:t])
            total += logits[symbol] - np.log(np.exp(logits).sum())
        found[symbols[:ended]] = total
    return found


def assert_decoded(found, row, symbols):
    tokens = np.asarray(found.tokens[:, row])
    np.testing.assert_array_equal(tokens, [*symbols, *[END] * (STEPS - len(symbols))])
    assert found.lengths[row] == sum(symbol != END for symbol in symbols)
    np.testing.assert_allclose(found.log_probability[row], scores(row)[symbols], rtol=1e-10)


@pytest.mark.parametrize("penalty", [0.0, 1.0, 6.0])
def test_a_beam_as_wide_as_all_sequences_finds_the_best(penalty):
    search = functools.partial(beam_search, step, num_steps=STEPS, end=END, width=SYMBOLS**STEPS, length_penalty=penalty)
    found = jax.jit(search)(STATES, START)
    for row in range(ROWS):
        best = {s: p / ((5 + sum(x != END for x in s)) / 6) ** penalty for s, p in scores(row).items()}
        assert_decoded(found, row, max(best, key=best.get))


def test_penalties_matter():
    """Otherwise the test above would not see them."""
    search = functools.partial(beam_search, step, num_steps=STEPS, end=END, width=SYMBOLS**STEPS)
    lengths = [search(STATES, START, length_penalty=penalty).lengths for penalty in (0.0, 6.0)]
    assert np.any(lengths[0] != lengths[1])


def test_greedy_takes_the_likeliest_symbol_each_time():
    found = greedy(step, STATES, START, num_steps=STEPS, end=END)
    for row in range(ROWS):
        chosen = ()
        while len(chosen) < STEPS and END not in chosen:
            chosen = (*chosen, int(np.argmax(logits_after(row, chosen))))
        assert_decoded(found, row, chosen)
