"""Smoke run of `digits`, and what its data are."""

import numpy as np
import pytest
from runs import SMALL, finished, refused

from experiments import digits
from experiments.common import handwritten

pytestmark = [
    pytest.mark.xdist_group("digits_agreement"),
    pytest.mark.usefixtures("users_numerics"),
]  # compiled networks are shared


@pytest.mark.slow
def test_digits_runs(tmp_path, monkeypatch):
    few = tuple(part[:150] for part in handwritten.split())
    monkeypatch.setattr(handwritten, "split", lambda: few)
    folder, rows, summary = finished(digits.EXPERIMENT, [*SMALL, "--seeds", "2"], tmp_path)
    assert len(rows) == 2 * 2 * 5 + 2
    assert 0.6 < summary["logistic regression"] < 1
    assert 0 <= summary["most frequent digit"] < 0.3
    assert len(list(folder.glob("parts/*.npz"))) == 1 + 2 * 2 * 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--updates", "0"], "updates must be at least 1; got 0"),
        (["--learning-rate", "-1"], "learning_rate must be positive"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(digits.EXPERIMENT, options, tmp_path / "results", capsys)


def test_the_split_of_the_digits_is_fixed_and_stratified():
    images, labels, test_images, test_labels = handwritten.split()
    assert len(test_labels) == 540  # 30 %, rounded up
    assert len(labels) + len(test_labels) == 1797
    share = np.bincount(labels) / len(labels)
    np.testing.assert_allclose(share, np.bincount(test_labels) / len(test_labels), atol=0.003)
    np.testing.assert_array_equal(test_images, handwritten.split()[2])
    pixels, rows = handwritten.read(images, 64), handwritten.read(images, 8)
    assert (pixels.shape, rows.shape) == ((64, len(images), 1), (8, len(images), 8))
    np.testing.assert_array_equal(pixels[:, 5, 0], images[5])
    np.testing.assert_array_equal(rows[2, 5], images[5, 16:24])


def test_the_digits_are_images_with_ten_labels():
    images, labels = handwritten.load()
    assert images.shape == (1797, 8, 8)
    assert images.max() == 1
    assert set(labels) == set(range(10))
