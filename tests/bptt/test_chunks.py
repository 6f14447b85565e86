"""How many steps are taken at a time: all where autodiff would hold more anyway, few where it would hold less."""

import jax
import jax.numpy as jnp
import pytest

from recurrent import elman, lru, lstm
from recurrent.bptt._chunks import CHUNK_BYTES, CHUNK_ROWS, chunk_size
from recurrent.bptt._explicit import phases_of
from recurrent.cells import diagonal, layer_norm_gru
from recurrent.sequences import prepare

D, H = 64, 128


def steps_at_a_time(cell, num_steps, batch):
    params = cell.init(jax.random.key(0))
    return chunk_size(phases_of(cell, params, prepare(cell, params, jnp.zeros((2, batch, D), jnp.float32))), num_steps)


def test_a_cell_of_which_autodiff_keeps_more_is_taken_whole():
    assert steps_at_a_time(layer_norm_gru(D, 32), 100, 32) == 100


@pytest.mark.parametrize("cell", [elman(D, H, activation="relu"), lru(D, H), diagonal(D, H)], ids=str)
def test_a_cell_of_which_autodiff_keeps_little_is_taken_in_pieces(cell):
    size = steps_at_a_time(cell, 100, 32)
    assert size <= 25
    assert size * 32 >= CHUNK_ROWS


def test_products_over_few_rows_are_not_cut_further():
    assert steps_at_a_time(lru(D, H), 200, 1) == 200


def test_what_enters_the_loop_stays_in_cache():
    size = steps_at_a_time(lstm(D, H), 10_000, 32)
    assert 0.5 * CHUNK_BYTES < size * 32 * 4 * H * 4 <= CHUNK_BYTES
