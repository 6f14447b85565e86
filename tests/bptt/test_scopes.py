"""A profile says which cell and which phase an operation belongs to."""

import jax
import jax.numpy as jnp
import pytest

from recurrent import lstm, stack, unroll
from recurrent.parallel import unroll_parallel

PHASES = ("project", "advance", "retreat", "collect")


def program(run, cell):
    params, xs = jax.eval_shape(cell.init, jax.random.key(0)), jax.ShapeDtypeStruct((5, 2, 3), jnp.float32)
    loss = lambda params, xs: jnp.sum(run(cell, params, xs)[1] ** 2)  # noqa: E731
    return jax.jit(jax.grad(loss)).lower(params, xs).as_text(debug_info=True)


@pytest.mark.parametrize("checkpoint_every", [None, 2])
def test_the_explicit_pass_names_its_phases(checkpoint_every):
    text = program(lambda *arguments: unroll(*arguments, backprop="explicit", checkpoint_every=checkpoint_every), lstm(3, 4))
    assert [phase for phase in PHASES if f"{phase}/" not in text] == []
    assert "(lstm)/" in text


def test_every_driver_names_the_cell():
    assert "stack" in program(unroll, stack(lstm(3, 4)))
    assert "lstm" in program(unroll_parallel, lstm(3, 4))
