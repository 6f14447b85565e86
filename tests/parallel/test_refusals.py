"""Newton's method refuses a step without a forward derivative, and nothing else."""

import functools

import jax
import jax.numpy as jnp
import pytest
from helpers import random_array, relative_error

from recurrent import Cell, elman, unroll, unroll_parallel

INNER = elman(3, 4, param_dtype=jnp.float64)
PARAMS = INNER.init(jax.random.key(0))
XS = random_array((5, 2, 3), 1)
NEWTON = ["deer", "quasi_deer", "elk"]


@jax.custom_vjp
def reverse_only(x):
    return x


reverse_only.defvjp(lambda x: (x, None), lambda _, dx: (0.5 * dx,))


def of(step):
    return Cell(INNER.init, INNER.initial_state, step)


THROUGH_THE_STATE = {
    "state before": lambda params, h, x_t: INNER.step(params, reverse_only(h), x_t),
    "state after": lambda params, h, x_t: (reverse_only(INNER.step(params, h, x_t)[0]),) * 2,
    "inside jit": lambda params, h, x_t: INNER.step(params, jax.jit(reverse_only)(h), x_t),
    "inside a branch": lambda params, h, x_t: INNER.step(params, jax.lax.cond(True, reverse_only, lambda h: h, h), x_t),
}


@pytest.mark.parametrize("method", NEWTON)
@pytest.mark.parametrize("where", list(THROUGH_THE_STATE))
def test_a_reverse_rule_of_the_state_is_refused(where, method):
    run = jax.jit(functools.partial(unroll_parallel, of(THROUGH_THE_STATE[where]), method=method))
    with pytest.raises(ValueError, match="custom reverse-mode gradient.*use unroll"):
        run(PARAMS, XS)


@pytest.mark.parametrize("method", NEWTON)
def test_a_reverse_rule_of_the_input_is_no_obstacle(method):
    cell = of(lambda params, h, x_t: INNER.step(params, h, reverse_only(x_t)))
    found = jax.jit(functools.partial(unroll_parallel, cell, method=method))(PARAMS, XS)[:2]
    assert relative_error(found, unroll(INNER, PARAMS, XS)) < 1e-12


def test_the_gradient_of_a_reverse_rule_of_the_input_is_that_of_the_rule():
    cell = of(lambda params, h, x_t: INNER.step(params, h, reverse_only(x_t)))
    gradient = lambda run, cell: jax.jit(jax.grad(lambda xs: jnp.sum(jnp.sin(run(cell, PARAMS, xs)[1]))))(XS)  # noqa: E731
    assert relative_error(gradient(unroll_parallel, cell), 0.5 * gradient(unroll, INNER)) < 1e-10


@pytest.mark.parametrize("method", NEWTON)
def test_other_errors_of_a_step_are_shown_as_they_are(method):
    def step(params, h, x_t):
        if x_t.ndim > 2:
            raise TypeError("my custom_vjp takes one step at a time")
        return INNER.step(params, h, x_t)

    with pytest.raises(TypeError, match="takes one step at a time"):
        unroll_parallel(of(step), PARAMS, XS, method=method)
