"""Forward mode through the explicit pass: refused with the remedy, compiled or not."""

import jax
import jax.numpy as jnp
import pytest
from helpers import random_array, relative_error

from recurrent import gru, unroll, unroll_truncated

CELL = gru(3, 4, param_dtype=jnp.float64)
PARAMS = CELL.init(jax.random.key(0))
XS = random_array((5, 2, 3), 1)


def run(xs, backprop="explicit"):
    return unroll(CELL, PARAMS, xs, backprop=backprop)[1]


FORWARDS = {
    "jvp": lambda: jax.jvp(run, (XS,), (XS,)),
    "jvp of jit": lambda: jax.jvp(jax.jit(run), (XS,), (XS,)),
    "jit of jvp": lambda: jax.jit(lambda xs: jax.jvp(run, (xs,), (xs,)))(XS),
    "jacfwd": lambda: jax.jacfwd(run)(XS),
    "linearize of jit": lambda: jax.linearize(jax.jit(run), XS)[1](XS),
    "truncated": lambda: jax.jvp(
        jax.jit(lambda xs: unroll_truncated(CELL, PARAMS, xs, window=2, backprop="explicit")[1]), (XS,), (XS,)
    ),
}


@pytest.mark.parametrize("forwards", list(FORWARDS))
def test_the_remedy_is_named(forwards):
    with pytest.raises(TypeError, match='backprop="autodiff"'):
        FORWARDS[forwards]()


def test_forwards_over_backwards_is_the_second_derivative():
    direction = random_array(XS.shape, 2)

    def product(backprop):
        gradient = jax.grad(lambda xs: jnp.sum(jnp.sin(run(xs, backprop))))
        return jax.jit(lambda xs: jax.jvp(gradient, (xs,), (direction,))[1])(XS)

    assert relative_error(product("explicit"), product("autodiff")) < 1e-10
