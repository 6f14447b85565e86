"""The two experiments that write: dates in ISO 8601, and the names of digits."""

import csv
import datetime
import json
import re

import numpy as np
import pytest
from babel.dates import get_day_names, get_month_names

from experiments import captions, dates
from experiments._dates_data import END, FIRST, FORMATS, ISO, LAST, NUM_DAYS, alphabet, date_of, draw, longest, split, written
from experiments._run import main

pytestmark = [pytest.mark.xdist_group("experiments"), pytest.mark.usefixtures("users_numerics")]

LANGUAGES = dates.Config().languages
FILES = {"config.json", "metrics.csv", "summary.json", "figure.png", "figure.svg", "curves.npz", "parts"}
TINY_DATES = [
    "--languages", "en_US", "de", "--hidden-size", "4", "--embed-size", "3", "--batch-size", "2", "--updates", "3",
    "--training-pairs", "20", "--test-pairs", "5", "--beam-width", "2", "--contexts", "attention",
]  # fmt: skip
TINY_CAPTIONS = ["--hidden-size", "4", "--embed-size", "3", "--batch-size", "2", "--updates", "3", "--seeds", "2"]


def run_tiny(experiment, options, output):
    main(experiment, [*options, "--output", str(output)])
    folder = next((output / experiment.name).iterdir())
    assert {path.name for path in folder.iterdir()} == FILES
    with (folder / "metrics.csv").open() as file:
        return folder, list(csv.DictReader(file)), json.loads((folder / "summary.json").read_text())


def test_dates_runs_and_an_interrupted_run_continues(tmp_path, monkeypatch):
    folder, rows, summary = run_tiny(dates.EXPERIMENT, TINY_DATES, tmp_path)
    assert [row["model"] for row in rows] == ["attention"]
    assert all(row["updates"] == "3" for row in rows)
    assert summary["loss of knowing only that it is a date of the century"] == pytest.approx(np.log(36525) / 11)
    metrics = (folder / "metrics.csv").read_bytes()
    for name in FILES - {"config.json", "parts"}:
        (folder / name).unlink()
    monkeypatch.setattr(dates, "train", None)  # everything is loaded
    main(dates.EXPERIMENT, [*TINY_DATES, "--resume", str(folder)])
    assert (folder / "metrics.csv").read_bytes() == metrics


def test_captions_runs(tmp_path):
    _, rows, summary = run_tiny(captions.EXPERIMENT, TINY_CAPTIONS, tmp_path)
    assert [row["picture fed at"] for row in rows[:2]] == list(captions.FEEDS)
    assert 0.08 < float(rows[3]["exact match"]) < 0.13  # ten classes, nearly balanced
    assert summary["held out"] == round(0.3 * 1797)


@pytest.mark.parametrize(
    ("experiment", "options", "message"),
    [
        (dates.EXPERIMENT, ["--languages", "en_US", "klingon"], "klingon"),
        (dates.EXPERIMENT, ["--languages", "de", "de"], "languages"),
        (dates.EXPERIMENT, ["--contexts", "last"], "contexts"),
        (dates.EXPERIMENT, ["--held-out", "1"], "held_out"),
        (dates.EXPERIMENT, ["--beam-width", "0"], "beam_width"),
        (dates.EXPERIMENT, ["--seed", "-1"], "seed"),
        (captions.EXPERIMENT, ["--seeds", "0"], "seeds"),
        (captions.EXPERIMENT, ["--held-out", "0"], "held_out"),
        (captions.EXPERIMENT, ["--learning-rate", "0"], "learning_rate"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(experiment, options, message, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(experiment, [*options, "--output", str(tmp_path / "results")])
    assert message in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_no_date_is_in_training_and_held_out():
    training, held_out = split(0.1, seed=0)
    assert not set(training) & set(held_out)
    np.testing.assert_array_equal(np.sort(np.concatenate([training, held_out])), np.arange(NUM_DAYS))
    assert len(held_out) == round(0.1 * NUM_DAYS)
    assert np.isin(draw(held_out, 50, LANGUAGES, longest(LANGUAGES), seed=1).days, held_out).all()
    assert not np.array_equal(held_out, split(0.1, seed=1)[1])


def test_the_century_makes_years_of_two_digits_unambiguous():
    assert (date_of(0), date_of(NUM_DAYS - 1)) == (FIRST, LAST)
    assert len({year % 100 for year in range(FIRST.year, LAST.year + 1)}) == LAST.year - FIRST.year + 1


def test_every_written_date_is_in_its_language_and_means_its_iso_date():
    pairs = draw(split(0.1, 0)[1], 400, LANGUAGES, longest(LANGUAGES), seed=2)
    symbols = alphabet(LANGUAGES)
    assert set(pairs.languages) == set(range(len(LANGUAGES)))
    for i, day in enumerate(pairs.days):
        date, language, form = date_of(day), LANGUAGES[pairs.languages[i]], FORMATS[pairs.formats[i]]
        source = [symbols[code] for code in pairs.source[: pairs.lengths[i], i]]
        assert source == written(day, language, form)
        assert source[0] == f"<{language}>"
        assert not pairs.source[pairs.lengths[i] :, i].any()
        assert pairs.target[-1, i] == END
        iso = "".join(ISO[code] for code in pairs.target[:-1, i])
        assert datetime.date.fromisoformat(iso) == date
        text = "".join(source[1:])
        numbers = {int(number) for number in re.findall(r"\d+", text)}
        assert date.day in numbers
        assert numbers & {date.year, date.year % 100}
        if form == "full":
            assert get_day_names("wide", "format", language)[date.weekday()] in text
            assert get_month_names("wide", "format", language)[date.month] in text


def test_the_order_of_day_and_month_depends_on_the_language():
    day = (datetime.date(1987, 3, 4) - FIRST).days
    assert written(day, "en_US", "short") == ["<en_US>", *"3/4/87"]
    assert written(day, "es", "short") == ["<es>", *"4/3/87"]
    assert written(day, "de", "short") == ["<de>", *"04.03.87"]


def test_names_are_spelled_with_one_end_symbol_that_counts():
    tokens, counts = captions.spelled()
    for digit, name in enumerate(captions.NAMES):
        assert "".join(captions.LETTERS[i] for i in tokens[: len(name), digit]) == name
        assert (tokens[len(name) :, digit] == captions.END).all()
        assert counts[:, digit].sum() == len(name) + 1
    assert captions.as_names(np.stack([tokens])).tolist() == [list(captions.NAMES)]
    training, held_out = captions.split(captions.Config())
    assert sorted([*training, *held_out]) == list(range(1797))
    np.testing.assert_array_equal(held_out, captions.split(captions.Config(seeds=5))[1])
