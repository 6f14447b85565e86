"""The end-to-end memory network against sums written out in numpy, its padding, and what it refuses."""

import functools
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import filled, relative_error
from jax.test_util import check_grads

from recurrent.memories import memory_network, position_weights, sentence_vectors

V, D, HOPS, FACTS, B, WORDS, ASKED = 9, 5, 3, 6, 3, 4, 3
KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
QUESTION = RNG.integers(1, V, (B, ASKED))
QUESTION[1, 2:] = 0
STORY = RNG.integers(1, V, (FACTS, B, WORDS))
STORY[1, 0, 2:] = STORY[3, 1, :1] = 0
STORY[4:, 1] = STORY[:, 2] = 0
"""Six facts, four, and none; some sentences are shorter, one is padded in front."""

FORMS = {
    "adjacent": {},
    "adjacent-answers": {"answers": 4, "max_facts": None},
    "layerwise": {"tying": "layerwise", "max_facts": 8},
    "layerwise-bag": {"tying": "layerwise", "answers": 4, "position_encoding": False},
}


@functools.cache
def setting(form):
    network = memory_network(V, D, HOPS, param_dtype=jnp.float64, **FORMS[form])
    params = jax.tree.map(lambda leaf: 2 * leaf, filled(jax.eval_shape(network.init, KEY), 1))
    return network, params, jax.jit(network.apply)


def vector_by_hand(table, sentence, encoded):
    words = [word for word in sentence if word != 0]
    total = np.zeros(D)
    for j, word in enumerate(words, 1):
        for k in range(1, D + 1):
            weight = (1 - j / len(words)) - k / D * (1 - 2 * j / len(words)) if encoded else 1
            total[k - 1] += weight * table[word, k - 1]
    return total


def answer_by_hand(params, story, question, *, tying="adjacent", position_encoding=True, **options):
    """Logits and attention for one story, a list of the facts that there are."""
    tables, own = np.asarray(params.words), params.output
    a_of, c_of, b = ([*range(HOPS)], [*range(1, HOPS + 1)], 0) if tying == "adjacent" else ([0] * HOPS, [1] * HOPS, 2)

    def memory(table):
        rows = [vector_by_hand(tables[table], fact, position_encoding) for fact in story]
        if params.ages is not None:
            rows = [row + np.asarray(params.ages)[table, len(story) - 1 - i] for i, row in enumerate(rows)]
        return np.reshape(rows, (-1, D))

    u, attention = vector_by_hand(tables[b], question, position_encoding), []
    for a, c in zip(a_of, c_of, strict=True):
        scores = memory(a) @ u
        p = np.exp(scores) / np.exp(scores).sum()
        u = (u if tying == "adjacent" else u @ np.asarray(params.transition)) + p @ memory(c)
        attention.append(p)
    return u @ (np.where(np.arange(V)[:, None] > 0, tables[-1], 0).T if own is None else np.asarray(own)), attention


@pytest.mark.parametrize("form", FORMS)
def test_against_the_sums_in_numpy(form):
    _, params, run = setting(form)
    mask = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]], bool)
    logits, attention = run(params, jnp.asarray(STORY), jnp.asarray(QUESTION), mask=jnp.asarray(mask))
    for row in range(B):
        expected, weights = answer_by_hand(params, STORY[mask[:, row], row], QUESTION[row], **FORMS[form])
        assert relative_error(logits[row], expected) < 1e-12
        for hop in range(HOPS):
            assert not attention[hop, ~mask[:, row], row].any()
            np.testing.assert_allclose(attention[hop, mask[:, row], row], weights[hop], rtol=1e-11)


def test_shapes_of_the_parameters_are_those_of_the_tying():
    shapes = {form: jax.tree.map(jnp.shape, setting(form)[1]._asdict()) for form in FORMS}
    assert shapes["adjacent"] == {"words": (4, V, D), "ages": (4, 50, D), "transition": None, "output": None}
    assert shapes["adjacent-answers"] == {"words": (4, V, D), "ages": None, "transition": None, "output": (D, 4)}
    assert shapes["layerwise"] == {"words": (3, V, D), "ages": (2, 8, D), "transition": (D, D), "output": (D, V)}
    drawn = memory_network(200, 20, 1).init(KEY)
    assert drawn.words.std() == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("form", ["adjacent", "layerwise"])
