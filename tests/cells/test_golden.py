"""Values and all gradients of the cells against stored results of torch (see `golden/make_golden.py`)."""

from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import relative_error
from jax import Array

from recurrent import Cell, elman, gru, lstm, unroll
from recurrent.cells import LSTMState
from recurrent.interop import params_from

GOLDEN = Path(__file__).parent / "golden"
INPUT, HIDDEN = 3, 5
TOLERANCE = 1e-10


CELLS = {
    "rnn_tanh": elman(INPUT, HIDDEN, activation="tanh", param_dtype=jnp.float64),
    "rnn_relu": elman(INPUT, HIDDEN, activation="relu", param_dtype=jnp.float64),
    "lstm": lstm(INPUT, HIDDEN, param_dtype=jnp.float64),
    "gru": gru(INPUT, HIDDEN, reset="after", param_dtype=jnp.float64),
}


def load(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"{name}.npz") as arrays:
        return dict(arrays)


def results(cell: Cell, leaves: dict[str, Array], backprop: str) -> dict[str, Array]:
    """Outputs and final state as a function of torch's parameters, the inputs and the initial state."""
    state = LSTMState(c=leaves["c0"], h=leaves["h0"]) if "c0" in leaves else leaves["h0"]
    params = params_from("torch", cell, {name: leaf for name, leaf in leaves.items() if name.endswith("_l0")})
    final_state, ys = unroll(cell, params, leaves["xs"], state, backprop=backprop)
    if "c0" in leaves:
        return {"outputs": ys, "final_h": final_state.h, "final_c": final_state.c}
    return {"outputs": ys, "final_h": final_state}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("backprop", ["autodiff", "explicit"])
def test_equals_torch(name, backprop):
    golden = load(name)
    leaves = {key: golden[key] for key in golden if f"grad_{key}" in golden}

    def loss(leaves):
        found = results(CELLS[name], leaves, backprop)
        weighted = (jnp.sum(golden[f"loss_{key}"] * value) for key, value in found.items())
        return sum(weighted, jnp.zeros(())), found

    (_, values), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(leaves)
    found = values | {f"grad_{key}": gradient for key, gradient in gradients.items()}
    chex.assert_tree_all_finite(found)
    errors = {key: relative_error(value, golden[key]) for key, value in found.items()}
    assert {key: error for key, error in errors.items() if not error < TOLERANCE} == {}


@pytest.mark.parametrize("name", CELLS)
def test_golden_files_can_tell(name):
    """Complete, in float64, nothing hidden behind zeros, and a relu network that is on both sides of its kink."""
    golden = load(name)
    assert str(golden.pop("torch_version")).startswith("2.13.")
    parameters = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "xs", "h0"] + ["c0"] * (name == "lstm")
    assert {f"grad_{key}" for key in parameters} == {key for key in golden if key.startswith("grad_")}
    assert all(array.dtype == np.float64 and np.isfinite(array).all() for array in golden.values())
    assert all(np.all(golden[key] != 0) for key in parameters)
    assert all(np.any(golden[f"grad_{key}"] != 0) for key in parameters)
    if name == "rnn_relu":
        assert 0.2 < np.mean(golden["outputs"] > 0) < 0.8
