"""The wrong kind of object in the place of a cell, a layer, params or a state: the message says what it is and what to do."""

import jax
import jax.numpy as jnp
import pytest
from helpers import random_array

from recurrent import Cell, backpropagate, gradient_decay, gru, lstm, scanned, serial, unroll, unroll_parallel, unroll_truncated
from recurrent.flow import state_gradients
from recurrent.layers import scanned_parallel

CELL = lstm(3, 4, param_dtype=jnp.float64)
PARAMS = CELL.init(jax.random.key(0))
XS = random_array((5, 2, 3), 1)
YS = random_array((5, 2, 4), 2)

DRIVERS = {
    "unroll": unroll,
    "unroll_truncated": lambda *given: unroll_truncated(*given, window=2),
    "unroll_parallel": unroll_parallel,
    "backpropagate": lambda *given: backpropagate(*given, YS),
    "gradient_decay": lambda *given: gradient_decay(*given, lambda state: state.h.sum()),
    "state_gradients": lambda *given: state_gradients(*given, lambda run: run.ys.sum()),
}
every_driver = pytest.mark.parametrize("driver", list(DRIVERS))


def zeros(params, batch_shape=()):
    return jnp.zeros((*batch_shape, 3))


def add(params, state, x_t):
    return state + x_t, state


def of(step=add, initial_state=zeros):
    return Cell(lambda key: (), initial_state, step)


@every_driver
def test_params_in_the_place_of_the_cell(driver):
    with pytest.raises(ValueError, match="(?i)cell.*LSTMParams"):
        DRIVERS[driver](PARAMS, CELL, XS)


@every_driver
def test_a_layer_in_the_place_of_the_cell(driver):
    with pytest.raises(ValueError, match=r"(?i)cell.*Layer.*apply\(params, xs\)"):
        DRIVERS[driver](scanned(CELL), PARAMS, XS)


def test_a_factory_in_the_place_of_its_cell():
    with pytest.raises(ValueError, match="(?i)cell.*function"):
        unroll(lstm, PARAMS, XS)


@pytest.mark.parametrize("make", [scanned, scanned_parallel])
def test_a_layer_is_not_scanned_again(make):
    with pytest.raises(ValueError, match="(?i)cell.*Layer"):
        make(scanned(CELL))


def test_serial_of_a_cell_names_the_layer_to_make_of_it():
    with pytest.raises(ValueError, match=r"serial.*cell.*scanned\("):
        serial(CELL)


RETURNED = {
    "a tuple of one": (lambda params, state, x_t: (state + x_t,), "tuple of (length )?1"),
    "a tuple of three": (lambda params, state, x_t: (state + x_t, state, state), "tuple of (length )?3"),
    "the state alone": (lambda params, state, x_t: state + x_t, "got"),
    "nothing": (lambda params, state, x_t: None, "None"),
}


@pytest.mark.parametrize("backprop", ["autodiff", "explicit"])
@pytest.mark.parametrize("returned", list(RETURNED))
def test_a_step_returns_a_state_and_an_output(returned, backprop):
    step, found = RETURNED[returned]
    with pytest.raises(ValueError, match=rf"step must return .*\(state, y_t\).*{found}"):
        unroll(of(step), (), XS, backprop=backprop)


def test_two_rows_are_not_taken_for_a_state_and_an_output():
    with pytest.raises(ValueError, match=r"step must return .*\(state, y_t\)"):
        unroll(of(lambda params, state, x_t: jnp.stack([state[0], x_t[0]])), (), XS)


@pytest.mark.parametrize("num_steps", [0, 5])
def test_an_initial_state_without_the_batch_axes_is_blamed_itself(num_steps):
    cell = of(initial_state=lambda params, batch_shape=(): jnp.zeros(3))
    with pytest.raises(ValueError, match=r"initial_state.*batch_shape.*\(2,\).*\(3,\)"):
        unroll(cell, (), XS[:num_steps])


@pytest.mark.parametrize("flags", [{}, {"lengths": jnp.array([3, 5])}], ids=["whole", "padded"])
def test_a_counter_without_the_batch_axes_is_named(flags):
    def step(params, state, x_t):
        return {"clock": state["clock"] + 1, "h": state["h"] + x_t}, x_t

    def initial_state(params, batch_shape=()):
        return {"clock": jnp.zeros((), jnp.int32), "h": zeros(params, batch_shape)}

    with pytest.raises(ValueError, match="initial_state.*batch.*clock"):
        unroll(of(step, initial_state), (), XS, **flags)


def test_an_initial_state_that_takes_no_batch_shape():
    with pytest.raises(ValueError, match=r"initial_state.*\(params, batch_shape"):
        unroll(of(initial_state=lambda params: jnp.zeros(3)), (), XS)


def test_a_mistake_inside_initial_state_is_shown_as_it_is():
    with pytest.raises(TypeError, match="unsupported operand"):
        unroll(of(initial_state=lambda params, batch_shape=(): jnp.zeros(3) + None + "3"), (), XS)


def test_a_state_of_one_array_is_not_called_leaf_dot():
    cell = gru(3, 4)
    params = cell.init(jax.random.key(0))
    with pytest.raises(ValueError, match=r"the given state.*\(3, 4\).*expected \(2, 4\)") as caught:
        unroll(cell, params, XS.astype(jnp.float32), jnp.zeros((3, 4), jnp.float32))
    assert "leaf ." not in str(caught.value)


def test_a_leaf_of_a_larger_state_is_named():
    wrong = CELL.initial_state(PARAMS, (2,))._replace(h=jnp.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"the given state.*\.h .*\(3, 4\).*expected \(2, 4\)"):
        unroll(CELL, PARAMS, XS, wrong)


def test_the_documentation_says_how_to_run_over_batch_major_sequences():
    for function in (unroll_truncated, unroll_parallel, scanned):
        assert "unroll" in function.__doc__
    assert "time-major" in unroll.__doc__
    before_the_arguments = unroll.__doc__.split("Args:")[0]
    assert "jnp.swapaxes(xs, 0, 1)" in before_the_arguments
