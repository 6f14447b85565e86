"""Train steps and the training loop given what they do not take: a loss of another form, a stack of states."""

import re

import jax
import jax.numpy as jnp
import optax
import pytest

from recurrent import fit, init_train_state, make_optimizer, make_train_step

OPTIMIZER = make_optimizer(0.1)
FORM = r"(?s)(?=.*\(params, carry, batch, key\))"


def state():
    return init_train_state(jnp.arange(3.0, dtype=jnp.float32), OPTIMIZER, jax.random.key(0))


def total(params):
    return jnp.sum(params**2)


@pytest.fixture(autouse=True)
def standard_promotion():
    """optax's Adam multiplies floats and integers."""
    with jax.numpy_dtype_promotion("standard"):
        yield


OTHER_ARGUMENTS = {
    "two": lambda params, batch: (total(params), ((), {})),
    "three": lambda params, batch, key: (total(params), ((), {})),
    "five": lambda params, carry, batch, key, step: (total(params), ((), {})),
}


@pytest.mark.parametrize("arguments", list(OTHER_ARGUMENTS))
def test_a_loss_of_other_arguments_is_refused_with_the_form_it_should_have(arguments):
    with pytest.raises(ValueError, match=FORM):
        make_train_step(OTHER_ARGUMENTS[arguments], OPTIMIZER)(state(), jnp.ones(2))


OTHER_RESULTS = {
    "the loss alone": lambda params, carry, batch, key: total(params),
    "no carry": lambda params, carry, batch, key: (total(params), {"accuracy": 1.0}),
    "no metrics": lambda params, carry, batch, key: (total(params), carry),
    "three results": lambda params, carry, batch, key: (total(params), carry, {}),
}


@pytest.mark.parametrize("result", list(OTHER_RESULTS))
def test_a_loss_of_other_results_is_refused_with_the_form_it_should_have(result):
    with pytest.raises(ValueError, match=re.escape("(loss, (carry, aux))")):
        jax.jit(make_train_step(OTHER_RESULTS[result], OPTIMIZER))(state(), jnp.ones(2))


def test_a_loss_per_row_is_refused():
    rows = lambda params, carry, batch, key: (params**2, (carry, {}))  # noqa: E731
    with pytest.raises((TypeError, ValueError), match=r"(?s)scalar.*\(3,\)"):
        make_train_step(rows, OPTIMIZER)(state(), jnp.ones(2))


def test_optional_arguments_and_wrapped_losses_are_fine():
    def loss(params, carry, batch, key=None, *, scale=2.0):
        return scale * total(params), (carry, {})

    for accepted in (loss, jax.jit(loss), jax.tree_util.Partial(loss, scale=3.0), lambda *given: loss(*given)):
        _, metrics = make_train_step(accepted, OPTIMIZER)(state(), jnp.ones(2))
        assert metrics.loss in (10.0, 15.0)


def test_a_mistake_inside_the_loss_is_shown_as_it_is():
    def broken(params, carry, batch, key):
        return total(params, batch), (carry, {})

    with pytest.raises(TypeError, match="total"):
        make_train_step(broken, OPTIMIZER)(state(), jnp.ones(2))


def test_fit_of_a_stack_of_states_says_how_to_train_many():
    step = make_train_step(lambda params, carry, batch, key: (total(params), (carry, {})), OPTIMIZER)
    keys = jax.random.split(jax.random.key(0), 4)
    many = jax.vmap(lambda key: init_train_state(jnp.ones(3, jnp.float32), OPTIMIZER, key))(keys)
    with pytest.raises(ValueError, match=r"(?s)(?=.*one train state)(?=.*\(4,\))(?=.*vmap)"):
        fit(jax.vmap(step, in_axes=(0, None)), many, lambda position: jnp.ones(2), 3, progress=False)


def test_a_stack_of_states_is_trained_by_vmap():
    step = make_train_step(lambda params, carry, batch, key: (total(params - batch), (carry, {})), optax.sgd(0.1))
    starts = jnp.asarray([[1.0], [3.0]], jnp.float32)
    many = jax.vmap(lambda params: init_train_state(params, optax.sgd(0.1), jax.random.key(0)))(starts)
    after, metrics = jax.jit(jax.vmap(step, in_axes=(0, None)))(many, jnp.float32(2.0))
    assert jnp.allclose(metrics.loss, jnp.asarray([1.0, 1.0]))
    assert jnp.allclose(after.params, starts - 0.2 * (starts - 2))
