"""Smoke run of `plates`, and what its data are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from runs import SMALL, finished, refused

from experiments import plates
from experiments.common import handwritten

pytestmark = [pytest.mark.xdist_group("names_plates"), pytest.mark.usefixtures("users_numerics")]


def test_plates_runs(tmp_path, monkeypatch):
    images, labels = handwritten.load()
    monkeypatch.setattr(handwritten, "load", lambda: (images[:80], labels[:80]))
    _, rows, summary = finished(plates.EXPERIMENT, [*SMALL, "--slots", "3", "--seeds", "2"], tmp_path)
    assert len(rows) == 3 * 3
    assert [row["trained"] for row in rows[:3]] == ["yes", "never", "yes"]
    assert 0 <= summary["gru, places never trained"] <= 1


def test_a_plate_is_empty_but_for_its_place():
    images = jnp.asarray(np.random.default_rng(0).random((4, 8, 8)), jnp.float32)
    columns = np.asarray(plates.plates(images, jnp.array([0, 2, 1, 2]), 3, 0.0))
    assert columns.shape == (8 * 4, 4, 8)
    for row, slot in enumerate([0, 2, 1, 2]):
        place = slice(8 * slot, 8 * slot + 8)
        np.testing.assert_allclose(columns[place, row], np.asarray(images[row]).T)  # column by column
        assert not np.delete(columns[:, row], place, axis=0).any()


def test_training_plates_hold_digits_at_allowed_places_only():
    config = plates.Config(slots=4, batch_size=50, noise=0.0)
    images = jnp.ones((5, 8, 8), jnp.float32)
    columns, labels = plates.batch_of(config, images, jnp.arange(5), jnp.array([0, 2]), jax.random.key(0))
    filled = np.asarray(columns).any(axis=-1).reshape(5, 8, 50).all(axis=1)
    np.testing.assert_array_equal(filled.sum(axis=0), 1)
    assert set(np.argmax(filled, axis=0)) == {0, 2}
    assert set(np.asarray(labels)) <= set(range(5))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--slots", "1"], "slots must be at least 2"),
        (["--noise", "-1"], "noise must be at least 0"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(plates.EXPERIMENT, options, tmp_path / "results", capsys)
