"""Smoke runs of `names` and `plates`, and what their data are."""

import jax.numpy as jnp
import numpy as np
import pytest
from test_digits_agreement import SMALL, finished

from experiments import names, plates
from experiments._run import main

pytestmark = [pytest.mark.xdist_group("names_plates"), pytest.mark.usefixtures("users_numerics")]


@pytest.mark.slow
def test_names_runs(tmp_path, monkeypatch):
    texts, languages, territories = names.territory_names()
    few = texts[::12], languages[::12], territories[::12]
    monkeypatch.setattr(names, "territory_names", lambda: few)
    monkeypatch.setattr(names, "NETWORKS", {"gru": names.gru})
    summary, rows = finished(names.EXPERIMENT, [*SMALL, "--seeds", "2"], tmp_path)
    assert len(rows) == 1 + 2 + 2
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


def test_plates_runs(tmp_path, monkeypatch):
    images, labels = plates._data.digits()
    monkeypatch.setattr(plates._data, "digits", lambda: (images[:80], labels[:80]))
    summary, rows = finished(plates.EXPERIMENT, [*SMALL, "--slots", "3", "--seeds", "2"], tmp_path)
    assert len(rows) == 1 + 3 * 3
    assert [row.split(",")[-3] for row in rows[1:4]] == ["yes", "never", "yes"]
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
    columns, labels = plates.batch_of(config, images, jnp.arange(5), jnp.array([0, 2]), plates.jax.random.key(0))
    filled = np.asarray(columns).any(axis=-1).reshape(5, 8, 50).all(axis=1)
    np.testing.assert_array_equal(filled.sum(axis=0), 1)
    assert set(np.argmax(filled, axis=0)) == {0, 2}
    assert set(np.asarray(labels)) <= set(range(5))


@pytest.mark.parametrize(
    ("experiment", "options", "message"),
    [
        (names.EXPERIMENT, ["--updates", "0"], "updates must be at least 1; got 0"),
        (names.EXPERIMENT, ["--dropout", "1"], "dropout must lie in"),
        (plates.EXPERIMENT, ["--slots", "1"], "slots must be at least 2"),
        (plates.EXPERIMENT, ["--noise", "-1"], "noise must be at least 0"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(experiment, options, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(experiment, [*options, "--output", str(tmp_path / "results")])
    assert message in " ".join(f"{stopped.value.code} {capsys.readouterr().err}".replace("│", " ").split())
    assert not (tmp_path / "results").exists()