def test_gradients_equal_central_differences(form):
    network, params, _ = setting(form)
    weights = jnp.cos(jnp.arange(B * V, dtype=jnp.float64)).reshape(B, V)
    facts, question = jnp.asarray(STORY), jnp.asarray(QUESTION)
    loss = jax.jit(lambda p: jnp.sum(weights * network.apply(p, facts, question)[0]))
    check_grads(loss, (params,), order=1, modes=["rev"], atol=1e-6, rtol=1e-6, eps=3e-6)


def value_and_gradient(form, mask):
    def loss(params, facts, question):
        logits, attention = setting(form)[0].apply(params, facts, question, mask=mask)
        return jnp.sum(logits**2) + jnp.sum(attention**2), (logits, attention)

    return jax.jit(jax.value_and_grad(loss, has_aux=True))


def test_a_fact_that_is_masked_reaches_nothing():
    """Its words are found in no other fact, and their vectors are NaN, as is that of padding."""
    mask = jnp.asarray(np.arange(FACTS)[:, None] != np.array([[5, 2, 0]]))
    clean = jnp.asarray(np.where(STORY >= V - 1, 1, STORY))
    question, params = jnp.where(jnp.asarray(QUESTION) >= V - 1, 1, QUESTION), setting("layerwise")[1]
    poisoned = params._replace(words=params.words.at[:, jnp.array([0, V - 1])].set(jnp.nan))
    run = value_and_gradient("layerwise", mask)
    (_, outputs), gradient = run(poisoned, jnp.where(mask[..., None], clean, V - 1), question)
    (_, expected), expected_gradient = run(params, clean, question)
    assert relative_error(outputs, expected) == 0
    assert relative_error(gradient, expected_gradient) == 0
    assert not gradient.words[:, [0, V - 1]].any()


def test_padding_is_not_looked_at_where_it_is_an_answer():
    _, params, run = setting("adjacent")
    poisoned = params._replace(words=params.words.at[:, 0].set(jnp.nan))
    logits, _ = run(poisoned, jnp.asarray(STORY), jnp.asarray(QUESTION))
    assert np.isfinite(logits).all()
    assert not logits[:, 0].any()


def test_without_facts_the_question_alone_is_answered():
    _, params, run = setting("adjacent")
    logits, attention = run(params, jnp.asarray(STORY), jnp.asarray(QUESTION))
    expected = answer_by_hand(params, [], QUESTION[2])[0]
    assert not attention[:, :, 2].any()
    np.testing.assert_allclose(logits[2], expected, rtol=1e-12)
    gradient = value_and_gradient("adjacent", None)(params, jnp.asarray(0 * STORY), jnp.asarray(QUESTION))[1]
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    none, attention = run(params, jnp.zeros((0, B, WORDS), int), jnp.asarray(QUESTION))
    assert attention.shape == (HOPS, 0, B)
    np.testing.assert_allclose(none[2], expected, rtol=1e-12)


def test_facts_without_words_are_padding_and_count_for_no_age():
    _, params, run = setting("adjacent")
    spread = np.insert(STORY, [2, 4], 0, axis=0)
    logits, attention = run(params, jnp.asarray(spread), jnp.asarray(QUESTION))
    expected, weights = run(params, jnp.asarray(STORY), jnp.asarray(QUESTION))
    np.testing.assert_allclose(logits, expected, rtol=1e-12)
    np.testing.assert_allclose(np.delete(attention, [2, 5], axis=1), weights, rtol=1e-12)


def test_any_batch_axes():
    _, params, run = setting("adjacent")
    facts, question = jnp.asarray(STORY), jnp.asarray(QUESTION)
    logits, attention = run(params, facts, question)
    alone, alone_attention = run(params, facts[:, 0], question[0])
    assert relative_error((alone, alone_attention), (logits[0], attention[:, :, 0])) < 1e-12
    twice, _ = run(params, facts[:, None], question[None])
    assert relative_error(twice, logits[None]) < 1e-12


