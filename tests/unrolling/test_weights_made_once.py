"""Weights that a step makes of its parameters are made before the loop; what is cheap, or reads the state, is not moved."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from helpers import equations, perturbed, random_array, relative_error

from recurrent import Cell, elman, unroll
from recurrent.parametrizations import exponential
from recurrent.programs import HEAVY, made_once
from recurrent.wrappers import reparametrized

T, B, D, H = 5, 2, 3, 4


def operations(jaxpr):
    """Names of all operations, those of inner programs included."""
    return [equation.primitive.name for equation in equations(jaxpr)]


def loop_of(cell, params, xs):
    jaxpr = jax.make_jaxpr(functools.partial(unroll, cell))(params, xs)
    (loop,) = [e for e in jaxpr.jaxpr.eqns if e.primitive.name == "scan" and e.params["length"] == T]
    return sorted(set(operations(loop.params["jaxpr"].jaxpr)) & HEAVY), jaxpr


def test_an_exponential_map_is_computed_before_the_loop():
    inner = elman(D, H, param_dtype=jnp.float64)
    cell = reparametrized(inner, exponential())
    params, xs = perturbed(cell.init(jax.random.key(0)), 1), random_array((T, B, D), 2)
    assert set(operations(jax.make_jaxpr(cell.step)(params, jnp.zeros((B, H)), xs[0]).jaxpr)) & HEAVY > {"dot_general"}
    inside, whole = loop_of(cell, params, xs)
    assert inside == ["dot_general"]
    assert {"lu", "triangular_solve"} <= set(operations(whole.jaxpr))


def test_values_and_gradients_are_those_of_the_step():
    inner = elman(D, H, param_dtype=jnp.float64)

    def step(params, h_tm1, x_t):  # a product of parameters, a bias of which a part is cheap, a sum over the state
        kernel = params.recurrent_kernel @ params.recurrent_kernel.T
        moved = params._replace(recurrent_kernel=kernel * 0.3, bias=params.bias * 2 + kernel.sum(0))
        return inner.step(moved, h_tm1 + jnp.sum(h_tm1 @ kernel), x_t)

    cell = Cell(inner.init, inner.initial_state, step)
    params, xs, state = perturbed(inner.init(jax.random.key(0)), 1), random_array((T, B, D), 2), random_array((B, H), 3)

    def loop(params, xs, state):
        for x_t in xs:
            state, _ = step(params, state, x_t)
        return jnp.sum(state**3)

    expected = jax.value_and_grad(loop, (0, 1, 2))(params, xs, state)
    run = jax.jit(jax.value_and_grad(lambda *a: jnp.sum(unroll(cell, *a)[0] ** 3), (0, 1, 2)))
    assert relative_error(run(params, xs, state), expected) < 1e-12


def test_a_function_that_makes_no_matrix_is_left_as_it_is():
    weights = (jnp.arange(3.0), jnp.ones((3, 3)))
    function = lambda w, x: jnp.exp(w[0]) * x + x @ w[1]  # noqa: E731
    once = made_once(function, weights, jnp.ones(3))
    expected, found = (sorted(operations(jax.make_jaxpr(f)(jnp.ones(3)).jaxpr)) for f in (lambda x: function(weights, x), once))
    assert found == expected
    np.testing.assert_array_equal(once(jnp.ones(3)), function(weights, jnp.ones(3)))
