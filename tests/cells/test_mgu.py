"""The minimal gated unit against its equations in numpy, and where it is a vanilla network or holds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import drawn, random_array, relative_error

from recurrent import count_parameters, elman, unroll
from recurrent.cells import ElmanParams, MGUParams, mgu, mgu_step

T, B, D, H = 6, 3, 2, 4
XS = random_array((T, B, D), 1)
F64 = {"param_dtype": jnp.float64}


def test_mgu_against_numpy():
    cell = mgu(D, H, **F64)
    params, state = drawn(cell)
    (u_f, u_n), (w_f, w_n), (b_f, b_n) = (np.split(np.asarray(leaf), 2, axis=-1) for leaf in params)
    h, expected = np.asarray(state), []
    for x in np.asarray(XS):
        f = 1 / (1 + np.exp(-(x @ u_f + h @ w_f + b_f)))
        n = np.tanh(x @ u_n + (f * h) @ w_n + b_n)
        h = h - f * h + f * n
        expected.append(h)
    final, ys = jax.jit(lambda *a: unroll(cell, *a))(params, XS, state)
    assert relative_error((ys, final), (np.stack(expected), h)) < 1e-13
    assert relative_error(mgu_step(params, state, XS[0])[0], expected[0]) < 1e-13
    assert count_parameters(params) == 2 * H * (H + D + 1)


@pytest.mark.parametrize("is_open", [True, False])
def test_an_open_gate_makes_it_vanilla_and_a_closed_one_holds(is_open):
    """A bias of ±10⁴ pins f to 1 or 0 in float64."""
    params, state = drawn(mgu(D, H, **F64))
    params = params._replace(bias=params.bias.at[:H].set(1e4 if is_open else -1e4))
    h_t, y_t = mgu_step(params, state, XS[0])
    vanilla = ElmanParams(*(leaf[..., H:] for leaf in params))
    expected = elman(D, H, **F64).step(vanilla, state, XS[0])[0] if is_open else state
    assert relative_error((h_t, y_t), (expected, expected)) < 1e-14


def test_parameters_of_another_cell_are_refused():
    cell = mgu(D, H, **F64)
    params, state = drawn(cell)
    with pytest.raises(ValueError, match=r"params.recurrent_kernel must have the shape \[hidden, 2\*hidden\]"):
        cell.step(MGUParams(params.input_kernel, params.recurrent_kernel[:, :H], params.bias), state, XS[0])
