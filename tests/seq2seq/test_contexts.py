"""The encoder-decoder in every form against a loop in numpy over rows and steps."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import perturbed, to_float64

from recurrent import elman, lstm, scanned
from recurrent.seq2seq import additive, encoder_decoder, multiplicative, teacher_forcing

S, U, B, E, H, V = 5, 4, 4, 3, 4, 6
LENGTHS, START = [5, 2, 0, 3], 1
RNG = np.random.default_rng(0)
SOURCE, TARGETS = RNG.integers(0, V, (S, B)), RNG.integers(0, V, (U, B))
ATTENTIONS = {"additive": additive(H, H, 5), "multiplicative": multiplicative(H, H)}
FORMS = [
    ("none", "initial", None),
    *itertools.product(("last", "transformed"), ("initial", "every", "both"), (None,)),
    *itertools.product(("attention",), ("initial", "every", "both"), ATTENTIONS),
]


def model(context, feed, attention, decoder=elman):
    every = context == "attention" or (context != "none" and feed != "initial")
    net = encoder_decoder(
        scanned(elman(E, H)),
        decoder(E + H if every else E, H),
        source_symbols=V, target_symbols=V, embed_size=E, context_size=H, hidden_size=H,
        context=context, feed=feed, attention=ATTENTIONS.get(attention),
    )  # fmt: skip
    return net, to_float64(perturbed(net.init(jax.random.key(0)), 1))


def advance(p, h, x):
    return np.tanh(x @ p.input_kernel + h @ p.recurrent_kernel + p.bias)


def encoded(p, row):
    """The encoder's outputs over the valid steps of a row."""
    h, values = np.zeros(H), []
    for symbol in SOURCE[: LENGTHS[row], row]:
        h = advance(p.encoder, h, p.source_embedding.table[symbol])
        values.append(h)
    return np.reshape(values, (-1, H))


def attended(p, attention, query, values):
    """The context, and the weight of every step."""
    if not len(values):
        return np.zeros(H), np.zeros(S)
    if attention == "additive":
        scores = np.tanh(query @ p.attention.query_kernel + values @ p.attention.key_kernel) @ p.attention.score
    else:
        scores = values @ (query @ p.attention.query_kernel) / H**0.5
    weights = np.exp(scores) / np.exp(scores).sum()
    return weights @ values, np.pad(weights, (0, S - len(weights)))


def decoded(p, row, context, feed, attention):
    """Logits and weights of a row at every step."""
    values = encoded(p, row)
    vector = values[-1] if len(values) else np.zeros(H)
    if context == "transformed":
        vector = np.tanh(vector @ p.bridge.kernel + p.bridge.bias)
    starts_there = context != "none" and feed != "every"
    h, y, weights, found = vector if starts_there else np.zeros(H), np.zeros(H), np.zeros(S), []
    for symbol in (START, *TARGETS[:-1, row]):
        x = p.target_embedding.table[symbol]
        if context == "attention":
            vector, weights = attended(p, attention, y, values)
        if context == "attention" or (context != "none" and feed != "initial"):
            x = np.concatenate([x, vector])
        h = y = advance(p.decoder, h, x)
        found.append((y @ p.readout.kernel + p.readout.bias, weights))
    return map(np.stack, zip(*found, strict=True))


def run(form):
    net, params = model(*form)

    @jax.jit
    def outputs(params, source, targets):
        return teacher_forcing(net, params, net.encode(params, source, jnp.asarray(LENGTHS)), targets, START)

    return params, outputs(params, SOURCE, TARGETS)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(filter(None, form)))
def test_every_form_is_its_equations(form):
    params, outputs = run(form)
    params = jax.tree.map(np.asarray, params)
    for row in range(B):
        logits, weights = decoded(params, row, *form)
        np.testing.assert_allclose(outputs.logits[:, row], logits, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(outputs.weights[:, :, row], weights, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("feed", ["initial", "both"])
def test_the_context_fills_every_leaf_of_the_state(feed):
    net, params = model("last", feed, None, decoder=lstm)
    memory = net.encode(params, jnp.asarray(SOURCE), jnp.asarray(LENGTHS))
    state, y = net.initial_state(params, memory)
    p = jax.tree.map(np.asarray, params)
    expected = [values[-1] if len(values) else np.zeros(H) for values in (encoded(p, row) for row in range(B))]
    np.testing.assert_allclose(state.c, expected, rtol=1e-12)
    np.testing.assert_allclose(state.h, expected, rtol=1e-12)
    assert not np.any(y)
