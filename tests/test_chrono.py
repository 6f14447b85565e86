"""Chrono initialisation: the distribution of its time scales, the same u in both gates of an LSTM, and where it applies."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrent import gru, lstm
from recurrent.cells import layer_norm_lstm, lstm_variant, mgu
from recurrent.initializers import PerGate, chrono, log_time, normal

KEY = jax.random.key(5)
H, LONGEST = 1000, 101


def biases(cell, blocks):
    return np.split(np.asarray(cell.init(KEY).bias, np.float64), blocks)


def cheap(**options):
    return {"kernel_init": normal(1.0), "recurrent_init": lambda key, shape, dtype: jnp.zeros(shape, dtype), **options}


def assert_uniform(times):
    """Quantiles of U(1, LONGEST - 1) within four standard errors."""
    assert 1 <= times.min() < 2
    assert LONGEST - 2 < times.max() <= (LONGEST - 1) * (1 + 1e-6)
    for q in (0.1, 0.25, 0.5, 0.75, 0.9):
        error = 4 * (q * (1 - q) / times.size) ** 0.5
        assert abs(np.quantile(times, q) - (1 + q * (LONGEST - 2))) < error * (LONGEST - 2), q


def test_forget_and_input_gate_of_an_lstm_share_their_times():
    b_i, b_f, b_g, b_o = biases(lstm(1, H, **cheap(**chrono("lstm", LONGEST))), 4)
    assert_uniform(np.exp(b_f))
    np.testing.assert_array_equal(b_i, -b_f)
    assert not b_g.any()
    assert not b_o.any()


@pytest.mark.parametrize(
    ("make", "name", "blocks", "renews"),
    [(gru, "gru", 3, 1), (mgu, "mgu", 2, 0), (lambda *a, **kw: gru(*a, reset="after", **kw), "gru", 3, 1)],
    ids=["gru", "mgu", "gru, reset after"],
)
def test_one_gate_renews_a_unit_in_about_u_steps(make, name, blocks, renews):
    cell = make(1, H, **cheap(**chrono(name, LONGEST)))
    found = biases(cell, blocks)
    assert_uniform(np.exp(-found.pop(renews)))
    assert not np.any(found)
    assert not np.any(getattr(cell.init(KEY), "recurrent_bias", 0))


@pytest.mark.parametrize(
    ("options", "blocks"),
    [
        ({}, "ifgo"),
        ({"forget_gate": "coupled"}, "igo"),
        ({"forget_gate": None, "output_gate": False}, "ig"),
        ({"input_gate": False, "peepholes": True}, "fgo"),
        ({"output_gate": False, "gate_recurrence": True}, "ifg"),
    ],
    ids=str,
)
def test_a_variant_of_the_lstm_has_the_times_of_the_gates_that_it_has(options, blocks):
    whole = dict(zip("ifgo", biases(lstm(1, 16, **chrono("lstm", LONGEST)), 4), strict=True))
    found = biases(lstm_variant(1, 16, **options, **chrono("lstm", LONGEST)), len(blocks))
    np.testing.assert_array_equal(found, [whole[block] for block in blocks])


def test_the_bias_of_a_normalised_memory_stays_0():
    params = layer_norm_lstm(1, 16, **chrono("lstm", LONGEST)).init(KEY)
    b_i, b_f, b_g, b_o = np.split(np.asarray(params.bias), 4)
    assert b_f.min() > 0
    np.testing.assert_array_equal(b_i, -b_f)
    assert not np.any([b_g, b_o, np.asarray(params.cell_bias)])


def test_two_steps_leave_one_time():
    """u ~ U(1, 1): both gates are half open."""
    np.testing.assert_array_equal(lstm(1, 4, **chrono("lstm", 2)).init(KEY).bias, 0)


def test_gates_share_random_numbers_only_where_they_are_asked_to():
    def both(**options):
        return biases(gru(1, 16, bias_init=PerGate((normal(1.0), normal(2.0), normal(1.0)), **options)), 3)

    r, z, n = both(one_key=True)
    np.testing.assert_array_equal(r, n)
    np.testing.assert_allclose(z, 2 * r, rtol=1e-6)
    r, z, n = both()
    assert np.abs(r - n).min() > 0
    assert np.abs(z - 2 * r).min() > 0


def test_a_cell_with_chrono_compares_and_pickles():
    cell, again, other = (lstm(1, 4, **chrono("lstm", steps)) for steps in (100, 100, 101))
    assert cell == again != other
    assert pickle.loads(pickle.dumps(cell)) == cell


@pytest.mark.parametrize("steps", [1.99, 0, -5, float("inf"), float("nan")])
@pytest.mark.parametrize("cell", ["lstm", "gru", "mgu"])
def test_fewer_than_two_steps_are_refused(cell, steps):
    with pytest.raises(ValueError, match=f"at least 2.* and finite; got {steps}"):
        chrono(cell, steps)


def test_other_cells_and_signs_are_refused():
    with pytest.raises(ValueError, match='the cell of chrono must be "lstm", "gru" or "mgu"; got \'elman\''):
        chrono("elman", 100)
    for sign in (0, 2.0, float("nan")):
        with pytest.raises(ValueError, match="sign must be 1.0 or -1.0; got"):
            log_time(100, sign)