def test_position_weights_are_those_of_the_paper():
    words = jnp.array([[3, 1, 4, 0, 0], [0, 0, 0, 0, 0], [0, 2, 0, 7, 0]])
    found = position_weights(words, 4, jnp.float64)
    for row, places in enumerate([[0, 1, 2], [], [1, 3]]):
        expected = np.zeros((5, 4))
        for j, place in enumerate(places, 1):
            expected[place] = [(1 - j / len(places)) - k / 4 * (1 - 2 * j / len(places)) for k in (1, 2, 3, 4)]
        np.testing.assert_allclose(found[row], expected, atol=1e-15)


def test_half_precision_tables_are_summed_in_float32():
    table = jax.random.normal(KEY, (V, D)).astype(jnp.bfloat16)
    found = sentence_vectors(table, jnp.asarray(STORY))
    assert found.dtype == jnp.float32
    assert relative_error(found, sentence_vectors(table.astype(jnp.float32), jnp.asarray(STORY))) == 0
    network = memory_network(V, D, 1, tying="layerwise", dtype=jnp.bfloat16)
    logits, _ = jax.eval_shape(network.apply, jax.eval_shape(network.init, KEY), jnp.asarray(STORY), jnp.asarray(QUESTION))
    assert logits.dtype == jnp.float32


def test_it_compares_hashes_prints_and_pickles_as_the_call_that_made_it():
    network = memory_network(V, D, 2, tying="layerwise")
    assert network == memory_network(V, D, 2, tying="layerwise")
    assert network != memory_network(V, D, 3, tying="layerwise")
    assert pickle.loads(pickle.dumps(network)) == network
    assert str(network) == "memory_network(9, 5, 2, tying='layerwise')"


def applied(facts=STORY, question=QUESTION, form="adjacent", mask=None, params=None):
    network, own, _ = setting(form)
    return network.apply(own if params is None else params, jnp.asarray(facts), jnp.asarray(question), mask=mask)


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda: memory_network(0, D, 1), "memory_network: vocabulary must be a positive integer; got 0"),
        (lambda: memory_network(V, float("nan"), 1), "width must be a positive integer; got nan"),  # pyright: ignore
        (lambda: memory_network(V, D, 0), "memory_network: hops must be an integer of at least 1; got 0"),
        (lambda: memory_network(V, D, 1, answers=0), "answers must be an integer of at least 1; got 0"),
        (lambda: memory_network(V, D, 1, max_facts=0), "max_facts must be an integer of at least 1; got 0"),
        (lambda: memory_network(V, D, 1, tying="none"), 'tying must be "adjacent" or "layerwise"; got .none.'),  # pyright: ignore
        (lambda: memory_network(V, D, 1, position_encoding="bow"), "position_encoding must be True or False"),  # pyright: ignore
        (lambda: applied(STORY.astype(float)), r"facts must be integers \[facts, \*batch, words\]; got dtype float64"),
        (lambda: applied(question=QUESTION[:2]), r"questions \[\*batch, words\]; got \(6, 3, 4\) and \(2, 3\)"),
        (lambda: applied(STORY.repeat(9, axis=0)), "vectors for 50 ages, and 54 facts: raise max_facts"),
        (lambda: applied(mask=np.ones((FACTS, B + 1), bool)), r"mask must have shape .* = \(6, 3\); got \(6, 4\)"),
        (lambda: applied(mask=np.ones((FACTS, B))), "mask must be boolean; got dtype float64"),
        (lambda: applied(params=setting("layerwise")[1]), r"params.words must have the shape .*\(4, 9, 5\); got \(3, 9, 5\)"),
        (lambda: applied(params=setting("adjacent")[1]._replace(ages=None)), "params.ages must be an array for these options"),
        (
            lambda: applied(params=setting("adjacent")[1]._replace(output=jnp.zeros((D, V)))),
            "params.output must be None for these options",
        ),
    ],
)
def test_mistakes_are_refused(mistake, message):
    with pytest.raises(ValueError, match=message):
        mistake()
