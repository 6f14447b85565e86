"""Padding and truncation at either end."""

import jax.numpy as jnp
import numpy as np
import pytest

from recurrent.data import pad, truncate

SEQUENCES = [np.arange(1, 4), np.arange(1, 2), np.zeros(0, int), np.arange(1, 7)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[1, 2, 3, 0, 0, 0], [1, 0, 0, 0, 0, 0], [0] * 6, [1, 2, 3, 4, 5, 6]]),
        ({"side": "front"}, [[0, 0, 0, 1, 2, 3], [0, 0, 0, 0, 0, 1], [0] * 6, [1, 2, 3, 4, 5, 6]]),
        ({"num_steps": 2}, [[1, 2], [1, 0], [0, 0], [1, 2]]),
        ({"num_steps": 2, "keep": "back"}, [[2, 3], [1, 0], [0, 0], [5, 6]]),
        ({"num_steps": 2, "keep": "back", "side": "front", "value": -1}, [[2, 3], [-1, 1], [-1, -1], [5, 6]]),
    ],
)
def test_padding_and_truncation_at_either_end(options, expected):
    xs, mask = pad(SEQUENCES, **options)
    np.testing.assert_array_equal(xs.T, expected)
    np.testing.assert_array_equal(mask.sum(axis=0), np.minimum([3, 1, 0, 6], len(xs)))
    assert jnp.asarray(mask).dtype == jnp.bool_


@pytest.mark.parametrize(
    ("sequences", "options", "message"),
    [
        ([], {}, "at least one sequence"),
        (SEQUENCES, {"side": "left"}, "side must be"),
        (SEQUENCES, {"keep": "end"}, "keep must be"),
        (SEQUENCES, {"num_steps": 0}, "at least 1"),
        ([np.zeros((2, 3)), np.zeros((2, 4))], {}, "must agree"),
    ],
)
def test_bad_padding_is_refused(sequences, options, message):
    with pytest.raises(ValueError, match=message):
        pad(sequences, **options)


def test_truncate_leaves_short_sequences_alone():
    np.testing.assert_array_equal(truncate(np.arange(3), 5), np.arange(3))
