"""The experiment that writes the names of digits."""

import numpy as np
import pytest
from runs import finished, refused

from experiments import captions
from experiments.captions.data import END, LETTERS

pytestmark = [pytest.mark.xdist_group("experiments"), pytest.mark.usefixtures("users_numerics")]

TINY = ["--hidden-size", "4", "--embed-size", "3", "--batch-size", "2", "--updates", "3", "--seeds", "2"]


def test_captions_runs(tmp_path):
    _, rows, summary = finished(captions.EXPERIMENT, TINY, tmp_path)
    assert [row["picture fed at"] for row in rows[:2]] == list(captions.FEEDS)
    assert 0.08 < float(rows[3]["exact match"]) < 0.13  # ten classes, nearly balanced
    assert summary["held out"] == round(0.3 * 1797)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds", "0"], "seeds"),
        (["--held-out", "0"], "held_out"),
        (["--learning-rate", "0"], "learning_rate"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(captions.EXPERIMENT, options, tmp_path / "results", capsys)


def test_names_are_spelled_with_one_end_symbol_that_counts():
    tokens, counts = captions.spelled()
    for digit, name in enumerate(captions.NAMES):
        assert "".join(LETTERS[i] for i in tokens[: len(name), digit]) == name
        assert (tokens[len(name) :, digit] == END).all()
        assert counts[:, digit].sum() == len(name) + 1
    assert captions.as_names(np.stack([tokens])).tolist() == [list(captions.NAMES)]
    training, held_out = captions.split(captions.Config())
    assert sorted([*training, *held_out]) == list(range(1797))
    np.testing.assert_array_equal(held_out, captions.split(captions.Config(seeds=5))[1])
