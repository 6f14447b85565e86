"""Smoke run of `names`, and what its data and baseline are."""

import numpy as np
import pytest
from runs import SMALL, finished, refused

from experiments import names
from recurrent import gru

pytestmark = [pytest.mark.xdist_group("names_plates"), pytest.mark.usefixtures("users_numerics")]


@pytest.mark.slow
def test_names_runs(tmp_path, monkeypatch):
    texts, languages, territories = names.territory_names()
    few = texts[::12], languages[::12], territories[::12]
    monkeypatch.setattr(names, "territory_names", lambda: few)
    monkeypatch.setattr(names, "NETWORKS", {"gru": gru})
    _, rows, summary = finished(names.EXPERIMENT, [*SMALL, "--seeds", "2"], tmp_path)
    assert len(rows) == 2 + 2
    assert summary["names"] == len(few[0])
    assert 0 < summary["held-out names"] < len(few[0]) / 2


def test_every_name_belongs_to_one_language_and_no_territory_is_on_both_sides():
    texts, languages, territories = names.territory_names()
    assert len(set(texts)) >= len(texts) - len(names.LANGUAGES)  # a language may give two territories one name
    owners = {}
    for text, language in zip(texts, languages, strict=True):
        assert owners.setdefault(text, language) == language
    assert set(languages) == set(range(len(names.LANGUAGES)))
    index = {name: i for i, name in enumerate(names.LANGUAGES)}
    for text, language in (("Deutschland", "de"), ("Allemagne", "fr"), ("Saksa", "fi")):
        assert languages[texts.index(text)] == index[language]
    germany = {territories[texts.index(text)] for text in ("Deutschland", "Allemagne", "Saksa")}
    assert len(germany) == 1


def test_the_ngrams_tell_languages_apart_and_their_confusions_add_up():
    texts = ["ää", "äö", "öä", "öö", "the", "thx", "tha", "ath"] * 4
    truth = np.array([0, 0, 0, 0, 1, 1, 1, 1] * 4, np.int32)
    test = np.arange(len(texts)) % 4 == 0
    accuracy, confusion = names._ngrams(texts, truth, test)
    assert accuracy == 1
    assert confusion.sum() == test.sum()
    np.testing.assert_array_equal(np.diag(confusion)[:2], [4, 4])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--updates", "0"], "updates must be at least 1; got 0"),
        (["--dropout", "1"], "dropout must lie in"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(names.EXPERIMENT, options, tmp_path / "results", capsys)
