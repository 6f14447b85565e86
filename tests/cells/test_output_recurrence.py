"""The output recurrence, run free and forced, against its equations in numpy."""

import jax
import numpy as np
import pytest
from helpers import perturbed, random_array

from recurrent import unroll
from recurrent.cells import output_recurrence, teacher_forced

T, B, D, H, O = 5, 3, 2, 4, 3
XS, TARGETS, STATE = random_array((T, B, D), 2), random_array((T, B, O), 3), random_array((B, O), 4)


def drawn():
    cell = output_recurrence(D, H, O, param_dtype=XS.dtype)
    return cell, perturbed(cell.init(jax.random.key(0)), 1)


def output(params, before, x):
    p = jax.tree.map(np.asarray, params)
    hidden = np.tanh(np.asarray(x) @ p.input_kernel + np.asarray(before) @ p.recurrent_kernel + p.bias)
    return hidden @ p.output_kernel + p.output_bias


@pytest.mark.parametrize("state", [None, STATE], ids=["from zero", "from a state"])
def test_forced_by_the_targets(state):
    cell, params = drawn()
    found = teacher_forced(cell, params, XS, TARGETS, state)
    first = np.zeros((B, O)) if state is None else state
    for t in range(T):
        np.testing.assert_allclose(found[t], output(params, TARGETS[t - 1] if t else first, XS[t]), rtol=1e-12)


def test_run_free():
    cell, params = drawn()
    final, ys = unroll(cell, params, XS, STATE)
    before = STATE
    for t in range(T):
        before = output(params, before, XS[t])
        np.testing.assert_allclose(ys[t], before, rtol=1e-12)
    np.testing.assert_array_equal(final, ys[-1])
