"""Decoding against exhaustive search, and the encoder-decoder against its parts."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, random_array, relative_error

from recurrent import bidirectional, gru, lstm, scanned
from recurrent.seq2seq import (
    additive,
    beam_search,
    decoding_state,
    encoder_decoder,
    greedy,
    multiplicative,
    sample,
    teacher_forcing,
    token_step,
)

V, END, L = 4, 3, 4


TABLE = 2 * random_array((L + 1, V, V), 0, jnp.float32)
"""A model of order one: logits depend on the previous token and on how many steps were made."""


def step(state, token):
    return state + 1, TABLE[state, token]


def all_sequences(first):
    """Log probability of every sequence, ended or cut off after L symbols."""
    found = {}
    for symbols in itertools.product(range(V), repeat=L):
        ended = symbols.index(END) + 1 if END in symbols else L
        previous, total = first, 0.0
        for t, symbol in enumerate(symbols[:ended]):
            logits = np.asarray(TABLE[t, previous], np.float64)
            total += logits[symbol] - np.log(np.exp(logits).sum())
            previous = symbol
        found[symbols[:ended]] = total
    return found


START = jnp.array([0, 1, 2])
STATE = jnp.zeros(3, jnp.int32)


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_wide_beam_finds_the_best_sequence(penalty):
    search = jax.jit(functools.partial(beam_search, step, num_steps=L, end=END, width=V**L, length_penalty=penalty))
    found = search(STATE, START)
    for row, first in enumerate(START.tolist()):
        scored = {s: p / ((5 + len([x for x in s if x != END])) / 6) ** penalty for s, p in all_sequences(first).items()}
        best = max(scored, key=scored.get)
        tokens = found.tokens[:, row].tolist()
        assert tuple(tokens[: len(best)]) == best
        assert all(token == END for token in tokens[len(best) :])
        np.testing.assert_allclose(found.log_probability[row], all_sequences(first)[best], rtol=1e-4)


def test_a_beam_of_one_is_greedy_and_a_wider_one_is_never_worse():
    one, wide = (jax.jit(functools.partial(beam_search, step, num_steps=L, end=END, width=n))(STATE, START) for n in (1, 3))
    by_hand = jax.jit(functools.partial(greedy, step, num_steps=L, end=END))(STATE, START)
    np.testing.assert_array_equal(one.tokens, by_hand.tokens)
    np.testing.assert_array_equal(one.lengths, by_hand.lengths)
    np.testing.assert_allclose(one.log_probability, by_hand.log_probability, rtol=1e-5)
    for row, first in enumerate(START.tolist()):
        previous, expected = first, []
        for t in range(L):
            previous = int(jnp.argmax(TABLE[t, previous]))
            expected.append(previous)
            if previous == END:
                break
        assert by_hand.tokens[: len(expected), row].tolist() == expected
    assert np.all(wide.log_probability >= one.log_probability - 1e-5)


def test_samples_follow_the_distribution():
    draws = jax.jit(lambda key: sample(step, jnp.zeros(4000, jnp.int32), jnp.zeros(4000, jnp.int32), key, num_steps=1))
    counts = np.bincount(np.asarray(draws(jax.random.key(0)).tokens[0]), minlength=V) / 4000
    np.testing.assert_allclose(counts, jax.nn.softmax(TABLE[0, 0]), atol=0.03)
    cold = sample(step, STATE, START, jax.random.key(1), num_steps=L, end=END, temperature=1e-3)
    np.testing.assert_array_equal(cold.tokens, greedy(step, STATE, START, num_steps=L, end=END).tokens)
    top = sample(step, STATE, START, jax.random.key(2), num_steps=L, end=END, top_k=1)
    np.testing.assert_array_equal(top.tokens, cold.tokens)


def test_temperature_and_top_k_give_the_distribution_they_say():
    zeros = jnp.zeros(4000, jnp.int32)
    draws = jax.jit(lambda key: sample(step, zeros, zeros, key, num_steps=1, temperature=1.7, top_k=3))
    counts = np.bincount(np.asarray(draws(jax.random.key(0)).tokens[0]), minlength=V) / 4000
    logits = np.asarray(TABLE[0, 0]) / 1.7
    expected = np.where(logits >= np.sort(logits)[-3], np.exp(logits), 0)
    np.testing.assert_allclose(counts, expected / expected.sum(), atol=0.03)
    tied = sample(lambda s, t: (s, jnp.zeros((len(t), V))), zeros, zeros, jax.random.key(1), num_steps=1, top_k=2)
    assert len(np.unique(tied.tokens)) == 2


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float64])
def test_decoding_takes_logits_of_any_dtype(dtype):
    other = lambda state, token: (step(state, token)[0], step(state, token)[1].astype(dtype))  # noqa: E731
    for decode in (greedy, functools.partial(beam_search, width=2)):
        assert decode(other, STATE, START, num_steps=L, end=END).log_probability.dtype == dtype


def test_decoding_stops_when_every_row_has_ended():
    """Logits that are NaN after the end would show in the probabilities if they were read."""
    ends = jnp.where(jnp.arange(V) == END, 0.0, -jnp.inf)
    once = lambda t, token: (t + 1, jnp.where(t[:, None] == 0, ends, jnp.nan))  # noqa: E731
    for decode in (greedy, functools.partial(beam_search, width=1)):
        found = jax.jit(functools.partial(decode, once, num_steps=L, end=END))(jnp.zeros(2, jnp.int32), START[:2])
        np.testing.assert_array_equal(found.log_probability, 0)
        np.testing.assert_array_equal(found.lengths, 0)


def test_decoding_refuses_impossible_options():
    for call, message in (
        (lambda: beam_search(step, STATE, START, num_steps=L, end=END, width=0), "width"),
        (lambda: greedy(step, STATE, START, num_steps=0, end=END), "num_steps"),
        (lambda: sample(step, STATE, START, jax.random.key(0), num_steps=1, temperature=0.0), "temperature"),
        (lambda: sample(step, STATE, START, jax.random.key(0), num_steps=1, temperature=jnp.inf), "temperature"),
        (lambda: sample(step, STATE, START, jax.random.key(0), num_steps=1, top_k=0), "top_k"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


S, U, B, H, E = 5, 4, 3, 6, 3
LENGTHS = jnp.array([S, 2, 0])


def model(context, feed, attention=None):
    every = context == "attention" or (context != "none" and feed != "initial")
    return encoder_decoder(
        bidirectional(scanned(lstm(E, H // 2)), scanned(lstm(E, H // 2))) if attention else scanned(gru(E, H)),
        lstm(E + H, H) if every else lstm(E, H),
        source_symbols=7, target_symbols=V, embed_size=E, context_size=H, hidden_size=H,
        context=context, feed=feed, attention=attention,
    )  # fmt: skip


FORMS = [
    ("none", "initial", None),
    ("last", "initial", None),
    ("last", "every", None),
    ("transformed", "both", None),
    ("attention", "every", additive(H, H, 5)),
    ("attention", "both", multiplicative(H, H)),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form[0]}-{form[1]}")
def test_every_context_ignores_padding_and_decodes_what_teacher_forcing_scores(form):
    net = model(*form)
    params = perturbed(net.init(jax.random.key(0)), 1)
    source = jnp.asarray(np.random.default_rng(0).integers(0, 7, (S, B)))

    @jax.jit
    def run(source):
        memory = net.encode(params, source, LENGTHS)
        decoded = greedy(
            token_step(net, params), decoding_state(net, params, memory), jnp.zeros(B, jnp.int32), num_steps=U, end=-1
        )
        outputs = teacher_forcing(net, params, memory, decoded.tokens, 0)
        wide = beam_search(
            token_step(net, params), decoding_state(net, params, memory), jnp.zeros(B, jnp.int32), num_steps=U, end=END, width=3
        )
        return decoded, outputs, wide

    decoded, outputs, wide = run(source)
    np.testing.assert_array_equal(jnp.argmax(outputs.logits, axis=-1), decoded.tokens)
    other = jnp.where(jnp.arange(S)[:, None] < LENGTHS[None], source, (source + 1) % 7)
    assert relative_error(run(other)[1].logits, outputs.logits) < 1e-6
    assert np.isfinite(wide.log_probability).all()
    sums = np.asarray(outputs.weights).sum(axis=1)
    np.testing.assert_allclose(sums, np.broadcast_to([1, 1, 0], (U, B)) if form[2] else np.zeros((U, B)), atol=1e-5)
    if form[0] != "none":
        assert relative_error(run(source.at[0, 0].add(1) % 7)[1].logits[:, 0], outputs.logits[:, 0]) > 1e-5


def test_scheduled_sampling_at_its_two_ends():
    net = model("last", "initial")
    params = perturbed(net.init(jax.random.key(0)), 1)
    source = jnp.asarray(np.random.default_rng(0).integers(0, 7, (S, B)))
    memory = jax.jit(net.encode)(params, source, LENGTHS)
    targets = jnp.asarray(np.random.default_rng(1).integers(0, V, (U, B)))
    forced = jax.jit(lambda p: teacher_forcing(net, p, memory, targets, 0).logits)(params)
    sampled = jax.jit(
        lambda p, rate: teacher_forcing(net, p, memory, targets, 0, key=jax.random.key(3), sampling_rate=rate).logits
    )
    never, always = sampled(params, 0.0), sampled(params, 1.0)
    np.testing.assert_array_equal(forced, never)
    free = greedy(
        token_step(net, params), decoding_state(net, params, memory), jnp.zeros(B, targets.dtype), num_steps=U, end=-1
    )
    np.testing.assert_array_equal(jnp.argmax(always, axis=-1), free.tokens)
    with pytest.raises(ValueError, match="needs a PRNG key"):
        teacher_forcing(net, params, memory, targets, 0, sampling_rate=0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context": "all"}, "context must be"),
        ({"feed": "never"}, "feed must be"),
        ({"context": "attention"}, "give attention= together"),
        ({"attention": additive(H, H, 5)}, "give attention= together"),
        ({"embed_size": 0}, "positive integer"),
    ],
)
def test_bad_models_are_refused(options, message):
    sizes = {"source_symbols": 7, "target_symbols": V, "embed_size": E, "context_size": H, "hidden_size": H}
    with pytest.raises(ValueError, match=message):
        encoder_decoder(scanned(gru(E, H)), lstm(E, H), **{**sizes, **options})


def test_a_context_that_does_not_fit_the_state_is_refused():
    net = encoder_decoder(
        scanned(gru(E, 5)), lstm(E, H), source_symbols=7, target_symbols=V, embed_size=E, context_size=5, hidden_size=H
    )
    params = net.init(jax.random.key(0))
    memory = net.encode(params, jnp.zeros((S, B), jnp.int32), LENGTHS)
    with pytest.raises(ValueError, match='feed="every"'):
        net.initial_state(params, memory)
