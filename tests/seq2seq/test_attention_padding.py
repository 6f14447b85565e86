"""Attention over padded keys and values: whatever stands in the padding reaches neither the context nor a gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_array, relative_error

from recurrent.seq2seq import additive, attend, multiplicative

S, B, Q, K, V = 5, 3, 2, 4, 6
LENGTHS = np.array([5, 2, 0])
MASK = jnp.asarray(np.arange(S)[:, None] < LENGTHS)
HOLES = MASK.at[1, 0].set(False).at[0, 1].set(False)
FORMS = {
    "additive": lambda **dtypes: additive(Q, K, 3, **dtypes),
    "multiplicative": lambda **dtypes: multiplicative(Q, K, **dtypes),
}
every_form = pytest.mark.parametrize("form", list(FORMS))


def setting(form, dtype=jnp.float64):
    attention = FORMS[form]()
    params = jax.tree.map(lambda leaf: leaf.astype(dtype), attention.init(jax.random.key(0)))
    arrays = random_array((B, Q), 1, dtype), random_array((S, B, K), 2, dtype), random_array((S, B, V), 3, dtype)
    return attention, params, *arrays


def read(attention, params, query, keys, values, mask):
    memory = attention.prepare(params, keys, mask)
    return attend(attention.scores(params, query, memory), values, mask)


def loss(attention, mask):
    def of(params, query, keys, values):
        context, weights = read(attention, params, query, keys, values, mask)
        return jnp.sum(jnp.sin(context)) + jnp.sum(weights**2)

    return of


def poisoned(x, mask, poison):
    return jnp.where(mask[..., None], x, poison)


@every_form
@pytest.mark.parametrize("poison", [jnp.nan, jnp.inf, 1e300])
@pytest.mark.parametrize("mask", [MASK, HOLES], ids=["padding", "holes"])
def test_what_stands_in_the_padding_changes_nothing(form, poison, mask):
    attention, params, query, keys, values = setting(form)
    run = jax.jit(jax.value_and_grad(loss(attention, mask), argnums=(0, 1, 2, 3)))
    found = run(params, query, poisoned(keys, mask, poison), poisoned(values, mask, poison))
    assert relative_error(found, run(params, query, keys, values)) < 1e-12
    for gradient in found[1][2:]:
        assert not np.any(np.asarray(gradient)[~np.asarray(mask)])


@every_form
def test_a_padded_row_reads_what_the_unpadded_row_reads(form):
    attention, params, query, keys, values = setting(form)
    context, weights = read(attention, params, query, poisoned(keys, MASK, jnp.nan), values, MASK)
    np.testing.assert_allclose(weights.sum(axis=0), LENGTHS > 0, rtol=1e-12)
    for row, length in enumerate(LENGTHS):
        scores = np.asarray(attention.scores(params, query, attention.prepare(params, keys)))[:length, row]
        expected = np.exp(scores) / np.exp(scores).sum() @ np.asarray(values)[:length, row] if length else np.zeros(V)
        np.testing.assert_allclose(context[row], expected, rtol=1e-10)


@every_form
def test_nan_in_a_step_that_counts_is_not_hidden(form):
    attention, params, query, keys, values = setting(form)
    context, _ = read(attention, params, query, keys.at[1, 1].set(jnp.nan), values, MASK)
    assert np.all(np.isnan(context[1]))
    assert np.all(np.isfinite(context[0]))


@every_form
def test_half_precision_comes_back_as_half_precision(form):
    attention, params, *inputs = setting(form, jnp.float32)
    halves = [x.astype(jnp.bfloat16) for x in inputs]
    context, weights = read(attention, params, *halves, MASK)
    assert context.dtype == jnp.bfloat16
    exact = read(attention, params, *(x.astype(jnp.float32) for x in halves), MASK)
    np.testing.assert_allclose(np.asarray(weights, np.float32), exact[1], atol=0.02)
    np.testing.assert_allclose(np.asarray(context, np.float32), exact[0], atol=0.05)


@every_form
@pytest.mark.parametrize("param_dtype", [jnp.bfloat16, jnp.float32, jnp.float64])
def test_parameters_are_drawn_in_the_dtype_asked_for(form, param_dtype):
    drawn = FORMS[form](param_dtype=param_dtype).init(jax.random.key(0))
    assert {leaf.dtype for leaf in jax.tree.leaves(drawn)} == {jnp.dtype(param_dtype)}


@every_form
def test_products_are_taken_in_the_dtype_asked_for(form):
    attention, half = FORMS[form](), FORMS[form](dtype=jnp.bfloat16)
    _, params, query, keys, _ = setting(form, jnp.float32)
    exact, found = (np.asarray(a.scores(params, query, a.prepare(params, keys)), np.float32) for a in (attention, half))
    np.testing.assert_allclose(found, exact, atol=0.05)
    assert np.max(np.abs(found - exact)) > 1e-4
